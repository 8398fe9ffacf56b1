"""Costs are counted right and timed fairly."""

import pandas as pd
import pytest
import torch

from attention import benchmark
from attention.variants import VARIANTS, build_model


def by_hand(pixels: int = 160) -> int:
    """Multiply-adds of the plain network, summed over its convolutions and its classifier from shapes seen in a pass."""
    model, total = build_model("baseline").eval(), 0

    def count(module, _inputs, output):
        nonlocal total
        if isinstance(module, torch.nn.Conv2d):
            total += module.weight.numel() * output.shape[-2] * output.shape[-1]
        else:
            total += module.weight.numel()

    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            module.register_forward_hook(count)
    with torch.no_grad():
        model(torch.zeros(1, 3, pixels, pixels))
    return total


def test_multiply_adds_against_a_count_by_hand():
    assert benchmark.multiply_adds(build_model("baseline")) == by_hand()


def test_self_attention_counts_its_two_matrix_products():
    extra = benchmark.multiply_adds(build_model("self-attention-stage")) - by_hand()
    channels, positions, hidden = 192, 100, 24
    convolutions = 2 * channels * hidden * positions
    assert extra == convolutions + positions * positions * (hidden + channels)


@pytest.mark.parametrize("name", [n for n, v in VARIANTS.items() if v.mechanism and v.position != "replace"])
def test_attention_adds_parameters_and_never_removes_work(name):
    model, plain = build_model(name), build_model("baseline")
    assert benchmark.parameters(model) > benchmark.parameters(plain)
    assert benchmark.multiply_adds(model) >= benchmark.multiply_adds(plain)


def test_in_place_of_a_convolution_attention_saves_work():
    model, plain = build_model("mhsa-block"), build_model("baseline")
    assert benchmark.parameters(model) < benchmark.parameters(plain)
    assert benchmark.multiply_adds(model) < benchmark.multiply_adds(plain)


def test_round_robin_interleaves():
    order = []
    times = benchmark.time_round_robin({n: lambda n=n: order.append(n) for n in "abc"}, repeats=4)
    assert order[3 * benchmark.WARM_UPS :] == list("abc") * 4
    assert all(len(t) == 4 and (t >= 0).all() for t in times.values())


def test_measure_has_a_row_a_variant(monkeypatch, device):
    monkeypatch.setattr(benchmark, "WARM_UPS", 1)
    rows = benchmark.measure(["baseline", "se-block"], device, repeats=3, pixels=96)
    assert rows["variant"].tolist() == ["baseline", "se-block"]
    assert (rows["p50_ms"] > 0).all() and (rows["p90_ms"] >= rows["p50_ms"]).all()
    assert set(benchmark.KEY) < set(rows.columns) and rows["busy"].dtype == bool


def test_recording_replaces_the_same_circumstances_and_keeps_others(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "LATENCY_FILE", tmp_path / "latency.csv")
    row = {
        "variant": "baseline",
        "device": "A",
        "dtype": "float32",
        "batch_size": 1,
        "pixels": 160,
        "threads": 2,
        "p50_ms": 5.0,
    }
    benchmark.record(pd.DataFrame([row]))
    benchmark.record(pd.DataFrame([row | {"p50_ms": 4.0}, row | {"device": "B", "p50_ms": 1.0}]))
    assert pd.read_csv(tmp_path / "latency.csv").set_index("device")["p50_ms"].to_dict() == {"A": 4.0, "B": 1.0}
