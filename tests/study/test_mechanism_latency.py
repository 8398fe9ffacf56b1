"""The mechanisms are timed at the places and shapes that they have in the network."""

import pandas as pd
import pytest
import torch

from attention.models.mechanisms import MECHANISMS
from attention.models.network import GlobalAveragePool
from attention.models.variants import VARIANTS
from attention.study import latency
from attention.study.mechanism_latency import COLUMNS, MechanismCosts, places, replaced

pytestmark = pytest.mark.full_width

STUDIED = [name for name, variant in VARIANTS.items() if not variant.is_control]


@pytest.mark.parametrize("name", STUDIED)
def test_every_variants_modules_are_found_and_run_alone(name):
    found = places(name, 96)
    variant = VARIANTS[name]
    assert all(type(module) is MECHANISMS[variant.mechanism].build for module, _ in found)
    expected = {"input": 1, "head": 1, "stage": len(variant.stages), "block": 2 * len(variant.stages)}
    assert len(found) == expected.get(variant.placement, 1 + 8 + 1)
    for module, x in found:
        with torch.no_grad():
            assert torch.isfinite(module(x)).all()


def test_shapes_are_those_of_the_placement():
    assert [tuple(x.shape) for _, x in places("qk-spatial-input", 160)] == [(1, 3, 160, 160)]
    assert [tuple(x.shape[1:]) for _, x in places("se-block", 160)][::2] == [
        (48, 40, 40), (96, 20, 20), (192, 10, 10), (192, 10, 10)
    ]  # fmt: skip
    assert [tuple(x.shape) for _, x in places("self-attention-stage1", 224)] == [(1, 48, 56, 56)]


def test_controls_have_none():
    assert places("baseline", 96) == [] and MechanismCosts(["baseline"], 96, torch.device("cpu")).names == []


def test_what_a_module_takes_the_place_of():
    assert isinstance(replaced(VARIANTS["attention-pool-head"], 192), GlobalAveragePool)
    assert replaced(VARIANTS["mhsa-block"], 192).weight.shape == (192, 192, 3, 3)
    assert replaced(VARIANTS["se-block"], 48) is None and replaced(VARIANTS["se-head"], 192) is None


def test_rows(device, tmp_path):
    costs = MechanismCosts(["baseline", "se-block", "attention-pool-head"], 96, device)
    list(costs.timing.run(3, warm_ups=1))
    rows = costs.rows()
    assert rows["variant"].tolist() == ["se-block", "attention-pool-head"] and rows.columns.tolist() == COLUMNS
    assert rows["modules"].tolist() == [8, 1] and rows["shapes"][1] == "1x 192x6x6"
    assert rows["replaced_us"][0] == 0 < rows["replaced_us"][1]
    assert rows["added_us"].tolist() == pytest.approx((rows["p50_us"] - rows["replaced_us"]).tolist(), abs=0.2)
    assert rows["busy"].all(), "three calls are not the record's number"
    latency.record(rows, tmp_path / "mechanisms.csv")
    assert pd.read_csv(tmp_path / "mechanisms.csv")["variant"].tolist() == ["se-block", "attention-pool-head"]
