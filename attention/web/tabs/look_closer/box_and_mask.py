"""The question which object a map implies: box and mask at thresholds chosen on held-out data, with their scores."""

from collections.abc import Iterator

import gradio as gr
import numpy as np

from attention.maps import localisation
from attention.maps.display import attention_map
from attention.maps.overlay import mask_layer
from attention.study.known_objects import boxes_of
from attention.study.map_scores import controls_of, scores_of
from attention.web.tabs.look_closer import views
from attention.web.tabs.look_closer.questions import Asked, Question
from attention.web.texts import text

BOX, MASK = "box_overlap", "mask_overlap"


class BoxAndMask(Question):
    """The box and the mask that a map implies, and how well such boxes and masks fitted when they were measured."""

    name = "box"

    def __init__(self, t):
        choices = [(t(f"box_{kind}"), kind) for kind in ("activation", "attention")]
        self.map = gr.Radio(choices, value="activation", label=t("box_map"), elem_id="box-map")
        self.html = gr.HTML(elem_id="box-answer", padding=False)
        self.controls, self.outputs = [self.map], [self.html]

    def answer(self, asked: Asked, values: dict) -> Iterator[dict]:
        kind, note = values[self.map], ""
        weighed = attention_map(asked.look)
        if kind == "attention" and weighed is None:
            kind, note = "activation", asked.says("box_no_attention")
        drawn = asked.look.activation if kind == "activation" else weighed.values
        if problem := views.problem_of(asked.lang, drawn, kind):
            yield {self.html: views.sentence(problem)}
            return
        yield {self.html: note + self._shown(asked, drawn, kind)}

    def _shown(self, asked: Asked, drawn: np.ndarray, kind: str) -> str:
        figures, said = [], []
        for score, make in ((BOX, _box), (MASK, _mask)):
            row = scores_of(asked.dataset_name, asked.look.name, kind).get(score)
            if row and row["threshold"] is not None:
                figures.append(make(asked, drawn, row["threshold"]))
                said.append(_scored(asked, score, row))
        if not figures:
            is_published = asked.examiner.models.dataset.source is not None
            return asked.says("box_not_for_published" if is_published else "box_not_measured")
        if asked.dataset_name != boxes_of(asked.dataset_name):
            said.append(asked.says("box_out_of_domain"))
        return "".join(said) + views.shots(figures) + asked.read("box_read")


def _scored(asked: Asked, score: str, row: dict) -> str:
    """The sentence with the score, so that nobody takes the picture for a detector's."""
    centre = scores_of(controls_of(asked.dataset_name), "", "centre").get(score)
    fields = {"images": row["images"], "value": row["value"]}
    what = "box_scored" if score == BOX else "mask_scored"
    if centre is None:
        return asked.says(f"{what}_alone", **fields)
    return asked.says(what, centre=centre["value"], **fields)


def _box(asked: Asked, drawn: np.ndarray, threshold: float) -> str:
    width, height = asked.under.size
    x0, y0, x1, y1 = localisation.implied(drawn, threshold, height, width).box
    over = (
        f'<i class="box" style="left:{100 * x0:.2f}%;top:{100 * y0:.2f}%;'
        f'width:{100 * (x1 - x0):.2f}%;height:{100 * (y1 - y0):.2f}%"></i>'
    )
    caption = text(asked.lang, "box_box", threshold=threshold)
    return views.shot(asked.under, caption, alt=text(asked.lang, "box_alt", name=asked.title()), over=over)


def _mask(asked: Asked, drawn: np.ndarray, threshold: float) -> str:
    width, height = asked.under.size
    layer = mask_layer(localisation.implied(drawn, threshold, height, width).mask)
    caption = text(asked.lang, "box_mask", threshold=threshold)
    return views.shot(asked.under, caption, layer, text(asked.lang, "mask_alt", name=asked.title()))
