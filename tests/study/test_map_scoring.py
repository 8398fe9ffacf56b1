"""Scores of the models' maps: what each row says, held against loops, and a command that can be killed."""

import numpy as np
import pandas as pd
import pytest
import torch

from attention.maps import scores
from attention.models.variants import build_model
from attention.models.visible import watch
from attention.pictures.datasets import DATASETS
from attention.pictures.preprocessing import STUDY
from attention.study import known_objects as located_module
from attention.study import map_scores, map_scoring
from attention.study.known_objects import KnownObjects, Located

BOX = (0.25, 0.5, 0.75, 1.0)


def located(count=6, masks=False):
    images = torch.randint(0, 255, (count, 3, 160, 160), dtype=torch.uint8)
    mask = np.zeros((64, 64), bool)
    mask[32:, 16:48] = True
    if masks:
        return Located(images, None, masks=((mask, np.zeros_like(mask)),) * count)
    return Located(images, torch.zeros(count, dtype=torch.long), boxes=(BOX,) * count)


def knows(where: Located):
    """The map of one who knows the object, and the map of one who looks elsewhere."""
    inside = scores.box_mask(BOX, *where.size).astype(float)
    for _ in range(len(where)):
        yield {"right": inside, "wrong": 1 - inside}


def test_boxes_and_masks_tell_a_right_map_from_a_wrong_one():
    scored = map_scoring.score_boxes(knows, located(), located(3))
    scored += map_scoring.score_masks(knows, located(masks=True), located(3, masks=True))
    rows = [one.row() for one in scored]
    table = pd.DataFrame(rows).set_index(["map", "score"])["value"]
    for score in (*map_scores.BOXES, *map_scores.MASKS):
        assert table["right", score] == pytest.approx(1.0), score
    assert table["wrong", "pointing"] == table["wrong", "energy"] == table["wrong", "box_found"] == 0
    assert table["wrong", "pixel_precision"] < 0.3 and table["wrong", "mask_overlap"] < 0.3
    assert all(row["low"] <= row["value"] <= row["high"] for row in rows)


def test_thresholds_come_from_the_images_held_out():
    """Held out, the object is where the map is above a half; in the images that are scored, where it is above nine tenths."""
    values = np.linspace(0, 1, 160)[None].repeat(160, 0)
    images = torch.zeros(3, 3, 160, 160, dtype=torch.uint8)

    def right_of(edge, masks):
        ignored, mask = np.zeros((160, 160), bool), np.arange(160)[None].repeat(160, 0) >= edge * 160
        known = {"masks": ((mask, ignored),) * 3} if masks else {"boxes": ((edge, 0.0, 1.0, 1.0),) * 3}
        return Located(images, None, **known)

    def ramp(known):
        yield from [{"ramp": values}] * 3

    boxes = map_scoring.score_boxes(ramp, right_of(0.9, False), right_of(0.5, False))
    masks = map_scoring.score_masks(ramp, right_of(0.9, True), right_of(0.5, True))
    for found in (one for one in boxes + masks if one.score in ("box_overlap", "mask_overlap")):
        assert found.threshold == pytest.approx(0.5, abs=0.02) and found.values == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize("name", ["baseline", "cbam-block", "attention-pool-head", "se-block"])
def test_maps_of_a_model_are_those_that_its_modules_weighed(name, device):
    model = build_model(name).eval().to(device)
    images = STUDY.normalise(torch.randint(0, 255, (3, 3, 160, 160), dtype=torch.uint8).to(device))
    together = map_scoring.maps_of(model, images)
    assert [chosen for _, chosen in together] == model(images).argmax(1).tolist()
    assert [chosen for _, chosen in map_scoring.maps_of(model, images, torch.tensor([3, 1, 2]).to(device))] == [3, 1, 2]
    for number, (maps, _) in enumerate(together):
        assert maps["activation"].shape == (10, 10)
        assert ("attention" in maps) == (name in ("cbam-block", "attention-pool-head"))
        [(alone, _)] = map_scoring.maps_of(model, images[number : number + 1])
        for kind, values in maps.items():
            assert values == pytest.approx(alone[kind], abs=1e-4)
    with torch.no_grad(), watch(model) as again:
        model(images)
    assert all(not module._forward_hooks for module in model.modules()) and bool(again) == (name != "baseline")


@pytest.fixture
def scored(tiny_dataset, published, tmp_path, monkeypatch):
    """score() of named models on a few pictures: returns the table and what it said."""
    monkeypatch.setattr(map_scores, "RESULT_FILE", tmp_path / "heatmaps.csv")
    monkeypatch.setattr(map_scores, "DIFFERENCE_FILE", tmp_path / "heatmap_differences.csv")
    known = KnownObjects(located(), located(3), located(masks=True), located(3, masks=True))
    monkeypatch.setattr(located_module, "known_objects", lambda boxed: known)

    def run(*names):
        said = []
        arguments = {"images": 3, "steps": 2, "progress": said.append}
        return map_scoring.score(["imagenette"], torch.device("cpu"), list(names), **arguments), said

    return run


def test_a_data_set_with_boxes_has_its_own_controls(scored, monkeypatch):
    scored("baseline")
    shared = map_scores.read()
    monkeypatch.setattr(map_scores, "controls_of", lambda name: name)
    found, said = scored("baseline")
    assert said == ["imagenette baseline: scored already", "imagenette controls: 21 scores"]
    own = found[(found["dataset"] == "imagenette") & (found["model"] == "")]
    controls = shared[shared["model"] == ""]
    assert own["value"].tolist() == controls["value"].tolist() and len(found) == len(shared) + 21
    assert map_scores.by_image_file("imagenette", "").name == "controls.npz"


