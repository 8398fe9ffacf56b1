"""Questions about the maps of one model on one photo: where it looks, and why this class.

A question is a sub-tab: `controls` are the components whose change asks it again, `outputs` are those that it fills,
and `answer` yields {component: value} step by step. questions_of_change.py has the questions that change something;
tab.py lays all of them out and wires them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import gradio as gr
import numpy as np
from PIL import Image

from attention.inference.questions import Examiner, Look
from attention.maps.attention import AttentionMap
from attention.maps.display import channel_maps, scale_of, shown_photo
from attention.maps.overlay import mark_cell, overlay
from attention.models.variants import variant
from attention.study import class_means
from attention.web import cards, sentences
from attention.web.charts.figures import PLACEMENT_COLOURS, channel_bars
from attention.web.tabs.look_closer import views
from attention.web.texts import class_name, text, title

UNUSED_BELOW = 0.05  # a learned strength nearer to 0 than this: the layer adds next to nothing
ALL_CHANNELS = "channels"


@dataclass(frozen=True)
class Asked:
    """What a question is about: the photo, one model's Look at it, and another model to compare it with."""

    lang: str
    image: Image.Image
    look: Look
    other: str | None
    examiner: Examiner

    @cached_property
    def seen(self) -> Image.Image:
        """The part of the photo that the models see, which lies under the maps."""
        return self.examiner.models.part(self.image)

    @cached_property
    def photo(self) -> Image.Image:
        return shown_photo(self.seen)

    @cached_property
    def under(self) -> views.Ground:
        return views.ground(self.seen)

    @property
    def dataset_name(self) -> str:
        return self.examiner.models.dataset.name

    @property
    def class_index(self) -> int:
        return self.look.class_index

    @property
    def explained(self) -> str:
        """The name of the class that the maps explain."""
        return class_name(self.lang, self.look.class_names[self.class_index])

    def title(self, name: str | None = None) -> str:
        return title(self.lang, variant(name or self.look.name))

    def says(self, key: str, **fields) -> str:
        return views.sentence(text(self.lang, key, **fields))

    def read(self, key: str, **fields) -> str:
        return views.reading(text(self.lang, key, **fields))


class Question:
    """A sub-tab. Its `__init__` lays it out inside the tab; `t` gives a component's translated label.

    This `__init__` lays out what most questions need: one piece of HTML, without controls.
    """

    name: str
    controls: list
    outputs: list

    def __init__(self, t):
        self.html = gr.HTML(elem_id=f"{self.name}-answer", padding=False)
        self.controls, self.outputs = [], [self.html]

    def answer(self, asked: Asked, values: dict) -> Iterator[dict]:
        """Yields {component: value} for `outputs` after every step. `values` holds the values of `controls`."""
        raise NotImplementedError

    def cleared(self) -> dict:
        """Empty `outputs`, in place of an answer that is no longer asked for."""
        return {output: "" if isinstance(output, gr.HTML) else gr.update(value=None) for output in self.outputs}


class WhereItLooks(Question):
    """The model's own attention: a map over positions and its heads, where one position looks, channel weights as bars."""

    name = "attention"

    def __init__(self, t):
        with gr.Row(equal_height=False):
            with gr.Column(scale=2, min_width=280):
                self.photo = gr.Image(
                    label=t("photo"), interactive=False, buttons=[], type="pil", elem_id="point-photo",
                    alt_text="The photo, to click on",
                )  # fmt: skip
                with gr.Column(visible=False) as self.point_area:
                    self.hint = gr.HTML(elem_id="point-hint")
                    choices = [(t("look_received"), "received"), (t("look_point"), "point")]
                    self.look_from = gr.Radio(choices, value="received", label=t("look_from"), elem_id="look-from")
                    self.across = gr.Slider(0, 99, 50, step=1, label=t("point_across"), elem_id="point-across")
                    self.down = gr.Slider(0, 99, 50, step=1, label=t("point_down"), elem_id="point-down")
            with gr.Column(scale=5, min_width=300):
                self.layer = gr.Dropdown(
                    [], label=t("layer"), visible=False, filterable=False, elem_id="attention-layer"
                )
                self.html = gr.HTML(elem_id="attention-answer", padding=False)
        self.controls = [self.layer, self.look_from, self.across, self.down]
        self.outputs = [self.photo, self.point_area, self.hint, self.layer, self.html]

    def cleared(self) -> dict:
        return {self.photo: None, self.html: "", self.layer: gr.update(visible=False),
                self.point_area: gr.update(visible=False)}  # fmt: skip

    def answer(self, asked: Asked, values: dict) -> Iterator[dict]:
        choices = _layers(asked.lang, asked.look.attention)
        if not choices:
            yield self.cleared() | {self.photo: asked.photo, self.html: asked.says("attention_none")}
            return
        keys = [key for _, key in choices]
        key = values[self.layer] if values[self.layer] in keys else keys[-1]
        chosen = next((m for m in asked.look.attention if m.path == key), None)
        cell = None
        if chosen is not None and chosen.pairs is not None and values[self.look_from] == "point":
            cell = _cell(values[self.across], values[self.down], chosen.values.shape)
        photo = mark_cell(asked.photo, cell, chosen.values.shape) if cell else asked.photo
        yield {
            self.photo: photo,
            self.point_area: gr.update(visible=chosen is not None and chosen.pairs is not None),
            self.hint: views.reading(text(asked.lang, "point_hint")),
            self.layer: gr.update(choices=choices, value=key, visible=len(choices) > 1),
            self.html: _channels(asked) if chosen is None else _positions(asked, chosen, cell),
        }


