"""Nothing is used before it is verified, and what is committed is what the manifest says."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from attention.core import files
from attention.models import checkpoints
from attention.models.checkpoints import CheckpointError
from attention.models.variants import REFERENCE, REPLICATES, VARIANTS, UnknownVariant
from attention.study import lookup, tables
from attention.training import publish, trainer
from attention.training.recipes import RECIPES
from attention.training.records import run_folder

COMMITTED = [
    (folder.name, name) for folder in checkpoints.CHECKPOINTS.iterdir() for name in checkpoints.available(folder.name)
]


@pytest.mark.full_width
@pytest.mark.parametrize(("dataset", "name"), COMMITTED)
def test_committed_checkpoints_are_whole(dataset, name):
    entry = checkpoints.read_manifest(dataset)["models"][name]
    assert (checkpoints.CHECKPOINTS / dataset / entry["file"]).stat().st_size == entry["bytes"] < 8 * 2**20
    model = checkpoints.load(name, dataset)
    assert not model.training
    assert sum(p.numel() for p in model.parameters()) == entry["parameters"]
    assert all(torch.isfinite(tensor).all() for tensor in model.state_dict().values())


@pytest.mark.parametrize("dataset", sorted({dataset for dataset, _ in COMMITTED}))
def test_committed_checkpoints_share_one_recipe_and_agree_with_the_tables(dataset):
    models = checkpoints.read_manifest(dataset)["models"]
    assert REFERENCE in models
    assert len(models.keys() - REPLICATES) <= 12, "the page offers no more, and the repository stays small"
    assert len({(entry["recipe"], entry["recipe_hash"]) for entry in models.values()}) == 1
    table = lookup.read(tables.RUNS_FILE).query("dataset == @dataset").set_index(["variant", "seed", "recipe"])
    for entry in models.values():
        assert entry["recipe_hash"] == RECIPES[entry["recipe"]].hash
        row = table.loc[entry["variant"], entry["seed"], entry["recipe"]]
        assert row["weights_sha256"] == entry["sha256"], "run: python -m attention publish"
        assert row["accuracy"] == pytest.approx(entry["accuracy"], abs=0.0006)


@pytest.mark.parametrize("name", VARIANTS)
def test_loads_what_was_saved(published, name):
    assert checkpoints.load(name).state_dict()["fc.weight"].abs().sum() > 0


def test_altered_weights_are_refused(published):
    file = published / "se-block.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(CheckpointError, match="se-block are not the ones that were published"):
        checkpoints.load("se-block")


def test_missing_weights_say_how_to_get_them_back(published):
    (published / "se-block.safetensors").unlink()
    with pytest.raises(CheckpointError, match="se-block are missing.*git checkout"):
        checkpoints.load("se-block")


def test_weights_of_another_network_are_refused(published):
    manifest = json.loads((published / "manifest.json").read_text())
    manifest["models"]["se-block"] = manifest["models"]["cbam-block"]
    (published / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="do not fit"):
        checkpoints.load("se-block")


def test_publishing(tiny_dataset, runs, tmp_path, monkeypatch):
    """Records and predictions of every seed, weights of one seed of what is offered; a collapsed run offers nothing."""
    for module, folder in ((publish, "RECORDS"), (publish, "PREDICTIONS"), (checkpoints, "CHECKPOINTS")):
        monkeypatch.setattr(module, folder, tmp_path / folder)
    recipe = replace(RECIPES["smoke"], name="tiny", phases=((1, 32),), batch_size=20)
    monkeypatch.setitem(RECIPES, "tiny", recipe)
    for name, seed in (("baseline", 0), ("baseline", 1), ("se-block", 0), ("cbam-block", 0), ("eca-block", 0)):
        trainer.train(name, "imagenette", recipe, seed, device=torch.device("cpu"), quiet=True)
    collapsed = run_folder("cbam-block", "imagenette", recipe, 0) / "weights.safetensors"
    weights = load_file(collapsed)
    weights["fc.bias"][0] = torch.inf
    save_file(weights, collapsed)
    assert publish.publish("imagenette", "tiny") == ["baseline", "se-block", "baseline-seed1"]
    place = Path("imagenette") / "tiny"
    runs_published = ["baseline-seed0", "baseline-seed1", "cbam-block-seed0", "eca-block-seed0", "se-block-seed0"]
    for folder in ("RECORDS", "PREDICTIONS"):
        assert sorted(path.stem for path in (tmp_path / folder / place).iterdir()) == runs_published
    files_there = {path.name for path in (tmp_path / "CHECKPOINTS" / "imagenette").iterdir()}
    assert files_there == {"manifest.json"} | {
        f"{name}.safetensors" for name in ("baseline", "se-block", "baseline-seed1")
    }
    assert checkpoints.load("se-block").fc.out_features == 10


@pytest.mark.full_width
def test_a_replicate_is_another_run_of_the_same_variant(tiny_dataset, runs, tmp_path, monkeypatch):
    for module, folder in ((publish, "RECORDS"), (publish, "PREDICTIONS"), (checkpoints, "CHECKPOINTS")):
        monkeypatch.setattr(module, folder, tmp_path / folder)
    recipe = replace(RECIPES["smoke"], name="tiny", phases=((1, 32),), batch_size=20)
    monkeypatch.setitem(RECIPES, "tiny", recipe)
    for seed in (0, 1):
        trainer.train("baseline", "imagenette", recipe, seed, device=torch.device("cpu"), quiet=True)
    publish.publish("imagenette", "tiny")
    entry = checkpoints.read_manifest()["models"]["baseline-seed1"]
    assert (entry["variant"], entry["seed"]) == ("baseline", 1)
    first, second = (checkpoints.load(name).state_dict() for name in ("baseline", "baseline-seed1"))
    assert first.keys() == second.keys() and not torch.equal(first["fc.weight"], second["fc.weight"])


def test_broken_or_missing_manifest(published):
    (published / "manifest.json").write_text("{")
    with pytest.raises(CheckpointError, match="not valid JSON"):
        checkpoints.read_manifest()
    shutil.rmtree(published)
    with pytest.raises(CheckpointError, match="no checkpoints for imagenette"):
        checkpoints.read_manifest()


def test_unknown_name_and_untrained_name(published):
    with pytest.raises(UnknownVariant, match="Known: baseline"):
        checkpoints.load("nobody")
    manifest = json.loads((published / "manifest.json").read_text())
    del manifest["models"]["se-block"]
    (published / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="se-block has no checkpoint yet"):
        checkpoints.load("se-block")


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "file.json"
    files.write_json(path, {"a": 1})

    def half(temporary):
        temporary.write_text("{")
        raise OSError("disk full")

    with pytest.raises(files.WriteError, match="file.json.*disk full"):
        files.write_by_rename(path, half)
    assert json.loads(path.read_text()) == {"a": 1} and list(tmp_path.iterdir()) == [path]
