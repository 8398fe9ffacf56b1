"""The committed tables, how they are made, and that the page shows nothing else."""

import re

import pandas as pd
import pytest
import torch

from attention import checkpoints, datasets, foreign, results
from attention import runs as runs_module
from attention.evaluation import predict
from attention.files import write_json
from attention.ui import benchmarks
from attention.variants import VARIANTS

RECORD = {
    "seed": 0, "epochs": 1, "seconds_an_epoch": 1.0, "device": "a processor", "threads": 1, "precision": "float32",
}  # fmt: skip


@pytest.fixture
def scored(tiny_dataset, published, tmp_path, monkeypatch):
    """The folder of results that `evaluate` wrote for untrained models on the generated data set."""
    folder = tmp_path / "results"
    monkeypatch.setattr(results, "ACCURACY_FILE", folder / "accuracy.csv")
    monkeypatch.setattr(results, "LATENCY_FILE", folder / "latency.csv")
    monkeypatch.setattr(foreign, "RESULT_FILE", folder / "foreign.csv")
    monkeypatch.setattr(runs_module, "RECORDS", folder / "runs")
    for name in VARIANTS:
        write_json(folder / "runs" / "imagenette" / "smoke" / f"{name}-seed0.json", RECORD | {"variant": name})
    results.evaluate("imagenette", torch.device("cpu"), progress=lambda line: None)
    return folder


def test_evaluate_counts_what_the_models_say(scored):
    table = pd.read_csv(scored / "accuracy.csv").set_index("variant")
    assert list(table.index) == list(VARIANTS)
    test = datasets.load("imagenette", "val")
    chosen = predict(checkpoints.load("cbam-block"), test, torch.device("cpu")).argmax(1)
    assert table.loc["cbam-block", "correct"] == (chosen == test.labels.numpy()).sum()
    assert ((table["low"] <= table["accuracy"]) & (table["accuracy"] <= table["high"])).all()
    assert not (scored / "foreign.csv").exists(), "there is no other set to hold val against"


def test_evaluating_twice_changes_nothing(scored):
    before = (scored / "accuracy.csv").read_text()
    results.evaluate("imagenette", torch.device("cpu"), progress=lambda line: None)
    assert (scored / "accuracy.csv").read_text() == before


def test_the_page_without_latency_says_how_to_get_it(scored):
    table = results.summary()
    html = benchmarks.notes_html("en", table)
    assert "python -m attention benchmark" in html and benchmarks.table_html("en", table).count("<tr data-") == len(
        VARIANTS
    )


def test_the_page_without_any_result_says_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "ACCURACY_FILE", tmp_path / "none.csv")
    top, plot, below, gpu = benchmarks._render("en", "imagenette")
    assert "python -m attention evaluate" in top and plot["visible"] is False and below == ""


def test_devices_are_never_mixed(scored):
    rows = [
        {"variant": name, "device": device, "device_type": "cpu", "dtype": "float32", "batch_size": 1, "pixels": 160,
         "threads": 2, "calls": 5, "p50_ms": p50, "p90_ms": p50, "busy": False, "measured": measured}
        for device, p50, measured in (("old", 9.0, "2026-01-01"), ("new", 3.0, "2026-02-01"))
        for name in VARIANTS
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(scored / "latency.csv", index=False)
    table = results.summary()
    assert set(table["device"]) == {"new"} and (table["p50_ms"] == 3.0).all()
    assert results.summary(device_type="cuda")["p50_ms"].isna().all()


def test_every_number_of_the_committed_page_is_in_the_committed_files():
    table = results.summary()
    numbers = re.findall(r"<td data-value=\"([^\"]+)\">([^<]+)", benchmarks.table_html("en", table))
    known = [float(v) for column in table.select_dtypes("number") for v in table[column]]
    assert len(numbers) >= 6 * len(table)
    for value, shown in numbers:
        assert any(float(value) == pytest.approx(k) for k in known), (value, shown)


def test_the_committed_latencies_cover_the_committed_models():
    latency = results.read(results.LATENCY_FILE)
    assert set(checkpoints.available()) <= set(latency.query("device_type == 'cpu' and batch_size == 1")["variant"])
    assert (latency["p90_ms"] >= latency["p50_ms"]).all() and (latency["calls"] >= 200).all()


def test_the_committed_detector_was_measured_on_both_sets():
    table = results.read(foreign.RESULT_FILE)
    assert set(table["score"]) == set(foreign.SCORES) and table["against"].nunique() == 2
    assert table["familiar_kept"].between(0.94, 0.96).all() and (table["familiar_images"] == 3925).all()
