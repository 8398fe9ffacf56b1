"""Maps in sentences, in both languages, and where the cards say them."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from attention.maps import scores
from attention.maps.attention import AttentionMap
from attention.web import cards, sentences
from attention.web.texts import TEXTS

BOTH = pytest.mark.parametrize("language", TEXTS)


def corner(size=10, width=3):
    values = np.zeros((size, size), np.float32)
    values[:width, :width] = 1
    return values


def channel_map(values, kind="gate", path="stages.0.0.attention.gate"):
    return AttentionMap(path, kind, "channels", np.asarray(values, np.float32))


def test_a_map_in_one_sentence():
    said = sentences.sentence("en", corner())
    assert said.startswith("Strongest at the top left; half of it lies on 4 % of the picture; ")
    assert "a centre prior (-0." in said and said.endswith(").")
    prior = scores.centre_gaussian(10, 10)
    assert sentences.sentence("en", prior).startswith("Strongest in the centre; half of it lies on 24 %")
    assert sentences.sentence("en", prior).endswith("; much like a centre prior (1.00).")
    assert sentences.sentence("en", 1 - prior).endswith("; the reverse of a centre prior (-1.00).")
    assert sentences.sentence("zh", corner()).startswith("左上方最强；一半的量集中在画面的 4 % 上；")


@pytest.mark.parametrize(
    ("correlation", "like"),
    [
        (0.61, "much like"),
        (0.31, "somewhat"),
        (0.0, "little"),
        (-0.29, "little"),
        (-0.4, "unlike"),
        (-0.7, "the reverse"),
        (-1.0000000000000002, "the reverse"),
    ],
)
def test_how_like_a_centre_prior(correlation, like, monkeypatch):
    given = SimpleNamespace(where="top", half_area=0.1, centre_correlation=correlation, constant=False)
    monkeypatch.setattr(sentences, "describe_map", lambda values: given)
    assert like in sentences.sentence("en", corner())


def test_a_map_with_a_floor_is_called_almost_even():
    said = sentences.sentence("en", 0.8 + 0.1 * corner())
    assert said.startswith("Strongest at the top left; almost even, half of it on 49 % of the picture; ")


def test_less_than_a_hundredth_of_the_picture_is_not_called_none_of_it():
    dot = np.zeros((40, 40))
    dot[20, 20] = 1
    assert "half of it lies on 0.03 % of the picture" in sentences.sentence("en", dot)


@BOTH
@pytest.mark.parametrize("kind", ["attention", "activation"])
@pytest.mark.parametrize("level", [0.0, 0.5, np.nan, np.inf])
def test_a_map_that_says_nothing_is_told_as_that(language, kind, level):
    said = sentences.sentence(language, np.full((4, 4), level, np.float32), kind)
    expected = "words_not_finite" if not np.isfinite(level) else f"words_{'alike' if level else 'empty'}_{kind}"
    assert said == TEXTS[language][expected].format(level=level)


def test_a_saturated_gate_is_told_with_its_level():
    gate = AttentionMap("a.gate", "gate", "positions", np.full((5, 5), 0.99999, np.float32))
    assert sentences.sentence("en", gate) == "Weighs every position alike (1.00)."


@BOTH
def test_every_field_and_spread_has_words(language):
    for row in range(3):
        for column in range(3):
            values = np.full((3, 3), 0.1)
            values[row, column] = 1
            assert "{" not in sentences.sentence(language, values)


def test_channel_weights_in_one_sentence():
    gates = channel_map([0.1, 0.4, 0.9, 1.0])
    assert sentences.sentence("en", gates) == "Weights from 0.10 to 1.00, mean 0.60; 2 of 4 channels below half."
    assert sentences.channels("en", [gates, gates]).endswith("4 of 8 channels below half.")
    softmax = channel_map([0.4, 1.6], "softmax", "a.attn")
    assert (
        sentences.sentence("en", softmax)
        == "Weights from 0.40 to 1.60 times uniform; 1 of 2 channels below half of it."
    )
    assert sentences.sentence("en", channel_map([0.5, 0.5])) == "Weighs every channel alike (0.50)."
    assert sentences.sentence("zh", gates) == "权重从 0.10 到 1.00，平均 0.60；4 个通道中有 2 个低于一半。"
    assert "not finite" in sentences.sentence("en", channel_map([0.5, np.nan]))


# on the cards

PHOTO = Image.effect_noise((48, 32), 80).convert("RGB")


def drawn(activation, *maps, name="baseline", language="en", means=None):
    probabilities = np.eye(10, dtype=np.float32)[4]
    given = SimpleNamespace(
        name=name, class_names=tuple("abcd") + ("church",) + tuple("fghij"), probabilities=probabilities, maps=maps,
        activation=activation, latency_ms=5.0, ranking=[4, *(i for i in range(10) if i != 4)], top1=4, prediction="church",
        asked=None, explained=4,
    )  # fmt: skip
    frame = cards.Frame(language, PHOTO.size)
    return cards.done(frame, cards.skeleton(frame, name, cards.Measured(0.9, 5.0)), given, means)


@BOTH
def test_the_card_says_the_map_as_alt_text_and_below_it(language):
    gate = AttentionMap("a.gate", "gate", "positions", corner())
    card = drawn(corner()[::-1], gate, name="cbam-block", language=language)
    attention = sentences.sentence(language, gate)
    activation = sentences.sentence(language, corner()[::-1], "activation")
    assert attention != activation and [layer.kind for layer in card.layers] == list(cards.KINDS[:3])
    for layer, said in zip(card.layers, (attention, activation), strict=False):
        assert layer.picture and said in layer.words and layer.caption[1] == said


@BOTH
@pytest.mark.parametrize("level", [0.0, np.nan])
def test_the_card_has_a_sentence_in_place_of_a_map_that_shows_nothing(language, level):
    nothing = np.full((10, 10), level, np.float32)
    gate = AttentionMap("a.gate", "gate", "positions", nothing)
    card = drawn(nothing, gate, name="cbam-block", language=language)
    assert not any(layer.picture or layer.caption for layer in card.layers)
    for layer, kind in zip(card.layers, ("attention", "activation"), strict=False):
        assert (layer.kind, layer.words) == (kind, sentences.sentence(language, nothing, kind))


def test_channel_bars_stand_before_the_mean_of_the_class_that_was_chosen():
    gates = channel_map([0.1, 0.4, 0.9, 1.0])
    means = {gates.path: np.array([0.2, 0.5, 0.8, 0.9], np.float32)}
    layer = drawn(corner(), gates, name="se-block", means=means).layers[0]
    assert "Line: the mean of class church, on average 0.10 away." in layer.caption[0]
    assert "Line: the mean of class church" in layer.bars.split('aria-label="')[1].split('"')[0], "read out"
    assert layer.bars.count("<polyline") == 1 and not layer.picture
    without = drawn(corner(), gates, name="se-block").layers[0]
    assert "Line:" not in without.caption[0] + without.bars and "<polyline" not in without.bars
    assert "Weights from 0.10 to 1.00" in without.caption[0] and "Weights from 0.10 to 1.00" in without.bars
    chinese = drawn(corner(), gates, name="se-block", language="zh", means=means).layers[0]
    assert "类别“教堂”的平均值，平均相差 0.10" in chinese.caption[0]


def test_means_of_some_modules_alone_are_not_drawn():
    first, second = channel_map([0.1, 0.4]), channel_map([0.2, 0.3], path="stages.0.1.attention.gate")
    card = drawn(corner(), first, second, name="se-block", means={first.path: np.zeros(2)})
    assert card.layers[0].bars and "<polyline" not in card.layers[0].bars


def test_channel_weights_that_are_not_finite_are_said():
    layer = drawn(corner(), channel_map([0.1, np.nan]), name="se-block").layers[0]
    assert not layer.bars and layer.words.startswith("This map holds values that are not finite")
