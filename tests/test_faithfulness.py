"""Deletion and insertion, held against a loop over pictures."""

import numpy as np
import pytest
import torch

from attention import faithfulness
from attention.datasets import normalise
from attention.variants import build_model


def test_deletion_and_insertion_equal_a_loop_over_pictures(device):
    model = build_model("baseline").eval().to(device)
    image = torch.randint(0, 255, (1, 3, 160, 160), dtype=torch.uint8)
    values, steps = np.random.default_rng(0).random((160, 160)), 4
    deletion, insertion = faithfulness.deletion_and_insertion(model, image, values, 2, device, steps)
    picture = normalise(image)
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
