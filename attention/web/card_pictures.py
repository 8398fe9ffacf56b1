"""The picture of a result card: the photo under a model's maps, each with its alt text and its caption. No gradio here."""

from dataclasses import dataclass
from html import escape

import numpy as np
from PIL import Image

from attention.maps.description import describe_map
from attention.maps.display import (
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
from attention.web.texts import class_name, text, title

KINDS = ("attention", "activation", "difference", "photo")  # what the switch above the cards offers
DIFFERENCE_TOP = 0.5  # one scale of differences for every card and photo: from here on the colour is full


@dataclass(frozen=True)
class Setting:
    """What the cards of one comparison share.

    `reference` names the model that the others are held against, None for none; `held_against` is its Result as soon as it
    is there. `live`: a page answers to the buttons of a card, which a file does not. `device` is where the models run.
    """

    language: str
    photo: Image.Image
    photo_uri: str
    reference: str | None = None
    held_against: object | None = None
    live: bool = False
    device: str = ""


def picture(setting: Setting, result, means: dict, other: np.ndarray | None) -> str:
    """The photo with a layer a kind of map; bars, or a word, where there is no map to draw; the captions below.

    `other` is the reference's class activation map (h, w) of the class that `result` explains.
    """
    layers = {
        "attention": _attention(setting, result, means),
        "activation": _map(setting, result, "activation", result.activation),
        "difference": _difference(setting, result, other),
    }
    photo = f'<img src="{setting.photo_uri}" alt="{escape(text(setting.language, "photo"))}">'
    drawn = "".join(html for html, _ in layers.values())
    captions = "".join(f'<span class="{kind}">{caption}</span>' for kind, (_, caption) in layers.items())
    return f'<button type="button" class="pic">{photo}{drawn}</button><p class="unit">{captions}</p>'


def _attention(setting: Setting, result, means: dict) -> tuple[str, str]:
    spatial, channels = attention_map(result), channel_maps(result)
    if spatial is not None:
        return _map(setting, result, "attention", spatial.values)
    if channels:
        return _bars(setting.language, result, channels, means)
    return _words("attention", text(setting.language, "no_attention")), ""


def _map(setting: Setting, result, kind: str, values: np.ndarray) -> tuple[str, str]:
    """One map as a layer with its alt text, or the sentence that says why there is none; and its caption as HTML."""
    lang = setting.language
    said, drawn = sentences.sentence(lang, values, kind), maps_to_draw(result).get(kind)
    if drawn is None:
        return _words(kind, said), ""
    scale = drawn[1]  # only those of attention differ from card to card; the legend says that of the others
    first = _explained(lang, result) if kind == "activation" else text(lang, f"unit_{scale.unit}", top=scale.top)
    return _layer(lang, result, kind, layer(*drawn, setting.photo.size), said), _two_lines(first, said)


def _difference(setting: Setting, result, other: np.ndarray | None) -> tuple[str, str]:
    """What the map of `result` has more, and less, than the reference's of the same class."""
    lang = setting.language
    if result.name == setting.reference:
        return _words("difference", text(lang, "is_reference")), ""
    if other is None:
        return _words("difference", text(lang, "no_reference")), ""
    values = signed_difference(result.activation, other)
    if not np.isfinite(values).all():
        return _words("difference", text(lang, "words_not_finite")), ""
    if not values.any():
        return _words("difference", text(lang, "difference_none")), ""
    where = describe_map(values.clip(min=0)).where
    said = text(lang, "more_nowhere") if where == "nowhere" else text(lang, "more", where=text(lang, f"where_{where}"))
    drawn = difference_layer(values, DIFFERENCE_TOP, *setting.photo.size)
    return _layer(lang, result, "difference", drawn, said), _two_lines(_explained(lang, result), said)


def _layer(lang: str, result, kind: str, drawn: Image.Image, said: str) -> str:
    name = title(lang, variant_of(result.name))
    alt = escape(text(lang, "map_alt", kind=text(lang, f"kind_{kind}"), name=name, words=said))
    return f'<img class="layer {kind}" src="{data_uri(drawn)}" alt="{alt}">'


def _explained(lang: str, result) -> str:
    """Which class a map explains, and how probable the model finds it."""
    name, probability = result.class_names[result.explained], float(result.probabilities[result.explained])
    return text(lang, "explained", name=class_name(lang, name), probability=probability)


def _two_lines(first: str, second: str) -> str:
    return f"{escape(first)}<br>{escape(second)}"


def _words(kind: str, said: str) -> str:
    return f'<span class="none {kind}">{escape(said)}</span>'


def _bars(lang: str, result, channels: list, means: dict) -> tuple[str, str]:
    """The bars of a model that weighs channels alone, before the means of the class that it chose; and their legend."""
    said = sentences.channels(lang, channels)
    if not all(is_drawable(m.values) for m in channels):
        return _words("attention", said), ""
    scale, of_class = scale_of(channels), [means[m.path] for m in channels if m.path in means]
    of_class = of_class if len(of_class) == len(channels) else []
    unit = text(lang, f"unit_{scale.unit}", top=scale.top)
    legend = sentences.bars(lang, channels, unit, result.prediction, of_class)
    values, colour = [m.values for m in channels], PLACEMENT_COLOURS[variant_of(result.name).placement]
    drawn = channel_bars(values, scale.top, colour, escape(f"{legend} {said}"), scale.mark, of_class)
    return f'<span class="bars">{drawn}</span>', escape(legend if of_class else f"{legend} {said}")
