"""The components of the Compare tab, and what they hold for one data set."""

from contextlib import suppress
from functools import lru_cache
from html import escape
from pathlib import Path

import gradio as gr
from PIL import Image

from attention.inference.compare import Models
from attention.inference.model_sets import ModelSets
from attention.models.variants import PLACEMENTS, first_shown, variant
from attention.pictures import datasets, reading, samples
from attention.web import published
from attention.web.cards import KINDS
from attention.web.language import language_of_event
from attention.web.render import render
from attention.web.texts import class_name, dataset_title, text, title
from attention.web.turn import Turn

AT_FIRST = 4  # models chosen at first, at least, if there are so many
ORDERS = ("list", "confidence", "latency", "disagreement")  # of the cards; compare.js knows them by these names


class UploadImage(gr.Image):
    """gr.Image that reads every upload through attention.pictures.reading; a bad file raises gr.Error with one sentence."""

    def preprocess(self, payload):
        if payload is None or not payload.path:
            return None
        try:
            return reading.read_image(payload.path)
        except reading.UploadError as error:
            raise gr.Error(error.message(language_of_event()), title="", print_exception=False) from error

    def get_block_name(self) -> str:
        return "image"  # the frontend knows the parent class


def chosen_at_first(names: list[str]) -> list[str]:
    """The models of `first_shown`, filled up to AT_FIRST with the next ones."""
    chosen = first_shown(names)
    others = [name for name in names if name not in chosen]
    return [name for name in names if name in chosen + others[: max(0, AT_FIRST - len(chosen))]]


def by_placement(names: list[str]) -> dict[str, list[str]]:
    """The names in groups, by placement in the order of PLACEMENTS, without empty ones."""
    groups = {placement: [n for n in names if variant(n).placement == placement] for placement in PLACEMENTS}
    return {placement: group for placement, group in groups.items() if group}


def _caption(sample: samples.Sample, lang: str) -> str:
    if sample.kind == "photograph":
        return class_name(lang, sample.title)  # from the data set itself
    name = sample.title_zh if lang == "zh" else sample.title
    return text(lang, f"sample_{sample.kind}", title=name)


@lru_cache(maxsize=64)
def _thumbnail(path: Path) -> Image.Image:
    """A picture, not a path, because Gradio serves no file outside its own cache, and we open it no folder."""
    image = reading.read_image(path).image
    image.thumbnail((240, 240))
    return image


def readable(dataset_name: str) -> list[samples.Sample]:
    """The samples whose pictures can be shown: files may go, or be replaced, while the page runs."""
    found = []
    for sample in samples.all_samples(dataset_name):
        with suppress(reading.UploadError):
            _thumbnail(sample.path)
            found.append(sample)
    return found


def gallery(lang: str, dataset_name: str) -> list[tuple[Image.Image, str]]:
    return [(_thumbnail(sample.path), _caption(sample, lang)) for sample in readable(dataset_name)]


def titled(lang: str, names: list[str]) -> list[tuple[str, str]]:
    return [(title(lang, variant(name)), name) for name in names]


def _classes(lang: str, models: Models) -> str:
    known = f"<p>{escape(published.classes(lang, models.dataset))}</p>{published.all_classes(lang, models.dataset)}"
    return known + published.about(lang, models.dataset)


def dataset_choices(lang: str, names: list[str]) -> list[tuple[str, str]]:
    titled = datasets.DATASETS | datasets.ELSEWHERE
    return [(dataset_title(lang, titled[name].title) if name in titled else name, name) for name in names]


