"""Real processes: killed at random moments, or started together. `pytest -s tests/training/test_processes.py` prints the evidence."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import torch

from attention.core.files import sha256
from attention.core.paths import ROOT

pytestmark = pytest.mark.served

COMMAND = """
import os, sys, time
from dataclasses import replace
from pathlib import Path
import torch
from attention.core import paths
from attention.pictures import datasets
from attention.training import trainer
from attention.cli.main import main
from attention.training.recipes import RECIPES
from attention.models.variants import VARIANTS

where, log, epochs = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
paths.RUNS, paths.RECORDS, trainer.SAVE_EVERY_S = where, where / "none", 0
datasets.DATASETS["imagenette"] = replace(datasets.DATASETS["imagenette"], train_images=40, val_images=20)
for name, variant in VARIANTS.items():
    VARIANTS[name] = replace(variant, widths=(8, 16, 16, 16))
RECIPES["tiny"] = replace(RECIPES["smoke"], name="tiny", phases=((epochs, 32),), batch_size=10)

trainer.SAVE_EVERY_S = 0  # a state an epoch
claim = trainer.claim
def logged(folder):
    held = claim(folder)
    held.__enter__()  # raises where another process holds it
    if not (folder / "record.json").exists():
        print(f"{os.getpid()} trains {folder.name}", file=open(log, "a"), flush=True)
    return Held(held)
class Held:
    def __init__(self, held): self.held = held
    def __enter__(self): pass
    def __exit__(self, *error): self.held.__exit__(*error)
trainer.claim = logged

print("ready", flush=True)
sys.stdin.readline()
sys.exit(main(["sweep", "--recipe", "tiny", "--dataset", "imagenette", "--device", "cpu", "--threads", "1", *sys.argv[4:]]))
"""


def start(where: Path, log: Path, epochs: int, *arguments: str) -> subprocess.Popen:
    """A sweep that has loaded its libraries and waits for a word to begin."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(where), str(log), str(epochs), *arguments],
        cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    return process


def finish(process: subprocess.Popen) -> str:
    printed, _ = process.communicate("go\n", timeout=200)
    assert process.returncode == 0
    return printed


def saved_epochs(folder: Path) -> int:
    """How many epochs the state of the only run in a folder holds; 0 before the first was saved."""
    return next((len(torch.load(path, weights_only=True)["history"]) for path in folder.rglob("state.pt")), 0)


@pytest.mark.slow
def test_killed_at_three_random_moments_it_ends_with_the_same_weights(tiny_dataset, tmp_path):
    """$KILL_SEED repeats the draws of an earlier run, which it printed."""
    seed = int(os.environ.get("KILL_SEED", random.SystemRandom().randrange(10**6)))
    one = ("--variants", "se-block", "--seeds", "0")
    finish(start(tmp_path / "whole", tmp_path / "log", 30, *one))
    chance = random.Random(seed)
    print(f"\nKILL_SEED={seed}")
    for least in sorted(chance.sample(range(1, 25), 3)):  # epochs after which, and up to an epoch or two later
        process = start(tmp_path / "killed", tmp_path / "log", 30, *one)
        process.stdin.write("go\n")
        process.stdin.flush()
        while saved_epochs(tmp_path / "killed") < least:
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "it had ended before it could be killed"
        assert not list((tmp_path / "killed").rglob("record.json"))
        print(f"SIGKILL with {saved_epochs(tmp_path / 'killed')} of 30 epochs saved")
    finish(start(tmp_path / "killed", tmp_path / "log", 30, *one))
    sums = [sha256(*(tmp_path / name).rglob("weights.safetensors")) for name in ("whole", "killed")]
    print(f"weights sha256, undisturbed: {sums[0]}\nweights sha256, killed 3x:   {sums[1]}")
    assert sums[0] == sums[1], f"KILL_SEED={seed}"


@pytest.mark.slow
def test_two_sweeps_started_together_never_share_a_run(tiny_dataset, tmp_path):
    four = ("--variants", "baseline,se-block,eca-block,cbam-block", "--seeds", "0,1")
    sweeps = [start(tmp_path / "runs", tmp_path / "log", 2, *four) for _ in range(2)]
    for process in sweeps:
        process.stdin.write("go\n")
        process.stdin.flush()
    printed = [process.communicate(timeout=200)[0] for process in sweeps]
    log = (tmp_path / "log").read_text()
    print("\n" + log)
    assert [process.returncode for process in sweeps] == [0, 0], printed
    times = Counter(line.split(" trains ")[1] for line in log.splitlines())
    assert len(times) == 8 and set(times.values()) == {1}, "each run is trained exactly once"
    assert {int(line.split()[0]) for line in log.splitlines()} == {process.pid for process in sweeps}, "both had some"
    assert len(list((tmp_path / "runs").rglob("record.json"))) == 8
