"""One run: it learns, repeats, survives a kill to the bit, and says in its record what made it."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from attention.core import paths
from attention.core.files import sha256
from attention.core.intervals import accuracy_interval
from attention.core.paths import ROOT
from attention.models.network import is_attention
from attention.models.variants import VARIANTS, UnknownVariant
from attention.pictures.preprocessing import STUDY
from attention.pictures.splits import load
from attention.training import trainer
from attention.training.augmentation import crop, draw_crops
from attention.training.optimisers import Optimisers, one_cycle
from attention.training.recipes import RECIPES, Recipe
from attention.training.records import RunTaken, claim, run_folder
from attention.training.trainer import Stopped, TrainingError, epoch_batches, epoch_generator

CPU = torch.device("cpu")
WIDTHS = (8, 16, 16, 16)  # the real network with thin stages: milliseconds a step
TINY = replace(RECIPES["smoke"], name="tiny", phases=((2, 32), (1, 48)), batch_size=20)
LEARNS = replace(TINY, phases=((20, 64), (15, 160)), batch_size=10, average_decay=0.8, crop_area_min=0.8)


@pytest.fixture(autouse=True)
def thin_networks(monkeypatch):
    for name, variant in VARIANTS.items():
        monkeypatch.setitem(VARIANTS, name, replace(variant, widths=WIDTHS))


def train(variant: str = "baseline", recipe: Recipe = TINY, **options) -> dict:
    return trainer.train(variant, "imagenette", recipe, **{"device": CPU, "quiet": True} | options)


def folder(variant: str = "baseline", recipe: Recipe = TINY) -> Path:
    return run_folder(variant, "imagenette", recipe, 0)


class Killed(Exception):
    pass


def interrupt(monkeypatch, batches: int) -> None:
    """Let the next call of `train` die while it prepares a batch, after so many."""
    left = iter(range(batches))

    def prepared(*arguments):
        if next(left, None) is None:
            raise Killed
        return crop(*arguments)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(trainer, "crop", prepared)
        train()


@pytest.mark.parametrize("name", ["baseline", "se-block"])
def test_a_few_images_are_learnt_by_heart(name, tiny_dataset, runs):
    split = load("imagenette", "train")
    split = split.subset(torch.arange(0, len(split), 2))
    record = train(name, LEARNS, splits=(split, split))
    losses = [row["loss"] for row in record["history"]]
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:3])
    assert len(split) == 20
    assert record["accuracy"] >= 0.9, "of the averaged weights, on the whole images"


def test_trains_on_each_device(tiny_dataset, runs, device):
    record = train(device=device)
    assert record["device_type"] == device.type
    assert all(row["loss"] > 0 for row in record["history"])


def test_the_smoke_recipe_runs_on_the_real_network(tiny_dataset, runs, monkeypatch):
    monkeypatch.undo()  # full widths; the fixtures' data set and folder go with them, so the images are given
    monkeypatch.setattr(paths, "RUNS", runs)
    monkeypatch.setattr(trainer, "code_commit", lambda: "tested")
    images = torch.randint(0, 256, (32, 3, 160, 160), dtype=torch.uint8)
    split = trainer.Split(images, torch.arange(32) % 10, tuple(map(str, range(32))))
    record = train(recipe=RECIPES["smoke"], splits=(split, split))
    assert record["parameters"] > 1.5e6
    assert [row["pixels"] for row in record["history"]] == [64, 96]


@pytest.mark.parametrize("batches", [0, 1, 2, 5])  # of 6: in the first epoch, at its end, in the last
def test_an_interrupted_run_ends_with_the_same_weights(batches, tiny_dataset, runs, tmp_path, monkeypatch):
    whole = train()
    monkeypatch.setattr(paths, "RUNS", tmp_path / "other")
    interrupt(monkeypatch, batches)
    assert (folder() / "state.pt").exists() == (batches >= 2)
    assert not (folder() / "record.json").exists()
    resumed = train()
    assert resumed["weights_sha256"] == whole["weights_sha256"]
    assert [row | {"seconds": 0} for row in resumed["history"]] == [row | {"seconds": 0} for row in whole["history"]]


def test_interrupted_while_it_scores(tiny_dataset, runs, tmp_path, monkeypatch):
    whole = train()
    monkeypatch.setattr(paths, "RUNS", tmp_path / "other")
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(trainer, "save", lambda *_: 1 / 0)
        train()
    assert not (folder() / "record.json").exists()
    assert train()["weights_sha256"] == whole["weights_sha256"]


VICTIM = """
import sys, torch
from dataclasses import replace
from pathlib import Path
from attention.core import paths
from attention.pictures import datasets
from attention.training import trainer
from attention.training.recipes import RECIPES
from attention.models.variants import VARIANTS
torch.set_num_threads(1)
paths.RUNS = Path(sys.argv[1])
datasets.DATASETS["imagenette"] = replace(datasets.DATASETS["imagenette"], train_images=40, val_images=20)
VARIANTS["baseline"] = replace(VARIANTS["baseline"], widths=%r)
recipe = replace(RECIPES["smoke"], phases=%r, batch_size=%r)
trainer.train("baseline", "imagenette", replace(recipe, name="tiny"), device=torch.device("cpu"), quiet=True)
"""


def test_kill_9_in_mid_training(tiny_dataset, runs, tmp_path, monkeypatch):
    recipe = replace(TINY, phases=((12, 32),))
    whole = train(recipe=recipe)
    monkeypatch.setattr(paths, "RUNS", tmp_path / "other")
    state = folder(recipe=recipe) / "state.pt"
    victim = subprocess.Popen(
        [sys.executable, "-c", VICTIM % (WIDTHS, recipe.phases, recipe.batch_size), str(paths.RUNS)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    try:
        deadline = time.monotonic() + 200
        while not state.exists() and victim.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
    finally:
        victim.send_signal(signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL
    assert state.exists()
    assert not (state.parent / "record.json").exists()
    done = len(torch.load(state, weights_only=True)["history"])
    assert 1 <= done < recipe.epochs
    assert train(recipe=recipe)["weights_sha256"] == whole["weights_sha256"]


def test_another_thread_count_is_refused(tiny_dataset, runs, monkeypatch):
    interrupt(monkeypatch, batches=3)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    with pytest.raises(TrainingError, match=r"1 thread\(s\).*--threads 1\b.*baseline-seed0"):
        train()


def test_a_finished_run_returns_at_once(tiny_dataset, runs, monkeypatch):
    record = train()
    weights = (folder() / "weights.safetensors").stat().st_mtime_ns
    for name in ("Run", "load", "predict", "claim"):
        monkeypatch.setattr(trainer, name, None)
    assert train() == json.loads(json.dumps(record))  # a file has lists where the recipe has tuples
    assert (folder() / "weights.safetensors").stat().st_mtime_ns == weights


def test_the_record_says_what_made_it(tiny_dataset, runs):
    record = train("se-block")
    place = folder("se-block")
    weights = load_file(place / "weights.safetensors")
    labels = load("imagenette", "val").labels.numpy()
    probabilities = np.load(place / "predictions.npz")["probabilities"]
    assert record["recipe_hash"] == TINY.hash
    assert Recipe(**record["recipe_figures"] | {"phases": TINY.phases}) == TINY
    assert (record["variant"], record["dataset"], record["seed"]) == ("se-block", "imagenette", 0)
    assert (record["scored_on"], record["images"], record["pixels"]) == ("val", 20, 160)
    assert [(row["epoch"], row["pixels"]) for row in record["history"]] == [(1, 32), (2, 32), (3, 48)]
    assert record["history"][0].keys() == {"epoch", "pixels", "loss", "train_accuracy", "test_accuracy", "seconds"}
    assert record["precision"] in ("float32", "bfloat16")
    assert record["threads"] == 1
    assert record["code_commit"] == "tested"
    assert record["versions"]["torch"] == torch.__version__
    assert record["device"]
    assert record["parameters"] == sum(p.numel() for p in trainer.build_model("se-block").parameters())
    assert record["accuracy"] == (probabilities.argmax(1) == labels).mean()
    assert record["weights_sha256"] == sha256(place / "weights.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.float16, torch.int64}
    assert sorted(path.name for path in place.iterdir()) == [
        "lock",
        "predictions.npz",
        "record.json",
        "weights.safetensors",
    ]


def test_tuning_never_sees_val(tiny_dataset, runs):
    for image in (tiny_dataset / "val").glob("*/*"):
        image.write_bytes(b"not to be opened")
    record = train(tuning=True)
    assert record["scored_on"] == "a tenth of train, held out"
    assert record["images"] == 10
    assert not (folder() / "record.json").exists()
    assert run_folder("baseline", "imagenette", TINY, 0, tuning=True).name == folder().name


def test_every_variant_of_a_seed_sees_the_same_batches(tiny_dataset, runs, monkeypatch):
    seen = {}

    def prepared(*arguments):
        out = crop(*arguments)
        seen.setdefault(key, []).append(out.clone())
        return out

    monkeypatch.setattr(trainer, "crop", prepared)
    recipe = replace(TINY, phases=((1, 32),))
    for key in [(name, 0) for name in VARIANTS] + [("baseline", 1)]:
        train(key[0], recipe, seed=key[1])
    first = seen["baseline", 0]
    assert len(first) == 2
    assert not torch.equal(first[0], seen["baseline", 1][0])
    for name in VARIANTS:
        assert all(torch.equal(a, b) for a, b in zip(first, seen[name, 0], strict=True)), name


def test_a_run_that_diverges_says_so(tiny_dataset, runs):
    with pytest.raises(TrainingError, match="diverged"):
        train(recipe=replace(TINY, sgd_lr=1e30))


def test_a_run_that_is_asked_to_stop_goes_on_from_there(tiny_dataset, runs, tmp_path, monkeypatch):
    whole = train()
    monkeypatch.setattr(paths, "RUNS", tmp_path / "other")
    with pytest.raises(Stopped, match="epoch 1/3"):
        train(stop=lambda: True)
    assert (folder() / "state.pt").exists() and not (folder() / "record.json").exists()
    assert train()["weights_sha256"] == whole["weights_sha256"]


def test_two_processes_never_train_one_run(tiny_dataset, runs):
    with claim(folder()), pytest.raises(RunTaken, match="Another process is training baseline-seed0"):
        train()
    assert train()["accuracy"] >= 0, "the lock is gone with its holder"


def test_the_record_says_how_much_the_attention_is_used(tiny_dataset, runs):
    assert train("baseline")["strengths"] == {}
    gates = train("se-block")["strengths"]
    assert 0 < gates["stages.0.0.attention.gate mean"] < 1
    assert len(gates) == 2 * 8
    own = train("self-attention-stage")["strengths"]
    assert own.keys() == {"stage_attention.2.gamma", "stage_attention.2.attn entropy"}
    assert own["stage_attention.2.attn entropy"] == pytest.approx(1, abs=0.02), "hardly trained: near uniform"


def test_unknown_variant(runs):
    with pytest.raises(UnknownVariant, match="baseline"):
        train("resnet-9000")


@pytest.mark.parametrize("name", VARIANTS)
def test_each_weight_has_one_optimizer_and_the_backbones_are_the_baselines(name):
    def owners(variant: str) -> dict:
        model = trainer.build_model(variant)
        names = {parameter: key for key, parameter in model.named_parameters()}
        rows = [
            (names[parameter], (type(optimizer).__name__, group["lr"], group["weight_decay"]))
            for optimizer in Optimisers(model, TINY).optimizers
            for group in optimizer.param_groups
            for parameter in group["params"]
        ]
        assert sorted(key for key, _ in rows) == sorted(names.values())
        assert all(row[2] == 0 for key, row in rows if dict(model.named_parameters())[key].ndim <= 1)
        return dict(rows)

    ours, plain = owners(name), owners("baseline")
    backbone = {key: row for key, row in ours.items() if not is_attention(key)}
    gone = {key for key in plain.keys() - backbone.keys() if ".conv2." in key}  # attention stands in their place
    assert backbone == {key: row for key, row in plain.items() if key not in gone}
    assert bool(gone) == (VARIANTS[name].position == "replace")
    assert {row[0] for key, row in ours.items() if is_attention(key)} <= {"AdamW"}
    assert plain["stages.0.0.conv1.weight"] == ("Muon", TINY.muon_lr, TINY.muon_weight_decay)
    assert plain["fc.weight"] == ("SGD", TINY.sgd_lr, TINY.sgd_weight_decay)


def test_an_epoch_sees_an_image_once_and_leaves_a_short_batch_out():
    order, crops = epoch_batches(47, TINY, seed=0, epoch=0)
    assert order.shape == (2, 20) and crops.shape == (2, 20, 2, 3)
    assert len(order.unique()) == 40 and order.max() < 47
    few, _ = epoch_batches(7, TINY, seed=0, epoch=0)
    assert sorted(few.flatten().tolist()) == list(range(7)), "fewer images than a batch are one batch"


def test_epochs_and_seeds_draw_differently():
    draws = [torch.rand(8, generator=epoch_generator(seed, epoch)) for seed in range(3) for epoch in range(4)]
    assert len({tuple(draw.tolist()) for draw in draws}) == 12
    assert torch.equal(torch.rand(8, generator=epoch_generator(2, 3)), draws[-1])


def test_crops_lie_within_the_image_and_within_the_recipe():
    """On an image whose two channels are its coordinates from 0 to 1, a crop tells where it was cut."""
    line = (torch.arange(160) + 0.5) / 160
    image = torch.stack([line.expand(160, 160), line[:, None].expand(160, 160), torch.zeros(160, 160)])
    recipe, count, pixels = RECIPES["cpu"], 400, 16
    drawn = draw_crops(count, recipe, torch.Generator().manual_seed(0))
    crops = crop(image.expand(count, 3, 160, 160), drawn, pixels)
    across, down = crops[:, 0, 0, -1] - crops[:, 0, 0, 0], crops[:, 1, -1, 0] - crops[:, 1, 0, 0]
    width, height = (across.abs() * pixels / (pixels - 1), down * pixels / (pixels - 1))
    assert crops.shape == (count, 3, pixels, pixels)
    assert (width * height).min() >= recipe.crop_area_min * 0.85  # an extreme shape is clamped to the image
    assert max(width.max(), height.max()) <= 1.001
    assert recipe.crop_aspect_max * 0.97 < (width / height).max() < recipe.crop_aspect_max * 1.01
    assert (down > 0).all(), "never upside down"
    assert 0.4 < (across < 0).float().mean() < 0.6, "about half of them mirrored"
    edges = crops[:, :2].flatten(2)
    assert edges.min() >= 0
    assert edges.max() <= 1
    assert edges.min() < 0.05
    assert edges.max() > 0.95


def test_crops_without_chance_are_the_image():
    recipe = replace(TINY, crop_area_min=1.0, crop_aspect_max=1.0, flip_probability=0.0)
    images = STUDY.normalise(torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8))
    crops = draw_crops(3, recipe, epoch_generator(0, 0))
    torch.testing.assert_close(crop(images, crops, 32), images, atol=1e-4, rtol=0)


@pytest.mark.parametrize("steps", [10, 100, 1479])
@pytest.mark.parametrize("warmup", [0.1, 0.2, 0.5])
def test_one_cycle(steps, warmup):
    factors = np.array([one_cycle(step, steps, warmup) for step in range(steps)])
    peak = factors.argmax()
    assert factors[0] == pytest.approx(1 / (steps * warmup), rel=0.05)
    assert factors[peak] == 1
    assert peak == pytest.approx(steps * warmup, abs=1)
    assert (np.diff(factors)[:peak] > 0).all()
    assert (np.diff(factors)[peak + 1 :] < 0).all()
    assert 0 < factors[-1] <= 1.01 / (steps * (1 - warmup))


@pytest.mark.parametrize("field", [field.name for field in fields(Recipe)])
def test_a_recipes_hash_is_of_its_figures(field):
    value = getattr(TINY, field)
    changed = replace(TINY, **{field: value + ((1, 32),) if field == "phases" else value * 2})
    assert (changed.hash == TINY.hash) == (field == "name")
    assert len(TINY.hash) == 12


def test_pixels_follow_the_phases():
    assert [TINY.pixels_at(epoch) for epoch in range(TINY.epochs)] == [32, 32, 48]
    with pytest.raises(ValueError, match="3 epochs"):
        TINY.pixels_at(3)


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (15, 148, 0.0624, 0.1605)],
)  # the last: Newcombe 1998, table I
def test_accuracy_interval_is_wilsons(correct, total, low, high):
    assert accuracy_interval(correct, total) == pytest.approx((low, high), abs=5e-5)
