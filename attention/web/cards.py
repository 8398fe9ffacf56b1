"""One model's answer as a card: every string is final, every picture a data: URI. templates/card.html draws it.

No gradio and no HTML here.
"""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from attention.inference.compare import Result
from attention.maps.description import describe_map
from attention.maps.display import (
    TOP,
    attention_map,
    channel_maps,
    is_drawable,
    layer,
    maps_to_draw,
    scale_of,
    signed_difference,
)
from attention.maps.overlay import difference_layer
from attention.models.variants import variant as variant_of
from attention.web import sentences
from attention.web.charts.figures import PLACEMENT_COLOURS, channel_bars, data_uri
from attention.web.render import render
from attention.web.texts import class_name, text, title

KINDS = ("attention", "activation", "difference", "photo")  # what the switch above the cards offers
DIFFERENCE_TOP = 0.5  # the same for every card and photo: from this difference on the colour is full


@dataclass(frozen=True)
class Measured:
    """What the tables say about a model: accuracy as a fraction and p50 in ms on this device, None where not measured.

    `images` is the number of images behind the accuracy, where that is not the study's test set. For a model that
    others trained, `published` is their name for it and the accuracy is theirs.
    """

    accuracy: float | None = None
    p50_ms: float | None = None
    images: int | None = None
    published: str | None = None


@dataclass(frozen=True)
class Frame:
    """What the cards of one comparison share.

    `size` is the photo's width and height. `reference` names the model that the others are compared with, None for
    none; `held_against` is its Result as soon as it has run. `device` is where the models run.
    """

    language: str
    size: tuple[int, int]
    reference: str | None = None
    held_against: Result | None = None
    device: str = ""

    def join(self, *sentences: str) -> str:
        return ("" if self.language == "zh" else " ").join(filter(None, sentences))


@dataclass(frozen=True)
class Bar:
    """One of the most probable classes: its name in English and in the visitor's language, and its probability.

    `marked`: it is the reference's first choice. `pressed`: it is the class whose map was asked for.
    """

    english: str
    name: str
    share: float
    marked: bool
    pressed: bool


@dataclass(frozen=True)
class Layer:
    """What a card shows for one of KINDS: a picture over the photo, with `words` as its alt text; or bars, an SVG, in
    its place; or, where it has neither, the words that say why."""

    kind: str
    words: str
    picture: str = ""
    bars: str = ""
    caption: tuple[str, ...] = ()  # its lines below the photo


@dataclass(frozen=True)
class Card:
    """A card of a board. `state` is "skeleton" until the model has answered, then "done", or "failed".

    `order` has the values that compare.js sorts the cards by.
    """

    model: str
    title: str
    placement: str
    is_control: bool
    is_reference: bool
    figures: str
    state: str = "skeleton"
    differs: bool = False  # its first choice is not the reference's
    layers: tuple[Layer, ...] = ()
    bars: tuple[Bar, ...] = ()
    foot: str = ""
    order: tuple[tuple[str, float], ...] = ()


def skeleton(frame: Frame, name: str, measured: Measured) -> Card:
    """The card of a model that has not answered yet."""
    variant = variant_of(name)
    return Card(
        name, title(frame.language, variant), variant.placement, variant.is_control, name == frame.reference,
        _figures(frame.language, measured),
    )  # fmt: skip


def failed(frame: Frame, name: str, problem: str) -> Card:
    """The card of a model that could not run, and so cannot be the reference."""
    waiting = skeleton(frame, name, Measured())
    said = text(frame.language, "model_failed", problem=problem)
    return replace(waiting, state="failed", is_reference=False, foot=said)


def done(
    frame: Frame, waiting: Card, result: Result, means: dict | None = None, other: np.ndarray | None = None
) -> Card:
    """The card of a model that has answered; it replaces the card that was `waiting`.

    `means` has each module's mean channel weights for the class that the model chose, by path (class_means.of_class).
    `other` is the reference's class activation map (h, w) of the class that is explained here.
    """
    reference = frame.held_against
    return replace(
        waiting, state="done", differs=reference is not None and result.top1 != reference.top1,
        layers=(
            _attention(frame, result, means or {}),
            _map(frame, result, "activation", result.activation),
            _difference(frame, result, other),
        ),
        bars=top5(frame.language, result, reference.top1 if reference else None, result.asked),
        foot=_foot(frame, result), order=_order(result, reference),
    )  # fmt: skip


# the words and figures


def _figures(lang: str, measured: Measured) -> str:
    figures = []
    if measured.published is not None:
        figures.append(text(lang, "published_accuracy", network=measured.published, accuracy=measured.accuracy))
    elif measured.images is not None:
        figures.append(text(lang, "accuracy_of", accuracy=measured.accuracy, images=measured.images))
    elif measured.accuracy is not None:
        figures.append(text(lang, "accuracy_line", accuracy=measured.accuracy))
    if measured.p50_ms is not None:
        figures.append(text(lang, "latency_line", p50=measured.p50_ms))
    return " · ".join(figures)


def top5(lang: str, result, marked: int | None, asked: int | None = None) -> tuple[Bar, ...]:
    """The most probable classes of a Result or a Look; the class `marked` is marked, and `asked` is the pressed one."""
    return tuple(
        Bar(english, class_name(lang, english), float(result.probabilities[index]), index == marked, index == asked)
        for index in result.ranking[:TOP]
        for english in (result.class_names[index],)
    )


