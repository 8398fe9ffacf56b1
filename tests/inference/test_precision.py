"""Half precision is used where it was measured to hold, and nowhere else."""

import pandas as pd
import pytest
import torch

from attention.core import devices
from attention.inference import precision
from attention.inference.compare import Models
from attention.models.checkpoints import read_manifest
from attention.study import half_precision

CPU = torch.device("cpu")
HALF = precision.half_dtype(CPU)
needs_half = pytest.mark.skipif(HALF is None, reason="this processor has no bfloat16 instructions")


@pytest.fixture
def table(tmp_path, monkeypatch):
    path = tmp_path / "precision.csv"
    monkeypatch.setattr(precision, "RESULT_FILE", path)
    return path


def row(name: str, **changes) -> dict:
    sha256 = read_manifest()["models"][name]["sha256"]
    return {
        "dataset": "imagenette", "variant": name, "device_type": "cpu", "dtype": "bfloat16", "images": 3925,
        "agreement": 0.999, "holds": True, "weights_sha256": sha256,
    } | changes  # fmt: skip


def test_no_table_means_float32(table, published):
    assert precision.choose("baseline", "imagenette", CPU) == torch.float32


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, torch.bfloat16),
        ({"holds": False, "agreement": 0.99}, torch.float32),
        ({"weights_sha256": "of other weights"}, torch.float32),
        ({"device_type": "cuda"}, torch.float32),
        ({"dataset": "imagewoof"}, torch.float32),
    ],
)
def test_a_row_counts_for_its_weights_on_its_kind_of_device(changes, expected, table, published, monkeypatch):
    monkeypatch.setattr(precision, "half_dtype", lambda device: torch.bfloat16)
    half_precision.record(row("baseline", **changes))
    assert precision.choose("baseline", "imagenette", CPU) == expected
    assert precision.choose("se-block", "imagenette", CPU) == torch.float32


def test_a_processor_without_the_instructions_stays_in_float32(table, published, monkeypatch):
    monkeypatch.setattr(devices, "training_dtype", lambda device: torch.float32)
    half_precision.record(row("baseline"))
    assert precision.choose("baseline", "imagenette", CPU) == torch.float32
    with pytest.raises(devices.DeviceError, match="no instructions for half precision"):
        next(half_precision.measure("imagenette", CPU, torch.zeros(1, 3, 160, 160, dtype=torch.uint8)))


def test_a_new_row_takes_the_place_of_the_old_one(table, published):
    for agreement in (0.9, 0.999):
        half_precision.record(row("baseline", agreement=agreement))
    half_precision.record(row("se-block"))
    written = pd.read_csv(table)
    assert written[["variant", "agreement"]].values.tolist() == [["baseline", 0.999], ["se-block", 0.999]]


@needs_half
def test_measuring_compares_the_two_precisions(table, published, monkeypatch):
    monkeypatch.setattr(precision.checkpoints, "available", lambda name: ["baseline"])
    images = torch.randint(0, 256, (30, 3, 160, 160), dtype=torch.uint8)
    said = []
    (found,) = half_precision.measure("imagenette", CPU, images, said.append)
    assert found["images"] == 30 and 0 <= found["agreement"] <= 1 and found["dtype"] == "bfloat16"
    assert found["holds"] == (found["agreement"] >= precision.AGREEMENT)
    assert 0 < found["largest_probability_difference"] < 0.2  # float32 against itself would be 0
    assert len(said) == 1
    assert found["weights_sha256"] == read_manifest()["models"]["baseline"]["sha256"]
    half_precision.record(found)
    assert list(half_precision.measure("imagenette", CPU, images, said.append)) == []
    assert said[-1] == "baseline: measured already"
    assert len(list(half_precision.measure("imagenette", CPU, images, said.append, again=True))) == 1


@needs_half
def test_the_page_runs_half_precision_where_it_holds(table, published):
    half_precision.record(row("baseline"))
    models = Models(device="cpu")
    images = torch.randn(1, 3, 160, 160)
    assert models.run("baseline", images).dtype == "bfloat16"
    assert models.run("se-block", images).dtype == "float32"
    assert Models(device="cpu", dtype=torch.float32).run("baseline", images).dtype == "float32"
