"""Scores of the models' maps: what each row says, held against loops, and a command that can be killed."""

import numpy as np
import pandas as pd
import pytest
import torch

from attention import score_maps
from attention.datasets import DataError, normalise
from attention.heatmaps import watch
from attention.score_maps import Located
from attention.variants import build_model

BOX = (0.25, 0.5, 0.75, 1.0)


def located(count=6, masks=False):
    images = torch.randint(0, 255, (count, 3, 160, 160), dtype=torch.uint8)
    mask = np.zeros((64, 64), bool)
    mask[32:, 16:48] = True
    return Located(
        images, [0] * count, [] if masks else [BOX] * count, [(mask, np.zeros_like(mask))] * count if masks else []
    )


def knows(where: Located):
    """The map of one who knows the object, and the map of one who looks elsewhere."""
    height, width = score_maps._size(where)
    inside = score_maps.map_scores.box_mask(BOX, height, width).astype(float)
    for _ in range(len(where)):
        yield {"right": inside, "wrong": 1 - inside}


def test_boxes_and_masks_tell_a_right_map_from_a_wrong_one():
    rows = score_maps.score_boxes(knows, located(), located(3)) + score_maps.score_masks(knows, located(masks=True))
    table = pd.DataFrame(rows).set_index(["map", "score"])["value"]
    for score in ("pointing", "energy", "box_overlap", "box_found", "max_box"):
        assert table["right", score] == pytest.approx(1.0), score
    assert table["right", "pixel_precision"] == pytest.approx(1.0)
    assert table["wrong", "pointing"] == table["wrong", "energy"] == table["wrong", "box_found"] == 0
    assert table["wrong", "pixel_precision"] < 0.3
    assert all(row["low"] <= row["value"] <= row["high"] for row in rows)


@pytest.mark.parametrize("name", ["baseline", "cbam-block", "attention-pool-head", "se-block"])
def test_maps_of_a_model_are_those_that_its_modules_weighed(name, device):
    model = build_model(name).eval().to(device)
    image = normalise(torch.randint(0, 255, (1, 3, 160, 160), dtype=torch.uint8).to(device))
    maps, chosen = score_maps.maps_of(model, image)
    assert chosen == int(model(image).argmax()) and score_maps.maps_of(model, image, 3)[1] == 3
    assert maps["activation"].shape == (10, 10)
    assert ("attention" in maps) == (name in ("cbam-block", "attention-pool-head"))
    with torch.no_grad(), watch(model) as again:
        model(image)
    assert all(not module._forward_hooks for module in model.modules()) and bool(again) == (name != "baseline")


@pytest.fixture
def scored(tiny_dataset, published, tmp_path, monkeypatch):
    monkeypatch.setattr(score_maps, "RESULT_FILE", tmp_path / "heatmaps.csv")
    monkeypatch.setattr(
        score_maps, "_everything_located", lambda: {"val": located(), "train": located(3), "pets": located(masks=True)}
    )

    def run(*names):
        said = []
        arguments = {"images": 3, "steps": 2, "progress": said.append}
        return score_maps.score(["imagenette"], torch.device("cpu"), list(names), **arguments), said

    return run


def test_the_command_goes_on_where_it_was_killed(scored):
    first, _ = scored("baseline")
    assert set(first["map"]) == {"activation", "centre", "random", "edges"}
    second, said = scored("baseline", "cbam-block")
    assert "imagenette baseline: scored already" in said and "controls" not in " ".join(said)
    assert set(second["model"].dropna()) == {"baseline", "cbam-block"}
    kept = second[second["model"] == "baseline"].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, first[first["model"] == "baseline"].reset_index(drop=True))
    own = second[second["model"] == "cbam-block"]
    assert {"deletion", "insertion", "pixel_precision"} == set(own["score"])
    assert set(own[own["score"] == "deletion"]["map"]) == {"attention", "activation", "centre", "random", "edges"}
    assert ((second["low"] <= second["value"]) & (second["value"] <= second["high"])).all()


def test_other_weights_are_scored_again(scored, monkeypatch):
    scored("baseline")
    table = score_maps.read()
    table["weights_sha256"] = table["weights_sha256"].where(table["model"] == "", "other")
    table.to_csv(score_maps.RESULT_FILE, index=False)
    _, said = scored("baseline")
    assert said == ["imagenette baseline: 9 scores"]


def test_missing_boxes_say_what_to_do(tiny_dataset):
    with pytest.raises(DataError, match="imagewoof2-boxes.csv is not on this machine.*ATTENTION_DATA"):
        score_maps.boxed_images("val")
    with pytest.raises(DataError, match="oxford-pets-masks"):
        score_maps.masked_pets()
