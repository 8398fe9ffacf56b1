"""The sweep trains what is missing, once, in the order that fills the table, and can be stopped at any moment."""

import errno
import os
import time
from dataclasses import replace

import pytest
import torch
from torch import multiprocessing

from attention.cli.main import main
from attention.core import paths
from attention.core.files import write_json
from attention.models.variants import VARIANTS
from attention.training import records as runs_module
from attention.training import sweep, trainer
from attention.training.recipes import RECIPES
from attention.training.records import claim, run_folder
from attention.training.sweep import Task

CPU = torch.device("cpu")
TINY = replace(RECIPES["smoke"], name="tiny", phases=((1, 32),), batch_size=20)
TASKS = sweep.study(["imagenette"], [0, 1], ["baseline", "se-block"])


@pytest.fixture(autouse=True)
def small(tiny_dataset, runs, tmp_path, monkeypatch):
    for name, variant in VARIANTS.items():
        monkeypatch.setitem(VARIANTS, name, replace(variant, widths=(8, 16, 16, 16)))
    monkeypatch.setitem(RECIPES, "tiny", TINY)
    monkeypatch.setattr(paths, "RECORDS", tmp_path / "records")
    sweep.splits_of.cache_clear()


def test_every_variant_gets_a_seed_before_any_gets_the_next():
    tasks = sweep.study(["imagenette", "imagewoof"], [0, 1])
    assert len(tasks) == len(set(tasks)) == 4 * len(VARIANTS)
    assert [task.seed for task in tasks] == sorted(task.seed for task in tasks)
    assert tasks[0] == Task("imagenette", "baseline", 0)
    assert {task.variant for task in tasks[: len(VARIANTS)]} == set(VARIANTS)


def test_trains_what_is_missing_and_only_that():
    trainer.train("se-block", "imagenette", TINY, 0, device=CPU, quiet=True)
    assert sweep.missing(TASKS, TINY) == [task for task in TASKS if task != Task("imagenette", "se-block", 0)]
    trained = list(sweep.work(TASKS, TINY, CPU))
    assert [(record["variant"], record["seed"]) for record in trained] == [
        ("baseline", 0), ("baseline", 1), ("se-block", 1)
    ]  # fmt: skip
    assert sweep.missing(TASKS, TINY) == []
    assert list(sweep.work(TASKS, TINY, CPU)) == []


def test_the_same_runs_as_one_by_one(tmp_path, monkeypatch):
    swept = {task: record["weights_sha256"] for task, record in zip(TASKS, sweep.work(TASKS, TINY, CPU), strict=True)}
    monkeypatch.setattr(paths, "RUNS", tmp_path / "other")
    task = TASKS[3]
    alone = trainer.train(task.variant, task.dataset, TINY, task.seed, device=CPU, quiet=True)
    assert alone["weights_sha256"] == swept[task]


def test_committed_runs_are_not_trained_again():
    record = trainer.train("baseline", "imagenette", TINY, 0, device=CPU, quiet=True)
    committed = runs_module.committed_record_path("imagenette", "tiny", "baseline", 1)
    write_json(committed, record | {"seed": 1})
    assert sweep.missing(TASKS, TINY) == [task for task in TASKS if task.variant == "se-block"]
    other = record | {"seed": 1, "recipe_hash": "of an older form"}
    write_json(committed, other)
    assert Task("imagenette", "baseline", 1) in sweep.missing(TASKS, TINY)


def test_what_another_process_holds_is_left_to_it():
    with claim(run_folder("baseline", "imagenette", TINY, 0)):
        trained = [(record["variant"], record["seed"]) for record in sweep.work(TASKS, TINY, CPU)]
    assert trained == [("se-block", 0), ("baseline", 1), ("se-block", 1)]


def test_the_time_limit_saves_the_run_at_hand(monkeypatch):
    said = []
    long = replace(TINY, phases=((3, 32),))
    clock = iter([0, 5, 5, 20, 20, 20, 20, 20])  # begins, starts a run, and after its first epoch it is late
    monkeypatch.setattr(sweep.time, "time", lambda: next(clock))
    assert list(sweep.work(TASKS, long, CPU, deadline=10, say=said.append)) == []
    assert "time limit" in said[0]
    assert (run_folder("baseline", "imagenette", long, 0) / "state.pt").exists()
    assert "begun" in sweep.status(TASKS, long)


def test_a_run_that_diverges_does_not_end_the_sweep(monkeypatch):
    said, really = [], trainer.train

    def train(variant, *arguments, **options):
        if variant == "baseline":
            raise trainer.TrainingError("The loss is nan in epoch 1")
        return really(variant, *arguments, **options)

    monkeypatch.setattr(trainer, "train", train)
    assert len(list(sweep.work(TASKS, TINY, CPU, say=said.append))) == 2
    assert sum("failed: The loss is nan" in line for line in said) == 2


