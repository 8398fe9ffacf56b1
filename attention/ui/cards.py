"""Result cards as HTML: one a model, all the same size, skeletons first so that nothing jumps. No gradio here."""

from dataclasses import dataclass
from html import escape

import numpy as np
from PIL import Image

from attention.figures import PLACEMENT_COLOURS, SCALE_NAME, channel_bars, data_uri, ramp
from attention.presentation import (
    TOP,
    attention_map,
    channel_maps,
    is_drawable,
    layer,
    maps_to_draw,
    scale_of,
)
from attention.ui import words
from attention.ui.texts import class_name, text, title
from attention.variants import variant as variant_of

NAMED = 3  # models that the summary names one by one; more are counted


@dataclass(frozen=True)
class Measured:
    """What the tables say of a model: accuracy as a fraction and p50 in ms on this device, None where not measured.

    `images` is how many the accuracy was measured on, where it is not the study's test set. Of a model that others trained
    `published` is what they call it, and the accuracy is theirs.
    """

    accuracy: float | None = None
    p50_ms: float | None = None
    images: int | None = None
    published: str | None = None


def _unit(language: str, scale) -> str:
    return text(language, f"unit_{scale.unit}", top=scale.top)


def _heading(language: str, name: str, measured: Measured) -> str:
    variant = variant_of(name)
    chip = text(language, f"placement_{variant.placement}")
    figures = []
    if measured.published is not None:
        figures.append(text(language, "published_accuracy", network=measured.published, accuracy=measured.accuracy))
    elif measured.images is not None:
        figures.append(text(language, "accuracy_of", accuracy=measured.accuracy, images=measured.images))
    elif measured.accuracy is not None:
        figures.append(text(language, "accuracy_line", accuracy=measured.accuracy))
    if measured.p50_ms is not None:
        figures.append(text(language, "latency_line", p50=measured.p50_ms))
    return (
        f'<div class="head"><h2>{escape(title(language, variant))}</h2><span class="chip">{escape(chip)}</span></div>'
        f'<p class="figures">{escape(" · ".join(figures))}</p>'
    )


def _article(name: str, classes: str, body: str) -> str:
    variant = variant_of(name)
    control = " control" if variant.is_control else ""
    return f'<article class="card{control} {classes}" data-model="{name}" data-placement="{variant.placement}">{body}</article>'


def skeleton(language: str, name: str, measured: Measured) -> str:
    """The card of a model that has not answered yet."""
    lines = "".join(f'<div class="line" style="width:{width}%"></div>' for width in (90, 70, 60, 55, 50))
    waiting = escape(text(language, "waiting"))
    body = f'{_heading(language, name, measured)}<div class="pic"></div><p class="unit"></p>{lines}<p class="foot">{waiting}</p>'
    return _article(name, "skeleton", body)


def failed(language: str, name: str, problem: str) -> str:
    """The card of a model that could not run."""
    body = (
        _heading(language, name, Measured())
        + f'<p class="notice">{escape(text(language, "model_failed", problem=problem))}</p>'
    )
    return _article(name, "failed", body)


def _picture(language: str, result, photo: Image.Image, photo_uri: str, means: dict) -> str:
    """The photo with its two layers; channel bars, or a word, where the model weighs no positions or a map shows nothing."""
    spatial, channels = attention_map(result), channel_maps(result)
    activation, activation_caption = _map_part(language, result, "activation", result.activation, photo.size)
    if spatial is not None:
        attention, attention_caption = _map_part(language, result, "attention", spatial.values, photo.size)
    elif channels:
        attention, attention_caption = _bars_part(language, result, channels, means)
    else:
        attention, attention_caption = _words_part("attention", text(language, "no_attention")), ""
    parts = [f'<img src="{photo_uri}" alt="{escape(text(language, "photo"))}">', attention, activation]
    captions = (
        f'<span class="{kind}">{caption}</span>'
        for kind, caption in (("attention", attention_caption), ("activation", activation_caption))
    )
    return f'<button type="button" class="pic">{"".join(parts)}</button><p class="unit">{"".join(captions)}</p>'


def _map_part(language: str, result, kind: str, values: np.ndarray, size: tuple[int, int]) -> tuple[str, str]:
    """One map as a layer with its alt text, or the sentence that says why there is none; and its caption as HTML."""
    said = words.sentence(language, values, kind)
    drawn = maps_to_draw(result).get(kind)
    if drawn is None:
        return _words_part(kind, said), ""
    name = title(language, variant_of(result.name))
    alt = escape(text(language, "map_alt", kind=text(language, f"kind_{kind}"), name=name, words=said))
    picture = f'<img class="layer {kind}" src="{data_uri(layer(*drawn, size))}" alt="{alt}">'
    return picture, f"{escape(_unit(language, drawn[1]))}<br>{escape(said)}"


def _words_part(kind: str, said: str) -> str:
    return f'<span class="none {kind}">{escape(said)}</span>'


