"""The summaries, how they are rebuilt from runs, and that the page shows nothing else."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import torch

from attention.core import paths
from attention.core.files import write_json
from attention.inference import out_of_distribution
from attention.models import checkpoints
from attention.pictures import datasets, splits
from attention.pictures.preprocessing import Preprocessing
from attention.study import committed, foreign, leaderboard, lookup, rescoring, tables, test_sizes
from attention.study.committed import ResultsError
from attention.study.latency import calls_at
from attention.training.recipes import RECIPES
from attention.training.scoring import predict
from attention.web.tabs.benchmarks import tab as benchmarks

FILES = ("RUNS_FILE", "ACCURACY_FILE", "PER_CLASS_FILE", "CURVES_FILE")
PER_CLASS, CLASSES = 40, 10
LABELS = np.repeat(np.arange(CLASSES, dtype=np.uint8), PER_CLASS)
RECORD = {
    "dataset": "imagenette", "scored_on": "val", "images": len(LABELS), "epochs": 2, "seconds": 3.0,
    "seconds_an_epoch": 1.5, "peak_memory_mb": 100, "parameters": 7, "weights_sha256": "00", "device": "a processor",
    "device_type": "cpu", "precision": "float32", "threads": 1, "versions": {"python": "3", "torch": "2"},
    "code_commit": "tested", "ended": "2026-01-01T00:00:00+00:00",
    "history": [{"epoch": 1, "pixels": 64, "loss": 2.0, "train_accuracy": 0.1, "test_accuracy": 0.2, "seconds": 1.5}],
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder in place of data/results."""
    folder = tmp_path / "results"
    for name in FILES:
        monkeypatch.setattr(tables, name, folder / getattr(tables, name).name)
    monkeypatch.setattr(lookup, "ACCURACY_FILE", tables.ACCURACY_FILE)
    monkeypatch.setattr(lookup, "LATENCY_FILE", folder / "latency.csv")
    monkeypatch.setattr(lookup, "MECHANISMS_FILE", folder / "mechanisms_latency.csv")
    monkeypatch.setattr(committed, "PREDICTIONS", folder / "predictions")
    monkeypatch.setattr(committed, "LABELS", folder / "labels")
    monkeypatch.setattr(paths, "RECORDS", folder / "runs")
    monkeypatch.setattr(out_of_distribution, "RESULT_FILE", folder / "foreign.csv")
    monkeypatch.setattr(test_sizes, "RESULT_FILE", folder / "test_sizes.csv")
    monkeypatch.setattr(leaderboard, "RESULT_FILE", folder / "leaderboard.csv")
    return folder


def add_run(folder, variant, seed, accuracy, recipe="smoke", **fields):
    """Commit a synthetic run: the images that it has wrong are drawn by variant and seed."""
    random = np.random.default_rng([len(variant), seed])
    wrong = random.random(len(LABELS)) >= accuracy
    predicted = (LABELS + wrong) % CLASSES
    probabilities = np.full((len(LABELS), CLASSES), 0.02, np.float16)
    probabilities[np.arange(len(LABELS)), predicted] = 0.82
    name = f"{variant}-seed{seed}"
    path = folder / "predictions" / "imagenette" / recipe / f"{name}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, probabilities=probabilities)
    record = RECORD | {"variant": variant, "seed": seed, "recipe": recipe, "recipe_hash": RECIPES[recipe].hash}
    record |= {"accuracy": float(1 - wrong.mean())} | fields
    write_json(folder / "runs" / "imagenette" / recipe / f"{name}.json", record)


def rebuild() -> list[str]:
    said = []
    tables.rebuild(said.append)
    return said


@pytest.fixture
def study(folder):
    """Three seeds of the baseline, one that is better, one that is as good; one seed of a fourth. Rebuilt."""
    committed.save_labels("imagenette", LABELS)
    for seed in range(3):
        add_run(folder, "baseline", seed, 0.7)
        add_run(folder, "se-block", seed, 0.97, strengths={"stage.gamma": 0.31, "a gate mean": 0.5})
        add_run(folder, "cbam-block", seed, 0.7)
    add_run(folder, "qk-spatial-input", 0, 0.5)
    rebuild()
    return folder


