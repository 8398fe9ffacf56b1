"""Costs are counted right and timed fairly."""

import pandas as pd
import pytest
import torch

from attention.core import devices
from attention.models.mechanisms import MECHANISMS
from attention.models.variants import VARIANTS, build_model
from attention.study import latency
from attention.study.latency import Setting


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
    assert latency.multiply_adds(build_model("baseline")) == by_hand()


@pytest.mark.full_width
def test_self_attention_counts_its_two_matrix_products():
    extra = latency.multiply_adds(build_model("self-attention-stage")) - by_hand()
    channels, positions, hidden = 192, 100, 24
    convolutions = 2 * channels * hidden * positions
    assert extra == convolutions + positions * positions * (hidden + channels)


@pytest.mark.parametrize("name", [n for n, v in VARIANTS.items() if v.mechanism and v.position != "replace"])
def test_attention_adds_parameters_and_never_removes_work(name):
    model, plain = build_model(name), build_model("baseline")
    has_weights = bool(list(MECHANISMS[VARIANTS[name].mechanism].build(8).parameters()))
    assert (latency.parameters(model) > latency.parameters(plain)) == has_weights
    assert latency.multiply_adds(model) >= latency.multiply_adds(plain)


@pytest.mark.full_width
def test_in_place_of_a_convolution_attention_saves_work():
    model, plain = build_model("mhsa-block"), build_model("baseline")
    assert latency.parameters(model) < latency.parameters(plain)
    assert latency.multiply_adds(model) < latency.multiply_adds(plain)


def measured(names, device, setting, repeats=3, **options) -> pd.DataFrame:
    measurement = latency.Measurement(names, setting, device, **options)
    list(measurement.timing.run(repeats, warm_ups=1))
    return measurement.rows()


def test_a_measurement_has_a_row_a_variant(device):
    rows = measured(["baseline", "se-block"], device, Setting(2, 96))
    assert rows["variant"].tolist() == ["baseline", "se-block"] and rows.columns.tolist() == latency.COLUMNS
    assert (rows["p50_ms"] > 0).all() and (rows["p90_ms"] >= rows["p50_ms"]).all()
    assert (rows["batch_size"] == 2).all() and (rows["pixels"] == 96).all() and (rows["dtype"] == "float32").all()
    assert rows["images_per_second"].tolist() == pytest.approx((2e3 / rows["p50_ms"]).tolist(), abs=0.1)
    assert rows["busy"].all(), "three calls are not the record's number"


def test_memory_grows_with_the_batch(device):
    one, four = (measured(["self-attention-stage1"], device, Setting(n, 96), 1)["working_memory_mb"][0] for n in (1, 4))
    assert one > 24**4 * 4 / 1e6, "the matrix of 24 x 24 positions alone"
    assert four == pytest.approx(4 * one, rel=0.3)


@pytest.mark.parametrize(("batch_size", "calls"), [(1, 200), (8, 25), (32, 20), (256, 20)])
def test_fewer_calls_at_larger_batches(batch_size, calls):
    assert latency.calls_at(batch_size) == calls
    assert latency.calls_at(batch_size, 5) == 5, "no more than were asked for"


def test_the_record_has_every_batch_and_resolution():
    settings = latency.standard_settings(torch.device("cpu"))
    assert {(s.batch_size, s.pixels) for s in settings} == {(1, 160), (8, 160), (32, 160), (1, 128), (1, 224)}
    has_bfloat16 = devices.multiplies_in(torch.bfloat16, torch.device("cpu"))
    assert (Setting(dtype=torch.bfloat16) in settings) == has_bfloat16
    assert len(set(settings)) == len(settings)


def test_a_batch_too_large_is_refused_with_the_next_smaller_one(device, monkeypatch):
    monkeypatch.setattr(devices, "free_memory_mb", lambda device: 100.0)
    with pytest.raises(latency.BenchmarkError, match=r"Batch 4096 at 96 px needs about .* GB, .*: try --batch (\d+)\."):
        latency.Measurement(["baseline"], Setting(4096, 96), device)
    latency.Measurement(["baseline"], Setting(2, 96), device)


def test_running_out_of_memory_is_a_sentence(monkeypatch):
    def full(self):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(latency.Measurement, "_memory", full)
    with pytest.raises(latency.BenchmarkError, match="does not fit.*try --batch 128"):
        latency.Measurement(["baseline"], Setting(256, 96), torch.device("cpu"))


def test_a_dtype_that_the_device_lacks_is_refused(monkeypatch):
    monkeypatch.setattr(devices, "multiplies_in", lambda dtype, device: dtype != torch.float16)
    with pytest.raises(devices.DeviceError, match="does not multiply in float16. Use --dtype bfloat16."):
        latency.Measurement(["baseline"], Setting(dtype=torch.float16), torch.device("cpu"))


# the record

ROW = {
    "variant": "baseline", "device": "A", "dtype": "float32", "batch_size": 1, "pixels": 160, "threads": 2, "calls": 200,
    "p50_ms": 5.0, "busy": False,
}  # fmt: skip


@pytest.fixture
def record(tmp_path, monkeypatch):
    """latency.record on an empty file; returns what it holds then, by device."""
    monkeypatch.setattr(latency, "LATENCY_FILE", tmp_path / "latency.csv")

    def put(*changes: dict) -> dict:
        latency.record(pd.DataFrame([ROW | change for change in changes]))
        return pd.read_csv(tmp_path / "latency.csv").set_index("device")["p50_ms"].to_dict()

    return put


def test_recording_replaces_the_same_circumstances_and_keeps_others(record):
    record({})
    assert record({"p50_ms": 4.0}, {"device": "B", "p50_ms": 1.0}) == {"A": 4.0, "B": 1.0}


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ({}, {"busy": True}, "old"),
        ({"busy": True}, {}, "new"),
        ({"busy": True}, {"busy": True}, "new"),
        ({"busy": True}, {"busy": True, "calls": 40}, "old"),
        ({"busy": True, "calls": 40}, {"busy": True}, "new"),
        ({"calls": 500}, {}, "new"),
    ],
)
def test_a_worse_row_replaces_no_better_one(record, old, new, kept):
    record(old)
    assert record(new | {"p50_ms": 4.0}) == {"A": 5.0 if kept == "old" else 4.0}


def test_recording_says_how_many_rows_were_not_taken(record):
    record({}, {"device": "B"})
    assert latency.record(pd.DataFrame([ROW | {"busy": True}, ROW | {"device": "C"}])) == 1


def test_rows_of_older_files_lack_columns_and_stay(record, tmp_path):
    record({"device": "old"})
    assert record({"warm_ups": 20}) == {"A": 5.0, "old": 5.0}
    assert ",20\n" in (tmp_path / "latency.csv").read_text(), "a count stays a whole number beside a gap"