def _bars_part(language: str, result, channels: list, means: dict) -> tuple[str, str]:
    """The bars of a model that weighs channels alone, before the means of the class that it chose; and their legend."""
    said = words.channels(language, channels)
    if not all(is_drawable(m.values) for m in channels):
        return _words_part("attention", said), ""
    scale, of_class = scale_of(channels), [means[m.path] for m in channels if m.path in means]
    of_class = of_class if len(of_class) == len(channels) else []
    legend_ = words.bars(language, channels, _unit(language, scale), result.prediction, of_class)
    values, colour = [m.values for m in channels], PLACEMENT_COLOURS[variant_of(result.name).placement]
    drawn = channel_bars(values, scale.top, colour, escape(f"{legend_} {said}"), scale.mark, of_class)
    return f'<span class="bars">{drawn}</span>', escape(legend_ if of_class else f"{legend_} {said}")


def top5(language: str, result, marked: int | None) -> str:
    """The most probable classes of a Result or a Look as bars; the class `marked` is marked."""
    rows = []
    for index in result.ranking[:TOP]:
        share = float(result.probabilities[index])
        mark = ' class="marked"' if index == marked else ""
        name = escape(class_name(language, result.class_names[index]))
        rows.append(
            f'<li{mark}><span>{name}</span><span>{share:.1%}</span><span class="bar"><i style="width:{share:.2%}"></i></span></li>'
        )
    return f'<ol class="top5">{"".join(rows)}</ol>'


def _foot(language: str, result, reference) -> str:
    call = text(language, "call", ms=result.latency_ms)
    if reference is None:
        return call
    if result.name == reference.name:
        return f"{call}. {text(language, 'is_reference')}"
    other = title(language, variant_of(reference.name))
    if result.top1 == reference.top1:
        return f"{call}. {text(language, 'same_as_reference', reference=other)}"
    names = {"prediction": class_name(language, result.prediction), "other": class_name(language, reference.prediction)}
    return f"{call}. {text(language, 'differs_from_reference', reference=other, **names)}"


def card(
    language: str, result, reference, photo: Image.Image, photo_uri: str, measured: Measured, means: dict | None = None
) -> str:
    """One finished card. `reference` is the Result the others are held against, or None.

    `means` are the mean channel weights of the class that the model chose, by the module's path: class_means.of_class.
    """
    body = (
        _heading(language, result.name, measured)
        + _picture(language, result, photo, photo_uri, means or {})
        + top5(language, result, reference.top1 if reference else None)
        + f'<p class="foot">{escape(_foot(language, result, reference))}</p>'
    )
    return _article(result.name, "done", body)


def summary(language: str, results: list) -> str:
    """Who agrees and who differs, in one sentence."""
    groups: dict[str, list[str]] = {}
    for result in results:
        groups.setdefault(result.prediction, []).append(title(language, variant_of(result.name)))
    if len(results) == 1:
        only = results[0]
        name = title(language, variant_of(only.name))
        return text(language, "only", name=name, prediction=class_name(language, only.prediction))
    if len(groups) == 1:
        return text(language, "agree", count=len(results), prediction=class_name(language, results[0].prediction))
    between, semicolon = ("、", "；") if language == "zh" else ("; ", ", ")  # English names hold commas
    says = []
    for prediction, names in sorted(groups.items(), key=lambda item: -len(item[1])):
        who = between.join(names) if len(names) <= NAMED else text(language, "several", count=len(names))
        says.append(text(language, "says", names=who, prediction=class_name(language, prediction)))
    return text(language, "differ", groups=semicolon.join(says))


def legend(language: str) -> str:
    """The colour scale, once for all cards."""
    return (
        f'<div class="legend"><span>{escape(text(language, "legend_low"))}</span>'
        f'<span class="ramp" style="background:linear-gradient(90deg,{ramp(SCALE_NAME)})"></span><span>{escape(text(language, "legend_high"))}</span>'
        f'<span class="attention">{escape(text(language, "legend_attention"))}</span>'
        f'<span class="activation">{escape(text(language, "legend_activation"))}</span>'
        f"<span>{escape(text(language, 'tap'))}</span></div>"
    )


def notice(sentence: str) -> str:
    return f'<p class="notice" role="status">{escape(sentence)}</p>'


def board(language: str, names: list[str], cards: dict[str, str], head: str = "") -> str:
    """The whole result area: what `head` says, the legend, and a card a name in order."""
    return f'{head}{legend(language)}<div class="cards">{"".join(cards[name] for name in names)}</div>'


def empty(language: str) -> str:
    return f'<div class="empty">{escape(text(language, "empty"))}</div>'


def loading(language: str, dataset_title: str) -> str:
    """While the models of another data set are being loaded."""
    return f'<div class="empty" role="status">{escape(text(language, "loading", dataset=dataset_title))}</div>'