def test_status_and_estimate():
    assert sweep.seconds_left(TASKS, TINY) is None, "nothing is known before a run has ended"
    record = next(sweep.work(TASKS, TINY, CPU))
    assert sweep.seconds_left(TASKS, TINY) == pytest.approx(3 * record["seconds"])
    assert sweep.seconds_left(TASKS, TINY, workers=2) == pytest.approx(1.5 * record["seconds"])
    lines = sweep.status(TASKS, TINY).splitlines()
    assert lines[0].split() == ["seed", "0", "seed", "1"]
    assert lines[1].split() == ["imagenette", "baseline", f"{record['accuracy']:.2%}", "-"]
    assert lines[2].split() == ["imagenette", "se-block", "-", "-"]
    assert lines[3] == "imagenette: of 2 variants 1 have at least one seed, 0 at least three"
    assert "1 of 4 runs have ended" in lines[4]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--seeds", "zero"], "--seeds takes numbers"),
        (["--seeds", "4-1"], "--seeds takes numbers"),
        (["--variants", "baseline,nobody"], "no model 'nobody'"),
        (["--seeds=-1"], "--seeds takes numbers"),
        (["--workers", "0"], "--workers must be at least 1"),
        (["--limit-minutes", "0"], "--limit-minutes must be above 0"),
    ],
)
def test_bad_flags_are_one_sentence(arguments, says, capsys):
    assert main(["sweep", "--dry-run", *arguments]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1


def test_dry_run_trains_nothing(capsys):
    started = time.time()
    assert main(["sweep", "--dry-run", "--recipe", "smoke", "--variants", "baseline,se-block", "--seeds", "0,2"]) == 0
    out = capsys.readouterr().out
    assert "8 of 8 runs are missing" in out and "imagewoof se-block seed 2" in out
    assert time.time() - started < 20 and not paths.RUNS.exists()


def sweep_of_one(*more: str) -> int:
    arguments = ["sweep", "--recipe", "tiny", "--dataset", "imagenette", "--variants", "baseline", "--seeds", "0"]
    return main([*arguments, "--device", "cpu", *more])


@pytest.mark.parametrize("name", ["state.pt", "weights.safetensors", "predictions.npz", "record.json"])
def test_a_full_disk(name, monkeypatch, tmp_path, capsys):
    """Whichever file meets it: one sentence, nothing half-written, and the run ends whole when there is room."""
    fsync = os.fsync

    def full(number: int) -> None:
        if os.readlink(f"/proc/self/fd/{number}").endswith(f".{name}.partial"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(number)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert sweep_of_one() == 2
    error = capsys.readouterr().err
    print(error)
    assert error.startswith("The disk is full: free some space") and name in error and error.count("\n") == 1
    folder = run_folder("baseline", "imagenette", TINY, 0)
    left = {path.name for path in folder.iterdir()}
    assert name not in left and "record.json" not in left and not any("partial" in path for path in left)
    assert sweep.missing(TASKS[:1], TINY) == TASKS[:1]
    assert sweep_of_one() == 0
    resumed = sweep.record_of(TASKS[0], TINY)
    monkeypatch.setattr(paths, "RUNS", tmp_path / "whole")
    whole = trainer.train("baseline", "imagenette", TINY, 0, device=CPU, quiet=True)
    assert resumed["weights_sha256"] == whole["weights_sha256"]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_runs_folder_that_cannot_be_written(workers, monkeypatch, tmp_path, capfd):
    (tmp_path / "file").touch()
    monkeypatch.setattr(paths, "RUNS", tmp_path / "file" / "runs")
    monkeypatch.setattr(
        sweep.multiprocessing, "spawn", lambda run, arguments, nprocs: run(0, *arguments)
    )  # here: a process of its own would see none of these fixtures
    if workers == "1":
        assert sweep_of_one() == 2
    else:
        with pytest.raises(SystemExit, match="2"):
            sweep_of_one("--workers", workers)
    error = capfd.readouterr().err
    assert "cannot be written (Not a directory)" in error and error.count("\n") == 1


def test_a_worker_that_died_is_one_sentence(monkeypatch, capsys):
    def spawn(*arguments, **options):
        raise multiprocessing.ProcessExitedException("process 0 terminated", 0, 1, 2)

    monkeypatch.setattr(sweep.multiprocessing, "spawn", spawn)
    assert sweep_of_one("--workers", "2") == 2
    assert "A worker ended early" in capsys.readouterr().err