@pytest.mark.parametrize("name", ["baseline", "cbam-block"])
def test_maps_and_controls_follow_the_size_at_which_models_are_asked(name):
    """Everyday things: stored at 64 px, asked at 112, so seven positions a side, and the boxes are in pixels of 64."""
    preprocessing = DATASETS["everyday"].preprocessing
    images = torch.randint(0, 255, (3, 3, 64, 64), dtype=torch.uint8)
    known = Located(images, None, boxes=(BOX,) * 3, preprocessing=preprocessing)
    model = build_model(name).eval()
    for maps, image in zip(map_scoring.models_maps(model, torch.device("cpu"), known), images, strict=True):
        [(expected, _)] = map_scoring.maps_of(model, preprocessing.tested(image[None]))
        assert maps["activation"].shape == (7, 7) and maps["activation"] == pytest.approx(
            expected["activation"], abs=1e-4
        )
    assert [m["random"].shape for m in map_scoring.controls_maps(known)] == [(64, 64)] * 3
    assert map_scoring._enlarged(images, 112).shape == (3, 3, 112, 112) and map_scoring._enlarged(images, 64) is images


def test_the_command_goes_on_where_it_was_killed(scored, monkeypatch):
    first, _ = scored("baseline")
    assert set(first["map"]) == {"activation", "centre", "random", "edges"}
    second, said = scored("baseline", "cbam-block")
    assert "imagenette baseline: scored already" in said and "controls" not in " ".join(said)
    assert set(second["model"]) == {"", "baseline", "cbam-block"}
    kept = second[second["model"] == "baseline"].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, first[first["model"] == "baseline"].reset_index(drop=True))
    own = second[second["model"] == "cbam-block"]
    assert set(own["score"]) == {*map_scores.FAITHFULNESS, *map_scores.BOXES, *map_scores.MASKS}
    assert set(own[own["score"] == "deletion"]["map"]) == {"attention", "activation", "centre", "random", "edges"}
    assert ((second["low"] <= second["value"]) & (second["value"] <= second["high"])).all()

    def not_again(*_):
        raise AssertionError("nothing is left to do, and data are decoded")

    monkeypatch.setattr(located_module, "known_objects", not_again)
    monkeypatch.setattr(map_scoring, "load", not_again)
    third, _ = scored("baseline", "cbam-block")
    pd.testing.assert_frame_equal(third, second)


def test_a_model_is_scored_again_when_a_kill_left_a_part(scored):
    before, _ = scored("baseline")
    map_scores.by_image_file("imagenette", "baseline").unlink()
    _, said = scored("baseline")
    assert said == ["imagenette baseline: 15 scores"]
    table = map_scores.read()
    table[table["score"] != "mask_overlap"].to_csv(map_scores.RESULT_FILE, index=False)  # as a version without it wrote
    after, said = scored("baseline")
    assert said == ["controls: 21 scores", "imagenette baseline: 15 scores"]
    pd.testing.assert_frame_equal(after[after["model"] == "baseline"], before[before["model"] == "baseline"])


def test_other_weights_or_other_images_are_scored_again(scored):
    scored("baseline")
    table = map_scores.read()
    table["weights_sha256"] = table["weights_sha256"].where(table["model"] == "", "other")
    table.to_csv(map_scores.RESULT_FILE, index=False)
    assert scored("baseline")[1] == ["imagenette baseline: 15 scores"]
    assert map_scoring._missing("imagenette", ["baseline"], 3, 2, print) == []
    assert map_scoring._missing("imagenette", ["baseline"], 4, 2, print) == ["baseline"]
    assert map_scoring._missing("imagenette", ["baseline"], 3, 5, print) == ["baseline"]


def test_differences_are_of_the_same_images(scored):
    table, _ = scored("baseline", "cbam-block")
    found = map_scores.read_differences().set_index(["model", "map", "score", "against"])
    value = table.set_index(["model", "map", "score"])["value"]
    for (model, kind, score, against), row in found.iterrows():
        of_model = score in map_scores.FAITHFULNESS
        other = {
            "activation": (model, "activation"),
            "baseline": ("baseline", "activation"),
            "centre": (model if of_model else "", "centre"),
        }[against]
        assert row["difference"] == pytest.approx(value[model, kind, score] - value[*other, score], abs=2e-6)
        assert row["low"] <= row["difference"] <= row["high"]
    assert ("cbam-block", "attention", "box_overlap", "baseline") in found.index
    assert ("cbam-block", "attention", "deletion", "activation") in found.index
    assert ("cbam-block", "attention", "deletion", "baseline") not in found.index, "asked of two models"
    assert ("baseline", "activation", "energy", "baseline") not in found.index
    assert "pixel_precision" not in found.index.get_level_values("score"), "no image has one of its own"


def test_the_page_gets_threshold_and_score_of_one_map(scored):
    table, _ = scored("cbam-block")
    found = map_scores.scores_of("imagenette", "cbam-block", "attention")
    row = table.set_index(["model", "map", "score"]).loc["cbam-block", "attention", "box_overlap"]
    assert found["box_overlap"] == {k: row[k] for k in ("value", "low", "high", "images", "threshold")}
    assert found["pointing"]["threshold"] is None
    assert map_scores.threshold("imagenette", "cbam-block", "attention") == row["threshold"]
    assert (
        map_scores.threshold("imagenette", "cbam-block", "attention", "mask_overlap")
        == found["mask_overlap"]["threshold"]
    )
    assert map_scores.threshold("imagenette", "se-block", "attention") is None
    assert map_scores.scores_of("imagewoof", "baseline", "activation") == {}