def table(folder, file="accuracy.csv"):
    return pd.read_csv(folder / file)


def test_training_cost_is_that_of_one_machine(folder):
    """Two of three baselines on one machine, the third and the only SE run on another: seconds are never mixed."""
    committed.save_labels("imagenette", LABELS)
    for seed in range(3):
        elsewhere = {"device": "another", "seconds_an_epoch": 99.0} if seed == 2 else {}
        add_run(folder, "baseline", seed, 0.7, **elsewhere)
    add_run(folder, "se-block", 0, 0.7, device="another", seconds_an_epoch=99.0)
    rebuild()
    rows = table(folder).set_index("variant")
    assert rows.loc["baseline", "seconds_an_epoch"] == 1.5 and pd.isna(rows.loc["se-block", "seconds_an_epoch"])
    assert set(rows["timed_on"]) == {"a processor"}
    assert rows.loc["baseline", "training_device"] == "a processor; another"


def test_a_row_a_variant(study):
    rows = table(study).set_index("variant")
    assert list(rows.index) == ["baseline", "qk-spatial-input", "se-block", "cbam-block"]  # the order of VARIANTS
    assert rows["verdict"].to_dict() == {
        "baseline": "reference", "se-block": "gain", "cbam-block": "undecided", "qk-spatial-input": "not judged yet",
    }  # fmt: skip
    assert rows["interval"].to_dict() == dict.fromkeys(rows.index, "seeds") | {"qk-spatial-input": "images"}
    assert ((rows["low"] <= rows["accuracy"]) & (rows["accuracy"] <= rows["high"])).all()
    others = rows.drop("baseline")
    assert (100 * (others["accuracy"] - rows.loc["baseline", "accuracy"]) - others["difference_points"]).iloc[
        1:
    ].abs().max() < 0.001
    assert (others["difference_low_points"] < others["difference_points"]).all()
    assert (others["bootstrap_low_points"] < others["difference_points"]).all() and others["mcnemar_p"].notna().all()
    judged = rows.loc[["se-block", "cbam-block"]]
    assert (judged["p_holm"] >= judged["p"]).all() and (judged["detectable_points"] > 0).all()
    assert rows.loc[["baseline", "qk-spatial-input"], ["p", "p_holm", "detectable_points"]].isna().all(axis=None)


def test_a_row_a_run_with_what_made_it(study):
    rows = table(study, "runs.csv")
    assert len(rows) == 10 and (rows["correct"] == (rows["accuracy"] * rows["images"]).round()).all()
    run = rows.query("variant == 'se-block' and seed == 1").iloc[0]
    assert json.loads(run["strengths"]) == {"stage.gamma": 0.31, "a gate mean": 0.5}
    assert (run["mechanism"], run["placement"], run["device"], run["threads"]) == ("se", "block", "a processor", 1)
    assert run["calibration_error"] == pytest.approx(abs(run["accuracy"] - 0.82), abs=0.001)  # one bin holds them all
    assert len(table(study, "curves.csv")) == 10


def test_a_row_a_class_with_its_confusion(study):
    rows = table(study, "per_class.csv")
    assert len(rows) == 4 * CLASSES and (rows["images"] == PER_CLASS).all()
    tench = rows.query("variant == 'baseline' and `class` == 'tench'").iloc[0]
    counts = [int(count) for count in tench["predicted"].split()]
    assert sum(counts) == 3 * PER_CLASS and counts[0] / sum(counts) == pytest.approx(tench["accuracy"], abs=1e-6)
    assert sum(counts[:2]) == sum(counts), "the synthetic runs take a class for the next one"


