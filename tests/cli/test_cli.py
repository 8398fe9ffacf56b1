"""The command line is a contract: output, files, and exit code 2 with one sentence for bad input."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pandas as pd
import pytest
from PIL import Image

from attention.cli.main import main
from attention.core.paths import ROOT
from attention.models.variants import VARIANTS, all_models

pytestmark = pytest.mark.served


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.effect_noise((64, 48), 80).convert("RGB").save(path)
    return path


def no_network(*arguments, **options):
    raise OSError("no route")


def sentence(capsys) -> str:
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and err.strip().endswith((".", "train")), err
    return err


def test_list_json_names_every_variant(capsys):
    assert main(["list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(all_models())
    assert all(row["summary"].endswith(".") for row in rows)


def test_compare_json(photo, published, capsys):
    assert main(["compare", str(photo), "--models", "baseline,se-block", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["image"] == "photo.png" and row["foreign"] in (True, False, None)
    assert [m["model"] for m in row["models"]] == ["baseline", "se-block"]
    assert all(len(m["top5"]) == 5 and m["latency_ms"] > 0 for m in row["models"])


def test_compare_as_text_with_overlays(photo, published, tmp_path, capsys):
    assert main(["compare", str(photo), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in VARIANTS)
    assert len(list((tmp_path / "out").glob("photo.*.activation.png"))) == len(VARIANTS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["compare", "{photo}", "--models", "nobody"], "no model 'nobody'"),
        (["compare", "{missing}"], "no picture"),
        (["compare", "{text}"], "text.png: This file is not a picture"),
        (["compare", "{photo}", "{text}"], "text.png"),
        (["compare", "{photo}", "--device", "mps"], "no mps device"),
        (["train", "--variant", "baseline", "--threads", "0"], "--threads"),
        (["train", "--variant", "baseline"], "not on this machine"),
        (["train", "--variant", "baseline", "--download"], "could not be downloaded"),
        (["benchmark", "--repeats", "0"], "--repeats"),
        (["benchmark", "--batch", "8", "0"], "--batch must be at least 1"),
        (["benchmark", "--variants", "baseline,nobody"], "no model 'nobody'"),
        (["benchmark", "--device", "mps"], "Available: cpu"),
        (["benchmark", "--dtype", "float32", "float16"], "Use --dtype bfloat16"),
        (["publish", "--recipe", "smoke"], "No finished run"),
        (["contact-sheet", "--out", "x"], "python -m attention report"),
        (["leaderboard"], "leaderboard is part of evaluate now: python -m attention evaluate --dataset imagenette"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(arguments, words, photo, published, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ATTENTION_DATA", str(tmp_path / "nothing"))
    monkeypatch.setattr("attention.core.paths.DEFAULT_ROOT", tmp_path / "nothing")
    monkeypatch.setattr("attention.core.paths.RUNS", tmp_path / "runs")
    monkeypatch.setattr("attention.pictures.datasets.download_and_extract_archive", no_network)
    monkeypatch.setattr(
        "attention.core.devices.multiplies_in", lambda dtype, device: "16" not in str(dtype) or "b" in str(dtype)
    )
    (tmp_path / "text.png").write_text("not a picture")
    places = {"photo": photo, "missing": tmp_path / "missing.png", "text": tmp_path / "text.png"}
    assert main([a.format(**places) for a in arguments]) == 2
    error = sentence(capsys)
    assert words in error and str(tmp_path) not in error


@pytest.mark.parametrize(
    "arguments", [["train", "--variant", "nobody"], ["train", "--variant", "baseline", "--recipe", "x"], ["nonsense"]]
)
def test_unknown_choices_exit_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2 and "invalid choice" in capsys.readouterr().err


@pytest.fixture
def benchmark(tmp_path, monkeypatch):
    """Run `benchmark` quickly on one variant, into a folder of its own; returns (exit code, what was recorded)."""
    monkeypatch.setattr("attention.study.latency.LATENCY_FILE", tmp_path / "latency.csv")
    monkeypatch.setattr("attention.study.mechanism_latency.MECHANISMS_FILE", tmp_path / "mechanisms_latency.csv")
    monkeypatch.setattr("attention.study.timing.WARM_UPS", 1)

    def run(*arguments: str, file: str = "latency.csv"):
        code = main(["benchmark", "--device", "cpu", "--repeats", "3", "--wait", "0", *arguments])
        return code, pd.read_csv(tmp_path / file) if (tmp_path / file).exists() else pd.DataFrame()

    return run


def test_benchmark_goes_on_after_a_batch_that_does_not_fit(benchmark, capsys):
    code, rows = benchmark("--variants", "baseline", "--pixels", "96", "128", "--batch", "100000000", "2")
    assert code == 2 and "try --batch" in capsys.readouterr().err
    assert rows[["pixels", "batch_size", "calls"]].to_numpy().tolist() == [[96, 2, 3], [128, 2, 3]]


def test_benchmark_times_mechanisms_alone(benchmark, capsys):
    arguments = "--mechanisms", "--variants", "baseline,eca-block", "--pixels", "96"
    code, rows = benchmark(*arguments, file="mechanisms_latency.csv")
    assert code == 0 and rows[["variant", "pixels", "modules"]].to_numpy().tolist() == [["eca-block", 96, 8]]


def test_benchmark_stopped_keeps_its_rounds(benchmark, monkeypatch, capsys):
    from attention.study.timing import RoundRobin

    monkeypatch.setattr(RoundRobin, "_round", _stopped_after(3, RoundRobin._round))
    code, rows = benchmark("--variants", "baseline", "--pixels", "96")
    assert code == 130 and "What was measured is kept" in capsys.readouterr().err
    assert rows["calls"].tolist() == [2] and rows["busy"].all(), "one round of the three was the warm-up"


def _stopped_after(rounds: int, run):
    done = []

    def round_(self):
        if len(done) == rounds:
            raise KeyboardInterrupt
        done.append(1)
        return run(self)

    return round_


def test_altered_checkpoint(photo, published, capsys):
    (published / "baseline.safetensors").write_bytes(b"altered")
    assert main(["compare", str(photo), "--models", "baseline"]) == 2
    assert "baseline are not the ones that were published" in sentence(capsys)


def test_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "attention", "list"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0 and "baseline" in done.stdout


def test_the_page_opens_on_everyday_things_and_calls_without_a_name_are_imagenettes(monkeypatch):
    import app
    from attention.inference.model_sets import ModelSets

    assert app.build_parser().parse_args([]).dataset == "everyday"
    monkeypatch.setattr(ModelSets, "_load", lambda self, name: SimpleNamespace(device="cpu"))
    asked = {name: ModelSets(name).default_name for name in ("everyday", "imagenette", "imagewoof")}
    assert asked == {"everyday": "imagenette", "imagenette": "imagenette", "imagewoof": "imagewoof"}


def test_a_sweep_leaves_everyday_things_out_unless_they_are_named(runs, capsys):
    assert main(["sweep", "--dry-run", "--seeds", "7", "--variants", "baseline"]) == 0
    assert "everyday" not in capsys.readouterr().out
    assert main(["sweep", "--dry-run", "--seeds", "7", "--variants", "baseline", "--dataset", "everyday"]) == 0
    assert "everyday baseline seed 7" in capsys.readouterr().out
