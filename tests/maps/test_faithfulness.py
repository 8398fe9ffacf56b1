"""Deletion and insertion, held against a loop over pictures."""

import numpy as np
import pytest
import torch
from pytorch_grad_cam.metrics.perturbation_confidence import PerturbationConfidenceMetric, RemoveMostRelevantFirst
from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget

from attention.maps import faithfulness
from attention.models.variants import build_model
from attention.pictures.preprocessing import STUDY


def test_deletion_and_insertion_equal_a_loop_over_pictures(device):
    model = build_model("baseline").eval().to(device)
    image = torch.randint(0, 255, (1, 3, 160, 160), dtype=torch.uint8)
    values, steps = np.random.default_rng(0).random((160, 160)), 4
    deletion, insertion = faithfulness.deletion_and_insertion(model, image, values, 2, device, steps)
    picture = STUDY.normalise(image)
    blurred = torch.from_numpy(
        np.stack(
            [faithfulness.ndimage.gaussian_filter(plane, faithfulness.BLUR_PIXELS) for plane in picture[0].numpy()]
        )
    )[None]
    order = torch.from_numpy(np.argsort(-values.ravel(), kind="stable"))
    for step in range(steps + 1):
        gone = torch.zeros(160 * 160, dtype=torch.bool)
        gone[order[: 160 * 160 * step // steps]] = True
        gone = gone.view(160, 160)
        with torch.no_grad():
            deleted = model(torch.where(gone, 0.0, picture).to(device)).softmax(1)[0, 2]
            inserted = model(torch.where(gone, picture, blurred).to(device)).softmax(1)[0, 2]
        assert deletion[step] == pytest.approx(float(deleted), abs=1e-4)
        assert insertion[step] == pytest.approx(float(inserted), abs=1e-4)


def test_curves_equal_those_of_grad_cam(device):
    """pytorch-grad-cam removes the share above a percentile and leaves to its caller what comes in its place. It has no steps
    and no area, and at share 0 it removes the one strongest pixel: the start of a curve is held by the loop above."""
    model = build_model("baseline").eval().to(device)
    image = torch.randint(0, 255, (1, 3, 160, 160), dtype=torch.uint8)
    values, steps = np.random.default_rng(1).random((160, 160)), 4
    picture = STUDY.normalise(image)
    blurred = faithfulness.ndimage.gaussian_filter(
        picture[0].numpy(), (0, faithfulness.BLUR_PIXELS, faithfulness.BLUR_PIXELS)
    )
    ways = (
        lambda given, kept: given * kept,
        lambda given, kept: torch.where(kept > 0, torch.from_numpy(blurred), given),
    )
    curves = faithfulness.deletion_and_insertion(model, image, values, 2, device, steps)
    for imputer, curve in zip(ways, curves, strict=True):
        for step in range(1, steps + 1):
            metric = PerturbationConfidenceMetric(RemoveMostRelevantFirst(100 - 100 * step / steps, imputer))
            target = [ClassifierOutputSoftmaxTarget(2)]
            found = metric(picture.to(device), values[None], target, model, return_diff=False)
            assert curve[step] == pytest.approx(found[0], abs=1e-4)


def test_maps_together_are_maps_one_by_one_and_share_their_ends():
    model, seen = build_model("baseline").eval(), []
    image = torch.randint(0, 255, (1, 3, 160, 160), dtype=torch.uint8)
    random = np.random.default_rng(0)
    maps = {name: random.random((160, 160)) for name in ("one", "two")}

    def counted(images):
        seen.append(len(images))
        return model(images)

    together = faithfulness.curves(counted, image, maps, 2, torch.device("cpu"), 3)
    assert sum(seen) == 3 + 2 * 2 * 2, (
        "the whole, the grey and the blurred picture once; two pictures on each of four ways"
    )
    for name, values in maps.items():
        alone = faithfulness.deletion_and_insertion(model, image, values, 2, torch.device("cpu"), 3)
        assert np.stack(together[name]) == pytest.approx(np.stack(alone), abs=1e-5)
        assert together[name][0][0] == together[name][1][-1] == together["one"][0][0]


def test_one_step_is_the_ends_alone():
    image = torch.randint(0, 255, (1, 3, 160, 160), dtype=torch.uint8)
    model = build_model("baseline").eval()
    deletion, insertion = faithfulness.deletion_and_insertion(
        model, image, np.ones((160, 160)), 2, torch.device("cpu"), 1
    )
    assert deletion.shape == insertion.shape == (2,) and deletion[0] == insertion[1]


def test_a_map_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="not finite"):
        faithfulness.deletion_and_insertion(
            build_model("baseline").eval(), torch.zeros(1, 3, 160, 160, dtype=torch.uint8), np.full((160, 160), np.nan), 0,
            torch.device("cpu"),
        )  # fmt: skip