def _layers(lang: str, maps: tuple[AttentionMap, ...]) -> list[tuple[str, str]]:
    """Choices (label, key): all weights over channels as one, then each map over positions, the deepest last."""
    channels = [(text(lang, "layer_all_channels"), ALL_CHANNELS)] if any(m.over == "channels" for m in maps) else []
    return channels + [(views.place(lang, m.path), m.path) for m in maps if m.over == "positions"]


def _cell(across: float, down: float, grid: tuple[int, int]) -> tuple[int, int]:
    """The cell (row, column) of a grid (h, w) that lies at these percentages of the photo's width and height."""
    row, column = (int((share + 0.5) / 100 * side) for share, side in zip((down, across), grid, strict=True))
    return min(max(row, 0), grid[0] - 1), min(max(column, 0), grid[1] - 1)


def _positions(asked: Asked, chosen: AttentionMap, cell: tuple[int, int] | None) -> str:
    """The maps of the mean and of each head: received attention, gate or softmax weights, or where one cell looks."""
    named = {text(asked.lang, "mean_of_heads", count=len(chosen.by_head)): chosen} if chosen.by_head else {}
    if not named:
        named = {views.place(asked.lang, chosen.path): chosen}
    named |= {text(asked.lang, "head_number", number=n): head for n, head in enumerate(chosen.by_head, start=1)}
    if cell:
        named = {label: replace(m, values=m.seen_from(*cell)) for label, m in named.items()}
    finite = [m for m in named.values() if np.isfinite(m.values).all()]
    scale = scale_of(finite) if finite else views.NORMALISED  # no map is drawn, only sentences
    over = views.cell_frame(cell, chosen.values.shape) if cell else ""
    figures = [
        views.heat(
            asked.lang, asked.under, m.values, scale, label, "attention", f"{asked.title()}, {label}", over
        )
        for label, m in named.items()
    ]  # fmt: skip
    kind = "point" if cell else "received" if chosen.pairs is not None else chosen.kind
    return "".join((
        views.gammas(asked.lang, asked.look.gammas, chosen.path, UNUSED_BELOW),
        views.legend(asked.lang, scale) if finite else "",
        views.shots(figures),
        views.reading(sentences.sentence(asked.lang, next(iter(named.values())))),
        asked.read(f"attention_read_{kind}"),
        "" if chosen.pairs is not None else asked.read("point_none"),
    ))  # fmt: skip


def _channels(asked: Asked) -> str:
    """One row per module: where it sits, and one bar per channel, with the means of the class that is explained."""
    lang, weighed = asked.lang, channel_maps(asked.look)
    said = sentences.channels(lang, weighed)
    if not all(np.isfinite(m.values).all() for m in weighed):
        return views.sentence(said)
    scale = scale_of(weighed)
    found = class_means.of_class(asked.dataset_name, asked.look.name, asked.class_index)
    means = found if all(m.path in found for m in weighed) else {}
    colour = PLACEMENT_COLOURS[variant(asked.look.name).placement]
    rows = []
    for m in weighed:
        where, of_class = views.place(lang, m.path), [means[m.path]] if means else None
        label = f"{where}. {sentences.channels(lang, [m])}"
        bars = channel_bars([m.values], scale.top, colour, label, scale.mark, of_class)
        rows.append(f'<div class="channels"><span>{where}</span>{bars}</div>')
    unit = text(lang, f"unit_{scale.unit}", top=scale.top)
    explained = asked.look.class_names[asked.class_index]
    legend = sentences.bars(lang, weighed, unit, explained, [means[m.path] for m in weighed] if means else [])
    return views.reading(f"{legend} {said}") + "".join(rows) + asked.read("attention_read_channels")


class WhyThisClass(Question):
    """Class activation maps of every stage, for any class, and a slider between the photo and one of them."""

    name = "activation"

    def __init__(self, t):
        with gr.Row(equal_height=False):
            with gr.Column(scale=3, min_width=300):
                self.slider = gr.ImageSlider(
                    label="", show_label=False, interactive=False, buttons=[], type="pil", elem_id="before-after"
                )
                self.hint = gr.HTML(elem_id="slider-hint", padding=False)
                stages = [(t(f"stage_{number}"), number) for number in range(1, 5)]
                self.stage = gr.Radio(stages, value=4, label=t("stage_shown"), elem_id="activation-stage")
            with gr.Column(scale=4, min_width=300):
                self.html = gr.HTML(elem_id="activation-answer", padding=False)
        self.controls = [self.stage]
        self.outputs = [self.slider, self.hint, self.html]

    def answer(self, asked: Asked, values: dict) -> Iterator[dict]:
        look, lang = asked.look, asked.lang
        shown = look.activations[values[self.stage]]
        drawn = asked.photo
        if views.problem_of(lang, shown, "activation") is None:
            drawn = overlay(asked.photo, shown, float(shown.max()))
        figures = [
            views.activation(lang, asked.under, found, text(lang, f"stage_{stage}"), asked.title())
            for stage, found in look.activations.items()
        ]
        yield {
            self.slider: (asked.photo, drawn),
            self.hint: views.reading(text(lang, "slider_label")),
            self.html: views.legend(lang, views.NORMALISED)
            + views.shots(figures, 2)
            + views.reading(
                f"{text(lang, f'stage_{values[self.stage]}')}: {sentences.sentence(lang, shown, 'activation')}"
            )
            + asked.read("activation_read", name=asked.explained)
            + views.heading(text(lang, "examine_classes"))
            + cards.top5_html(lang, look, look.class_index),
        }