def test_rebuilding_again_changes_no_byte(study):
    before = {path.name: path.read_bytes() for path in study.glob("*.csv")}
    said = rebuild()
    assert {path.name: path.read_bytes() for path in study.glob("*.csv")} == before and len(before) == 4
    assert said == ["runs.csv: 10 rows", "accuracy.csv: 4 rows", "per_class.csv: 40 rows", "curves.csv: 10 rows"]


def test_pairs_are_of_the_seeds_that_the_baseline_has_too(study):
    add_run(study, "qk-spatial-input", 7, 0.5)
    rebuild()
    row = table(study).set_index("variant").loc["qk-spatial-input"]
    assert (row["seeds"], row["paired_seeds"], row["verdict"]) == (2, 1, "not judged yet")


def test_without_a_baseline_nothing_is_judged(study):
    for path in study.glob("runs/*/*/baseline*"):
        path.unlink()
    rebuild()
    rows = table(study)
    assert set(rows["verdict"]) == {"not judged yet"} and rows["difference_points"].isna().all()


def test_recipes_are_never_mixed(study, monkeypatch, tmp_path):
    monkeypatch.setattr(checkpoints, "CHECKPOINTS", tmp_path / "none")
    add_run(study, "se-block", 0, 0.9, recipe="cpu")
    add_run(study, "baseline", 0, 0.9, recipe="cpu")
    rebuild()
    rows = table(study).groupby("recipe")["variant"].apply(list).to_dict()
    assert rows["cpu"] == ["baseline", "se-block"] and len(rows["smoke"]) == 4
    assert set(lookup.summary()["recipe"]) == {"smoke"}, "it has the most runs"
    entry = {"file": "baseline.safetensors", "sha256": "0", "recipe": "cpu"}
    write_json(tmp_path / "none" / "imagenette" / "manifest.json", {"models": {"baseline": entry}})
    assert set(lookup.summary()["recipe"]) == {"cpu"}, "the checkpoints are of it"
    write_json(tmp_path / "none" / "imagenette" / "manifest.json", {"models": {"baseline": {"recipe": "gone"}}})
    assert set(lookup.summary()["recipe"]) == {"smoke"}


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"recipe_hash": "0123"}, "recipe smoke has changed since"),
        ({"scored_on": "a tenth of train, held out"}, "scored on a tenth of train"),
        ({"trained_on": 2000}, "it learned from 2,000 of 9,469 photographs"),
    ],
)
def test_runs_that_have_no_place_are_named_and_left_out(study, fields, why):
    add_run(study, "gc-block", 0, 0.5, **fields)
    said = rebuild()
    assert re.match(rf"data/results/runs/imagenette/smoke/gc-block-seed0.json is left out: .*{why}", said[0])
    assert "gc-block" not in set(table(study)["variant"])


@pytest.mark.parametrize("field", ["variant", "recipe"])
def test_runs_of_what_is_no_more_are_left_out(study, field):
    path = study / "runs" / "imagenette" / "smoke" / "se-block-seed0.json"
    record = json.loads(path.read_text()) | {field: "gone"}
    path.unlink()
    write_json(study / "runs" / "imagenette" / record["recipe"] / f"{record['variant']}-seed0.json", record)
    assert f"left out: there is no {field} gone." in rebuild()[0]


def predictions(study):
    return study / "predictions" / "imagenette" / "smoke" / "se-block-seed1.npz"


def save(path, array):
    np.savez_compressed(path, probabilities=array)


DAMAGE = {
    "is missing, though there is a record": lambda path: path.unlink(),
    "is damaged": lambda path: path.write_bytes(path.read_bytes()[:200]),
    r"is damaged \(.*is not a file in the archive": lambda path: np.savez(path, other=np.zeros(3)),
    r"has the shape \(5, 10\), not \(400, 10\)": lambda path: save(path, np.zeros((5, 10))),
    "not finite": lambda path: save(path, np.full((400, 10), np.nan)),
    "they are of two runs": lambda path: save(path, np.eye(10)[(LABELS + 1) % 10]),
}


