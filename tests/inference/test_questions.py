"""Questions to the committed models about a sample: what is changed changes, what is not stays to the bit."""

import numpy as np
import pytest
from PIL import Image

from attention.core.paths import ROOT
from attention.inference.compare import Models, compare
from attention.inference.questions import Examiner
from attention.maps import faithfulness
from attention.maps.overlay import upsample
from attention.models.checkpoints import CheckpointError
from attention.models.variants import UnknownVariant
from attention.pictures.corruptions import CORRUPTIONS
from attention.pictures.preprocessing import STUDY, to_tensor
from attention.pictures.reading import read_image

pytestmark = pytest.mark.full_width


@pytest.fixture(scope="module")
def examiner():
    return Examiner(Models("imagenette", "cpu"))


@pytest.fixture(scope="module")
def photo():
    return read_image(ROOT / "samples" / "church.jpg").image


def has_hooks(examiner: Examiner) -> bool:
    return any(m._forward_hooks or m._forward_pre_hooks for model in examiner._plain.values() for m in model.modules())


@pytest.mark.parametrize(
    "name", ["baseline", "self-attention-stage", "mhsa-block", "multi-head-pool-head", "bam-stage"]
)
def test_a_look_shows_what_the_fast_path_shows(examiner, photo, name):
    look = examiner.look(photo, name)
    fast = next(compare(photo, [name], examiner.models))
    assert look.class_index == fast.top1 == look.ranking[0]
    assert look.probabilities == pytest.approx(fast.probabilities, abs=0.02)  # the fast path may be in half precision
    assert [m.path for m in look.attention] == [m.path for m in fast.maps]
    assert sorted(look.activations) == [1, 2, 3, 4]
    assert np.corrcoef(look.activation.ravel(), fast.activation.ravel())[0, 1] > 0.99
    assert bool(look.gammas) == (name == "self-attention-stage")
    assert bool(look.attention and look.attention[-1].by_head) == (name in ("mhsa-block", "multi-head-pool-head"))
    assert not has_hooks(examiner)


def test_any_class_can_be_explained(examiner, photo):
    own, other = examiner.look(photo, "baseline"), examiner.look(photo, "baseline", 0)
    assert other.class_index == 0 != own.class_index and (own.probabilities == other.probabilities).all()
    assert not np.array_equal(own.activation, other.activation)


def test_attention_off_changes_a_model_with_attention_alone(examiner, photo):
    on, off = examiner.attention_off(photo, "attention-pool-head")
    assert on.class_index == off.class_index and not np.allclose(on.probabilities, off.probabilities, atol=1e-3)
    assert off.attention[-1].values == pytest.approx(np.ones((10, 10)), abs=1e-5)
    on, off = examiner.attention_off(photo, "baseline")
    assert (on.probabilities == off.probabilities).all()
    again = examiner.look(photo, "attention-pool-head")
    assert again.attention[-1].values.std() > 0.01, "the model itself is not switched off"


def test_randomisation_begins_with_the_trained_model_and_leaves_it_alone(examiner, photo):
    before = examiner.look(photo, "se-block")
    steps = list(examiner.randomised(photo, "se-block"))
    assert [step.part for step in steps] == ["", "head", "stage 4", "stage 3", "stage 2", "stage 1", "stem"]
    assert steps[0].rank_correlation == 1 and (steps[0].activation == before.activation).all()
    assert abs(steps[-1].rank_correlation) < 0.9 and steps[-1].probability < steps[0].probability
    after = examiner.look(photo, "se-block")
    assert (after.probabilities == before.probabilities).all() and (after.activation == before.activation).all()


def test_deletion_and_insertion_are_those_of_the_shown_maps(examiner, photo):
    found = examiner.deletion_and_insertion(photo, "attention-pool-head")
    assert list(found) == ["activation", "attention", "random"]
    look = examiner.look(photo, "attention-pool-head")
    enlarged = upsample(look.activation, 160, 160)
    model, pixels = examiner._model("attention-pool-head"), to_tensor([STUDY.resized(photo)])
    deletion, insertion = faithfulness.deletion_and_insertion(
        model, pixels, enlarged, look.class_index, examiner.models.device
    )
    curves = found["activation"]
    assert curves.deletion == pytest.approx(deletion, abs=1e-4) and curves.insertion == pytest.approx(
        insertion, abs=1e-4
    )
    top = look.probabilities[look.class_index]
    assert curves.deletion[0] == pytest.approx(top, abs=1e-3) == curves.insertion[-1]
    assert 0 <= curves.deletion_area <= 1 and 0 <= curves.insertion_area <= 1
    assert list(examiner.deletion_and_insertion(photo, "baseline")) == ["activation", "random"]