def top5_html(lang: str, result, marked: int | None) -> str:
    """The same as HTML, without buttons."""
    return render("top5.html", lang, bars=top5(lang, result, marked), live=False)


def points(result: Result, reference: Result) -> float:
    """How much more probable `result` finds the reference's first choice than the reference does, in percentage points."""
    return 100 * float(result.probabilities[reference.top1] - reference.probabilities[reference.top1])


def _foot(frame: Frame, result: Result) -> str:
    reference, lang = frame.held_against, frame.language
    call = text(lang, "call", ms=result.latency_ms)
    if frame.device and frame.device != result.device:
        call = frame.join(call, text(lang, "fell_back"))
    if reference is None:
        return call
    if result.name == reference.name:
        return frame.join(call, text(lang, "is_reference"))
    key = "same_as_reference" if result.top1 == reference.top1 else "differs_from_reference"
    names = {"prediction": class_name(lang, result.prediction), "other": class_name(lang, reference.prediction)}
    difference = f"{round(points(result, reference), 1) + 0.0:+.1f}".replace("-", "−")  # + 0.0 turns -0.0 into 0.0
    return frame.join(call, text(lang, key, points=difference, **names))


def _order(result: Result, reference: Result | None) -> tuple[tuple[str, float], ...]:
    """What the card can be sorted by. In disagreement the reference comes first, then models with another first choice,
    then those with the same one."""
    found = {"confidence": float(result.probabilities[result.top1]), "latency": result.latency_ms}
    if reference is not None and result.name != reference.name:
        found["disagreement"] = abs(points(result, reference)) + 100 * (result.top1 != reference.top1)
    elif reference is not None:
        found["disagreement"] = 1000
    return tuple(found.items())


# the maps


def _attention(frame: Frame, result: Result, means: dict) -> Layer:
    spatial, channels = attention_map(result), channel_maps(result)
    if spatial is not None:
        return _map(frame, result, "attention", spatial.values)
    if channels:
        return _bars(frame.language, result, channels, means)
    return Layer("attention", text(frame.language, "no_attention"))


def _map(frame: Frame, result: Result, kind: str, values: np.ndarray) -> Layer:
    lang = frame.language
    said, drawn = sentences.sentence(lang, values, kind), maps_to_draw(result).get(kind)
    if drawn is None:
        return Layer(kind, said)
    scale = drawn[1]  # only scales of attention differ between cards; the legend gives the others
    first = _explained(lang, result) if kind == "activation" else text(lang, f"unit_{scale.unit}", top=scale.top)
    return _picture(lang, result, kind, layer(*drawn, frame.size), said, first)


def _difference(frame: Frame, result: Result, other: np.ndarray | None) -> Layer:
    """The signed difference between the map of `result` and the reference's map of the same class."""
    lang = frame.language
    if result.name == frame.reference:
        return Layer("difference", text(lang, "is_reference"))
    if other is None:
        return Layer("difference", text(lang, "no_reference"))
    values = signed_difference(result.activation, other)
    if not np.isfinite(values).all():
        return Layer("difference", text(lang, "words_not_finite"))
    if not values.any():
        return Layer("difference", text(lang, "difference_none"))
    where = describe_map(values.clip(min=0)).where
    said = text(lang, "more_nowhere") if where == "nowhere" else text(lang, "more", where=text(lang, f"where_{where}"))
    drawn = difference_layer(values, DIFFERENCE_TOP, *frame.size)
    return _picture(lang, result, "difference", drawn, said, _explained(lang, result))


def _picture(lang: str, result: Result, kind: str, drawn: Image.Image, said: str, first: str) -> Layer:
    name = title(lang, variant_of(result.name))
    alt = text(lang, "map_alt", kind=text(lang, f"kind_{kind}"), name=name, words=said)
    return Layer(kind, alt, data_uri(drawn), caption=(first, said))


def _explained(lang: str, result: Result) -> str:
    """Which class a map explains, and how probable the model finds it."""
    name, probability = result.class_names[result.explained], float(result.probabilities[result.explained])
    return text(lang, "explained", name=class_name(lang, name), probability=probability)


def _bars(lang: str, result: Result, channels: list, means: dict) -> Layer:
    """The bars of a model that weighs only channels, with the means of the class that it chose, and their legend."""
    said = sentences.channels(lang, channels)
    if not all(is_drawable(m.values) for m in channels):
        return Layer("attention", said)
    scale, of_class = scale_of(channels), [means[m.path] for m in channels if m.path in means]
    of_class = of_class if len(of_class) == len(channels) else []
    unit = text(lang, f"unit_{scale.unit}", top=scale.top)
    legend = sentences.bars(lang, channels, unit, result.prediction, of_class)
    values, colour = [m.values for m in channels], PLACEMENT_COLOURS[variant_of(result.name).placement]
    drawn = channel_bars(values, scale.top, colour, f"{legend} {said}", scale.mark, of_class)
    return Layer("attention", said, bars=drawn, caption=(legend if of_class else f"{legend} {said}",))