@pytest.mark.parametrize("said", DAMAGE)
def test_damaged_predictions_are_named_and_nothing_is_written(study, said):
    DAMAGE[said](predictions(study))
    (study / "accuracy.csv").write_text("as before")
    with pytest.raises(ResultsError, match=said) as error:
        rebuild()
    assert str(error.value).startswith("data/results/predictions/imagenette/smoke/se-block-seed1.npz ")
    assert (study / "accuracy.csv").read_text() == "as before"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ("{}", "lacks variant, dataset"),
        (None, "is the record of cbam-block-seed1 on imagenette with recipe smoke"),
    ],
)
def test_damaged_records_are_named(study, text, said):
    path = study / "runs" / "imagenette" / "smoke" / "se-block-seed1.json"
    path.write_text(text or path.with_name("cbam-block-seed1.json").read_text())
    with pytest.raises(ResultsError, match=f"^data/results/runs/imagenette/smoke/se-block-seed1.json {said}"):
        rebuild()


def test_missing_labels_say_how_to_get_them(study):
    (study / "labels" / "imagenette.npz").unlink()
    with pytest.raises(ResultsError, match="labels/imagenette.npz is missing.*attention evaluate --dataset imagenette"):
        rebuild()


def test_labels_of_other_images_are_refused(study):
    committed.save_labels("imagenette", LABELS)
    with pytest.raises(ResultsError, match="not of the images"):
        committed.save_labels("imagenette", LABELS[::-1])


def test_without_runs_the_summaries_are_empty(folder):
    rebuild()
    assert lookup.summary().empty


@pytest.fixture
def evaluated(tiny_dataset, published, folder, monkeypatch):
    """What `evaluate` said of untrained models on the generated data set, and its table; the record of one is wrong."""
    monkeypatch.setattr(foreign, "DRAWN", 3)
    manifest = json.loads((published / "manifest.json").read_text())
    few = {name: manifest["models"][name] for name in ("baseline", "se-block", "cbam-block")}
    write_json(published / "manifest.json", manifest | {"models": few})
    for name in few:
        record = {"variant": name, "seed": 0, "images": 20, "accuracy": 0.95 if name == "se-block" else 0.1}
        write_json(folder / "runs" / "imagenette" / "smoke" / f"{name}-seed0.json", record)
    said = []
    return rescoring.evaluate("imagenette", torch.device("cpu"), said.append).set_index("variant"), said


def test_evaluate_counts_what_the_models_say(evaluated, folder):
    rows, said = evaluated
    test = splits.load("imagenette", "val")
    chosen = predict(checkpoints.load("cbam-block"), test, torch.device("cpu")).argmax(1)
    assert rows.loc["cbam-block", "correct"] == (chosen == test.labels.numpy()).sum()
    assert not rows.loc["se-block", "agrees"]
    assert "the record of its run says 19" in next(line for line in said if line.startswith("se-block:"))
    assert (committed.val_labels("imagenette") == test.labels.numpy()).all(), "kept for the rebuild"
    foreign = pd.read_csv(folder / "foreign.csv")
    drawn = {"noise", "pages of text", "black, grey, white"}
    assert set(foreign["against"]) == drawn, "no other set is here to hold val against"
    assert any("is not on this machine" in line for line in said)
    assert not (folder / "accuracy.csv").exists(), "that is what the rebuild is for"
    sizes = test_sizes.read("imagenette").set_index("variant")
    assert (20 * sizes["accuracy"]).round().astype(int).to_dict() == rows["correct"].to_dict()
    assert set(sizes["pixels"]) == {160} and sizes["difference_points"].isna().to_dict()["baseline"]


def test_evaluate_holds_the_baselines_against_the_leaderboard_at_its_own_size_alone(evaluated, folder):
    rows = table(folder, "leaderboard.csv")
    assert list(rows["source"]) == ["published"] * len(leaderboard.PUBLISHED) + ["baseline"]
    (folder / "leaderboard.csv").unlink()
    rescoring.evaluate("imagenette", torch.device("cpu"), lambda line: None, pixels=128)
    assert not (folder / "leaderboard.csv").exists()