@pytest.mark.parametrize("kind", list(CORRUPTIONS))
def test_corruption_goes_from_the_photo_to_strength_5_and_explains_one_class(examiner, photo, kind):
    steps = list(examiner.under_corruption(photo, ["baseline", "se-block"], kind))
    assert [step.strength for step in steps] == list(range(6))
    assert (np.asarray(steps[0].image) == STUDY.resized(photo)).all()
    assert (steps[0].looks["baseline"].probabilities == examiner.look(photo, "baseline").probabilities).all()
    assert len({look.class_index for step in steps for look in step.looks.values()}) == 1
    assert not np.array_equal(steps[5].looks["baseline"].probabilities, steps[0].looks["baseline"].probabilities)


def test_a_difference_is_signed_and_held_against_a_change_of_seed(examiner, photo):
    found = examiner.difference(photo, "cbam-block", "baseline")
    assert found.values.min() < 0 < found.values.max() and abs(found.values).max() <= 1
    assert found.between_seeds.shape == found.values.shape and abs(found.between_seeds).max() <= 1
    chosen = examiner.look(photo, "cbam-block").class_index
    swapped = examiner.difference(photo, "baseline", "cbam-block", chosen)
    assert swapped.values == pytest.approx(-found.values) and (swapped.between_seeds == found.between_seeds).all()
    assert not examiner.difference(photo, "baseline", "baseline").values.any()


def test_without_a_second_seed_there_is_no_difference_between_seeds(photo):
    assert Examiner(Models("imagewoof", "cpu")).difference(photo, "se-block", "baseline").between_seeds is None


def test_what_cannot_be_asked_gets_a_sentence(examiner, photo):
    with pytest.raises(UnknownVariant, match="no model 'nothing'"):
        examiner.look(photo, "nothing")
    with pytest.raises(CheckpointError, match="eca-block has no checkpoint here"):
        examiner.attention_off(photo, "eca-block")
    with pytest.raises(ValueError, match="no class 10: these models know 10"):
        examiner.look(photo, "baseline", 10)
    with pytest.raises(ValueError, match="no corruption 'fog'"):
        list(examiner.under_corruption(photo, ["baseline"], "fog"))
    assert not has_hooks(examiner)


def test_a_picture_of_one_pixel_and_one_of_one_colour_are_examined_too(examiner):
    for picture in (Image.new("RGB", (1, 1)), Image.new("RGB", (300, 20), (250, 250, 250))):
        look = examiner.look(picture, "cbam-block")
        assert np.isfinite(look.activation).all() and np.isfinite(look.probabilities).all()


@pytest.mark.parametrize("size", [(300, 200), (180, 320)])
def test_every_question_is_answered_of_a_photo_in_its_own_shape(size):
    examiner = Examiner(Models("everyday", "cpu"))
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8))
    height, width = examiner.models.dataset.preprocessing.resized(photo).shape[:2]
    assert height != width
    for name in examiner.models.names:
        trained, neutral = examiner.attention_off(photo, name)
        assert trained.activation.shape == neutral.activation.shape == (height // 16, width // 16)
        for seen in trained.attention:
            assert seen.over == "channels" or seen.values.shape[0] * width == seen.values.shape[1] * height
    curves = examiner.deletion_and_insertion(photo, "attention-pool-head")
    assert set(curves) == {"activation", "attention", "random"}
    assert len(list(examiner.under_corruption(photo, ["baseline"], "noise"))) == 6
    assert list(examiner.randomised(photo, "baseline"))[-1].activation.shape == (height // 16, width // 16)
    assert examiner.difference(photo, "attention-pool-head", "baseline").values.shape == (height // 16, width // 16)
