"""HTML of the Look closer tab: the photo under a map, grids of such pictures, bars, legends. No gradio here."""

from dataclasses import dataclass
from html import escape

import numpy as np
from PIL import Image

from attention.maps.description import describe_map
from attention.maps.display import Scale, layer, shown_photo
from attention.maps.overlay import DIFFERENCE_SCALE, SCALE_NAME, difference_layer
from attention.web import sentences
from attention.web.charts.figures import data_uri, ramp
from attention.web.texts import text

NORMALISED = Scale(1.0, "normalised")
UNITS = {"weight": "legend_gate", "times-uniform-log": "legend_uniform", "normalised": "legend_normalised"}


@dataclass(frozen=True)
class Ground:
    """The picture under the maps of one answer: its data: URI, made once, and its size (width, height)."""

    uri: str
    size: tuple[int, int]


def ground(image: Image.Image) -> Ground:
    photo = shown_photo(image)
    return Ground(data_uri(photo), photo.size)


# words


def describe(lang: str, values: np.ndarray, kind: str, name: str) -> str:
    """The alt text of a map. `kind` is "attention" or "activation"."""
    said = sentences.sentence(lang, values, kind)
    return text(lang, "map_alt", kind=text(lang, f"kind_{kind}"), name=name, words=said)


def problem_of(lang: str, values: np.ndarray, kind: str) -> str | None:
    """The reason why a map is not drawn, as its picture would mislead; None for a map that can be drawn."""
    if np.isfinite(values).all() and not describe_map(values).constant:
        return None
    return sentences.sentence(lang, values, kind)


def place(lang: str, path: str) -> str:
    """Where in the network a module sits, by its path: "stages.1.0.attention.gate" is in stage 2, block 1."""
    parts = path.split(".")
    if parts[0] == "stages":
        return text(lang, "at_block", stage=int(parts[1]) + 1, block=int(parts[2]) + 1)
    if parts[0] == "stage_attention":
        return text(lang, "at_stage", stage=int(parts[1]) + 1)
    return text(lang, "at_input" if parts[0] == "input" else "at_head")


# pictures


def shot(under: Ground, caption: str, drawn: Image.Image | None = None, alt: str = "", over: str = "") -> str:
    """A figure: the photo, a layer on it, HTML over both (a frame, a box), and a caption. `alt` describes all of it."""
    on_it = f'<img class="map" src="{data_uri(drawn)}" alt="">' if drawn else ""
    return (
        f'<figure class="shot"><div class="frame" style="aspect-ratio:{under.size[0]}/{under.size[1]}">'
        f'<img src="{under.uri}" alt="{escape(alt)}">{on_it}{over}</div><figcaption>{escape(caption)}</figcaption></figure>'
    )


def waiting(under: Ground, caption: str) -> str:
    """An empty frame for a figure that is still being made, of the same size."""
    return (
        f'<figure class="shot waiting"><div class="frame" style="aspect-ratio:{under.size[0]}/{under.size[1]}"></div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def refused(under: Ground, caption: str, problem: str) -> str:
    """In place of a picture that would mislead: the sentence that says why there is none."""
    return (
        f'<figure class="shot"><div class="frame" style="aspect-ratio:{under.size[0]}/{under.size[1]}">'
        f'<p class="why">{escape(problem)}</p></div><figcaption>{escape(caption)}</figcaption></figure>'
    )


def heat(
    lang: str, under: Ground, values: np.ndarray, scale: Scale, caption: str, kind: str, name: str, over: str = ""
) -> str:
    """The photo under a map (h, w) on its scale; a sentence where the map says nothing. `kind` and `name`: see describe."""
    if problem := problem_of(lang, values, kind):
        return refused(under, caption, problem)
    return shot(under, caption, layer(values, scale, under.size), describe(lang, values, kind, name), over)


def activation(lang: str, under: Ground, values: np.ndarray, caption: str, name: str) -> str:
    """The photo under a class activation map, normalised by its own maximum."""
    return heat(lang, under, values, Scale(float(values.max()), "normalised"), caption, "activation", name)


def difference(lang: str, under: Ground, values: np.ndarray, top: float, caption: str, alt: str) -> str:
    """A signed map on the diverging scale from -top to top, over the photo in grey."""
    if not np.isfinite(values).all():
        return refused(under, caption, text(lang, "words_not_finite"))
    if not values.any():
        return refused(under, caption, text(lang, "difference_none"))
    return shot(under, caption, difference_layer(values, top, *under.size), alt).replace('"shot"', '"shot signed"', 1)


def cell_frame(cell: tuple[int, int], grid: tuple[int, int]) -> str:
    """A frame over one position (row, column) of a grid (h, w)."""
    (row, column), (height, width) = cell, grid
    return (
        f'<i class="cell" style="left:{100 * column / width:.2f}%;top:{100 * row / height:.2f}%;'
        f'width:{100 / width:.2f}%;height:{100 / height:.2f}%"></i>'
    )


def shots(figures: list[str], columns: int | None = None) -> str:
    """Figures side by side; on narrow screens in fewer columns."""
    return f'<div class="shots of-{columns or len(figures)}">{"".join(figures)}</div>'


# legends, bars, sentences


def legend(lang: str, scale: Scale) -> str:
    return _legend(SCALE_NAME, text(lang, UNITS[scale.unit], top=scale.top))


def difference_legend(lang: str, top: float) -> str:
    return _legend(DIFFERENCE_SCALE, text(lang, "difference_legend", top=top))


def _legend(scale_name: str, words: str) -> str:
    colours = f"background:linear-gradient(90deg,{ramp(scale_name)})"
    return f'<div class="legend"><span class="ramp" style="{colours}"></span><span>{escape(words)}</span></div>'


def heading(words: str) -> str:
    return f"<h3>{escape(words)}</h3>"


def sentence(words: str) -> str:
    """A paragraph with what an answer says."""
    return f'<p class="says">{escape(words)}</p>'


def reading(words: str) -> str:
    """A paragraph on how to read an answer."""
    return f'<p class="read">{escape(words)}</p>'


def gammas(lang: str, strengths: dict[str, float], path: str, unused_below: float) -> str:
    """A sentence on the learned strength of the module at a path; "" for a module without one."""
    module = path.rpartition(".")[0]
    value = next((value for name, value in strengths.items() if name.rpartition(".")[0] == module), None)
    if value is None:
        return ""
    unused = f" {text(lang, 'gamma_unused')}" if abs(value) < unused_below else ""
    return sentence(text(lang, "gamma", value=value) + unused)