def test_evaluate_misses_a_record(evaluated, folder):
    (folder / "runs" / "imagenette" / "smoke" / "se-block-seed0.json").unlink()
    with pytest.raises(ResultsError, match="smoke/se-block-seed0.json is missing"):
        rescoring.evaluate("imagenette", torch.device("cpu"), lambda line: None)


def test_the_page_without_latency_says_how_to_get_it(study):
    html = benchmarks.notes_html("en", lookup.summary())
    assert "python -m attention benchmark" in html
    assert benchmarks.table_html("en", lookup.summary()).count("<tr data-") == 4


def test_the_page_without_any_result_says_how_to_get_them(folder):
    top, plot, below, gpu = benchmarks._render("en", "imagenette")
    assert "python -m attention" in top and plot["visible"] is False and below == ""


def test_devices_are_never_mixed(study):
    rows = [
        {"variant": name, "device": device, "device_type": "cpu", "dtype": "float32", "batch_size": 1, "pixels": 160,
         "threads": 2, "calls": 5, "p50_ms": p50, "p90_ms": p50, "busy": False, "measured": measured}
        for device, p50, measured in (("old", 9.0, "2026-01-01"), ("new", 3.0, "2026-02-01"))
        for name in table(study)["variant"]
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(study / "latency.csv", index=False)
    shown = lookup.summary()
    assert set(shown["device"]) == {"new"} and (shown["p50_ms"] == 3.0).all()
    assert lookup.summary(device_type="cuda")["p50_ms"].isna().all()


def _latency(names, **changes) -> pd.DataFrame:
    rows = [
        {"variant": name, "device": "A", "device_type": "cpu", "dtype": "float32", "batch_size": 1, "pixels": 160,
         "threads": 2, "calls": 200, "p50_ms": 5.0, "p90_ms": 6.0, "parameters": 9, "busy": False,
         "measured": "2026-01-01"}
        for name in names
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(**changes)


def test_busy_rows_are_left_out_unless_asked_for(study):
    names = table(study)["variant"]
    _latency(names, busy=[True] + [False] * (len(names) - 1)).to_csv(study / "latency.csv", index=False)
    shown = lookup.summary().set_index("variant")
    assert shown["p50_ms"].isna().tolist() == [name == names[0] for name in shown.index]
    assert (shown["parameters"] == 9).all(), "what a busy machine does not change stays"
    assert "Left out" in benchmarks.notes_html("en", lookup.summary())
    assert (lookup.summary(busy=True)["p50_ms"] == 5.0).all()
    assert "Left out" not in benchmarks.notes_html("en", lookup.summary(busy=True))


def test_a_device_that_was_always_busy_says_what_to_do(study):
    _latency(table(study)["variant"], busy=True).to_csv(study / "latency.csv", index=False)
    top, plot, _, _ = benchmarks._render("en", "imagenette")
    assert "benchmark --standard" in top and plot["visible"] is False
    assert benchmarks._render("en", "imagenette", busy=True)[1]["visible"] is True


def test_machines_begin_with_the_quiet_ones_and_float32(study):
    names = table(study)["variant"]
    rows = [
        _latency(names, device="busy", busy=True, measured="2026-03-01"),
        _latency(names, device="low", dtype="bfloat16", measured="2026-02-01"),
        _latency(names, device="gpu", device_type="cuda", threads=0, batch_size=8),
        _latency(names),
    ]
    pd.concat(rows).to_csv(study / "latency.csv", index=False)
    assert [machine.device for machine in lookup.machines()] == ["A", "busy", "low"]
    assert lookup.machines("cuda") == [] and lookup.batch_sizes() == [1, 8]
    low = lookup.machines()[-1]
    assert set(lookup.summary(machine=low)["device"]) == {"low"}
    top, plot, _, _ = benchmarks._render("en", "imagenette", low, 8)
    assert "benchmark --batch 8" in top and plot["visible"] is False


def test_mechanism_costs_stand_beside_what_the_network_takes_more(study, monkeypatch):
    names = ["baseline", "se-block"]
    assert lookup.mechanism_costs(lookup.Machine("A", "cpu", 2, "float32")).empty
    _latency(names, p50_ms=[5.0, 5.4]).to_csv(study / "latency.csv", index=False)
    costs = _latency(["se-block"] * 2, pixels=[160, 224], p50_us=[90.0, 200.0]).drop(columns=["p50_ms", "p90_ms"])
    costs.to_csv(study / "mechanisms_latency.csv", index=False)
    (machine,) = lookup.machines()
    found = lookup.mechanism_costs(machine).set_index("pixels")["in_network_us"]
    assert found[160] == pytest.approx(400) and pd.isna(found[224])
    costs.assign(busy=True).to_csv(study / "mechanisms_latency.csv", index=False)
    assert lookup.mechanism_costs(machine)["p50_us"].isna().all()
    assert (lookup.mechanism_costs(machine, busy=True)["p50_us"] == [90.0, 200.0]).all()


# what is committed


def test_the_committed_summaries_agree_with_the_committed_runs():
    """Needs no data set: change a run, or the statistics, and `python -m attention results` has to follow."""
    for path, text in tables.summaries(progress=lambda line: None).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run python -m attention results"


def test_every_committed_prediction_belongs_to_a_record():
    records = {path.relative_to(paths.RECORDS).with_suffix("") for path in paths.RECORDS.glob("*/*/*.json")}
    arrays = {
        path.relative_to(committed.PREDICTIONS).with_suffix("") for path in committed.PREDICTIONS.glob("*/*/*.npz")
    }
    assert arrays == records


@pytest.mark.parametrize("name", datasets.DATASETS)
def test_the_committed_labels_are_those_of_val(name, monkeypatch):
    labels = committed.val_labels(name)
    assert len(labels) == datasets.dataset(name).val_images and set(labels) == set(
        range(len(datasets.dataset(name).classes))
    )
    if datasets.find(name) is None:
        pytest.skip(f"{name} is not on this machine")
    monkeypatch.setattr(Preprocessing, "stored", lambda self, image: 0)  # the order is asked for, not the pixels
    assert (labels == splits.load(name, "val").labels.numpy()).all()


def test_every_number_of_the_committed_page_is_in_the_committed_files():
    table = lookup.summary()
    numbers = re.findall(r"<td data-value=\"([^\"]+)\">([^<]+)", benchmarks.table_html("en", table))
    known = [float(v) for column in table.select_dtypes("number") for v in table[column]]
    assert len(numbers) >= 6 * len(table)
    for value, shown in numbers:
        assert any(float(value) == pytest.approx(k) for k in known), (value, shown)


def test_the_committed_latencies_cover_the_committed_models():
    latency = lookup.read(lookup.LATENCY_FILE)
    offered = {entry["variant"] for entry in checkpoints.read_manifest()["models"].values()}
    assert offered <= set(latency.query("device_type == 'cpu' and batch_size == 1")["variant"])
    assert (latency["p90_ms"] >= latency["p50_ms"]).all()
    whole = latency["calls"] >= latency["batch_size"].map(calls_at)
    assert (latency["busy"] | whole).all(), "a row of fewer calls is marked busy"


def test_the_committed_detector_was_measured_with_its_false_alarms():
    table = lookup.read(out_of_distribution.RESULT_FILE)
    assert {"everyday", "imagenette"} <= set(table["dataset"]) and set(table["score"]) == {
        *out_of_distribution.SCORES,
        out_of_distribution.USED,
    }
    assert table["false_alarms"].between(0.03, 0.07).all() and out_of_distribution.PHOTOGRAPHS in set(table["against"])