class Parts:
    """The components of the tab, in the order in which a visitor meets them."""

    def __init__(self, sets: ModelSets, t):
        """Lay the tab out over the data set that is shown first. `t` gives a component's translated label."""
        first = sets.first
        with gr.Row(equal_height=False):
            with gr.Column(scale=1, min_width=300):
                self._photo_and_samples(sets, t)
                with gr.Column(elem_id="models"):
                    gr.Markdown(t("models"), elem_id="models-heading")
                    groups = by_placement(first.names)
                    self.groups = {
                        placement: gr.CheckboxGroup(
                            label=t(f"placement_{placement}"), elem_id=f"models-{placement}",
                            **_group("en", groups.get(placement, []), chosen_at_first(first.names)),
                        )
                        for placement in PLACEMENTS
                    }  # fmt: skip
            with gr.Column(scale=3, min_width=320):
                self._how_to_show(t)
                self.board = gr.HTML(render("empty.html", "en"), elem_id="results")
                self._take_away(t)
                self.classes = gr.HTML(_classes("en", first), elem_id="classes")
        self.turn = gr.State(Turn())
        # the page's script writes these when a button on a card is used: which model is pinned, which class is picked
        self.reference = gr.Textbox("", visible="hidden", elem_id="reference")
        self.picked = gr.Textbox("", visible="hidden", elem_id="picked")

    def _how_to_show(self, t) -> None:
        with gr.Row(equal_height=True):
            self.map = gr.Radio(
                [(t(f"show_{kind}"), kind) for kind in KINDS], value="attention", label=t("show"), scale=12, min_width=320,
                elem_id="map-choice",
            )  # fmt: skip
            self.order = gr.Dropdown(
                [(t(f"order_{order}"), order) for order in ORDERS], value=ORDERS[0], label=t("order"), filterable=False,
                scale=4, min_width=180, elem_id="card-order",
            )  # fmt: skip
            self.opacity = gr.Slider(
                0, 100, 65, step=5, label=t("opacity"), scale=5, min_width=180, buttons=[], elem_id="opacity"
            )  # fmt: skip

    def _take_away(self, t) -> None:
        with gr.Row(elem_id="take-away"):
            self.save_picture = gr.Button(t("save_picture"), size="sm", scale=0, min_width=150, elem_id="save-picture")
            self.save_report = gr.Button(t("save_report"), size="sm", scale=0, min_width=150, elem_id="save-report")
            self.save_says = gr.HTML(elem_id="save-says", padding=False)
            self.report_file = gr.DownloadButton(visible="hidden", elem_id="report-file")
        self.hint = gr.Markdown(t("compare_hint"), elem_id="compare-hint")

    def _photo_and_samples(self, sets: ModelSets, t) -> None:
        self.photo = UploadImage(
            label=t("photo"), sources=["upload", "webcam", "clipboard"], type="filepath", format="png", height=300,
            buttons=[], elem_id="photo", alt_text="The uploaded photo",
        )  # fmt: skip
        with gr.Row():
            self.go = gr.Button(t("compare"), variant="primary", min_width=80, elem_id="go")
            self.stop = gr.Button(t("stop"), min_width=80, elem_id="stop")
        self.dataset = gr.Radio(
            dataset_choices("en", sets.names), value=sets.first_name, label=t("dataset"), visible=len(sets.names) > 1,
            elem_id="compare-dataset",
        )  # fmt: skip
        self.gallery = gr.Gallery(
            [], label=t("samples"), columns=3, height="auto", allow_preview=False, object_fit="cover",
            buttons=[], interactive=False, elem_id="samples",
        )  # fmt: skip
        with gr.Column(visible=False) as self.fetch_area:
            self.fetch_note = gr.HTML()
            self.fetch = gr.Button(t("fetch"), elem_id="fetch")

    def of_dataset(self) -> list:
        """The components that change with the data set, in the order of the values from `settings`."""
        return [*self.groups.values(), self.gallery, self.fetch_area, self.fetch_note, self.classes]


def _group(lang: str, names: list[str], chosen: list[str]) -> dict:
    return {"choices": titled(lang, names), "value": [n for n in names if n in chosen], "visible": bool(names)}


def settings(lang: str, models: Models, chosen: tuple[str, ...] | None = None, may_fetch: bool = False) -> list:
    """Values for `Parts.of_dataset`: models (those `chosen`, else the usual ones), samples and classes of one data set."""
    name, groups, at_first = models.dataset.name, by_placement(models.names), chosen or chosen_at_first(models.names)
    can_fetch = may_fetch and samples.has_photographs(models.dataset) and not samples.photographs(name)
    return [
        *(gr.update(**_group(lang, groups.get(placement, []), at_first)) for placement in PLACEMENTS),
        gallery(lang, name),
        gr.update(visible=can_fetch),
        f"<p>{escape(text(lang, 'fetch_note', dataset=models.dataset.title))}</p>",
        _classes(lang, models),
    ]
