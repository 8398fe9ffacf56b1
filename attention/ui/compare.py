"""The Compare tab: a photo in, a card a model out, as each is ready."""

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from html import escape
from pathlib import Path

import gradio as gr
from PIL import Image

from attention import class_means, datasets, foreign, samples, uploads
from attention.checkpoints import CheckpointError
from attention.figures import data_uri
from attention.inference import Models, check_names, compare
from attention.model_sets import ModelSets
from attention.presentation import result_as_json, shown_photo
from attention.ui import cards, published, theme
from attention.ui.language import language
from attention.ui.measured import measured
from attention.ui.texts import class_name, text, title
from attention.variants import PLACEMENTS, REFERENCE, UnknownVariant, variant

DEFAULT = ("baseline", "qk-spatial-input", "se-block", "cbam-block", "self-attention-stage", "attention-pool-head")
AT_FIRST = 4  # models chosen at first, at least, where so many are there
CONCURRENCY = "models"  # one group: requests share the loaded models


class UploadImage(gr.Image):
    """gr.Image that reads every upload through attention.uploads; a bad file raises gr.Error with one sentence."""

    def preprocess(self, payload):
        if payload is None or not payload.path:
            return None
        try:
            return uploads.read_image(payload.path)
        except uploads.UploadError as error:
            raise gr.Error(str(error), title="", print_exception=False) from error

    def get_block_name(self) -> str:
        return "image"  # the frontend knows the parent class


def chosen_at_first(names: list[str]) -> list[str]:
    """Those of DEFAULT that are there, filled up to AT_FIRST with the next ones."""
    chosen = [name for name in names if name in DEFAULT]
    others = [name for name in names if name not in DEFAULT]
    return [name for name in names if name in chosen + others[: max(0, AT_FIRST - len(chosen))]]


def by_placement(names: list[str]) -> dict[str, list[str]]:
    """The names in groups, by placement in the order of PLACEMENTS, without empty ones."""
    groups = {placement: [n for n in names if variant(n).placement == placement] for placement in PLACEMENTS}
    return {placement: group for placement, group in groups.items() if group}


def compare_stream(upload, names: list[str], models: Models, lang: str) -> Iterator[str]:
    """The result area as HTML, again after every model: skeletons, then cards in place."""
    if upload is None:
        yield cards.empty(lang)
        return
    if not names:
        yield cards.notice(text(lang, "no_models"))
        return
    table = measured(models.dataset.name, models.device.type)
    photo = shown_photo(models.part(upload.image))
    photo_uri = data_uri(photo)
    shown = {name: cards.skeleton(lang, name, table[name]) for name in names}
    head = "".join(cards.notice(uploads.NOTICES[lang][code]) for code in upload.notices)
    yield cards.board(lang, names, shown, head)

    runnable = [name for name in names if name not in models.problems]
    for name in set(names) - set(runnable):
        shown[name] = cards.failed(lang, name, models.problems[name])
    order = sorted(runnable, key=lambda name: name != REFERENCE)  # the reference first: the others are held against it
    done, reference = [], None
    for result in compare(upload.image, order, models):
        reference = reference or (result if result.name == REFERENCE else None)
        done.append(result)
        if len(done) == 1 and models.looks_foreign(upload.image, done):
            head += cards.notice(text(lang, "foreign", keep=foreign.KEEP))
        means = class_means.of_class(models.dataset.name, result.name, result.top1)
        shown[result.name] = cards.card(lang, result, reference, photo, photo_uri, table[result.name], means)
        sentence = f'<p class="summary" aria-live="polite">{cards.summary(lang, done) if len(done) == len(order) else "&nbsp;"}</p>'
        yield cards.board(lang, names, shown, sentence + head)
    if not done:
        yield cards.board(lang, names, shown, head)


def compare_api(upload, names: list[str] | None, models: Models) -> dict:
    """What `/compare` returns: {"foreign": bool | null, "notices": [...], "models": [{model, top5, latency_ms}]}."""
    if upload is None:
        raise gr.Error("There is no image. Send one as the first argument.", print_exception=False)
    try:
        chosen = check_names(names or models.names, models)
    except (UnknownVariant, CheckpointError) as error:
        raise gr.Error(str(error), print_exception=False) from error
    compared = list(compare(upload.image, chosen, models))
    return {
        "foreign": models.looks_foreign(upload.image, compared),
        "notices": list(upload.notices),
        "models": [result_as_json(result) for result in compared],
    }


def _caption(sample: samples.Sample, lang: str) -> str:
    if sample.kind == "photograph":
        return class_name(lang, sample.title)
    name = sample.title_zh if lang == "zh" else sample.title
    return text(lang, f"sample_{sample.kind}", title=name)


@lru_cache(maxsize=64)
def _thumbnail(path: Path) -> Image.Image:
    """Pictures, not paths: gradio serves no file outside its own cache, and none of ours is opened to it."""
    image = uploads.read_image(path).image
    image.thumbnail((240, 240))
    return image


def _readable(dataset_name: str) -> list[samples.Sample]:
    """The samples whose pictures can be shown: files may go, or be replaced, while the page runs."""
    found = []
    for sample in samples.all_samples(dataset_name):
        with suppress(uploads.UploadError):
            _thumbnail(sample.path)
            found.append(sample)
    return found


def _gallery(lang: str, dataset_name: str) -> list[tuple[Image.Image, str]]:
    return [(_thumbnail(sample.path), _caption(sample, lang)) for sample in _readable(dataset_name)]


def titled(lang: str, names: list[str]) -> list[tuple[str, str]]:
    return [(title(lang, variant(name)), name) for name in names]


def _classes(lang: str, models: Models) -> str:
    return f"<p>{escape(published.classes(lang, models.dataset))}</p>{published.about(lang, models.dataset)}"


def dataset_choices(names: list[str]) -> list[tuple[str, str]]:
    titled = datasets.DATASETS | datasets.ELSEWHERE
    return [(titled[name].title if name in titled else name, name) for name in names]


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
                with gr.Row(equal_height=True):
                    self.map = gr.Radio(
                        [(t(f"show_{kind}"), kind) for kind in ("attention", "activation", "photo")],
                        value="attention", label=t("show"), elem_id="map-choice",
                    )  # fmt: skip
                    self.opacity = gr.Slider(0, 100, 65, step=5, label=t("opacity"), elem_id="opacity")
                self.board = gr.HTML(cards.empty("en"), elem_id="results")
                self.classes = gr.HTML(_classes("en", first), elem_id="classes")

    def _photo_and_samples(self, sets: ModelSets, t) -> None:
        self.photo = UploadImage(
            label=t("photo"), sources=["upload", "webcam", "clipboard"], type="filepath", format="png", height=300,
            buttons=[], elem_id="photo", alt_text="The uploaded photo",
        )  # fmt: skip
        with gr.Row():
            self.go = gr.Button(t("compare"), variant="primary", min_width=80, elem_id="go")
            self.stop = gr.Button(t("stop"), min_width=80, elem_id="stop")
        self.dataset = gr.Radio(
            dataset_choices(sets.names), value=sets.first_name, label=t("dataset"), visible=len(sets.names) > 1,
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
        """Those that change with the data set: what `settings` gives values to, in its order."""
        return [*self.groups.values(), self.gallery, self.fetch_area, self.fetch_note, self.classes]


def _group(lang: str, names: list[str], chosen: list[str]) -> dict:
    return {"choices": titled(lang, names), "value": [n for n in names if n in chosen], "visible": bool(names)}


def settings(lang: str, models: Models) -> list:
    """Values for `Parts.of_dataset`: models, samples and classes of one data set."""
    name, groups, at_first = models.dataset.name, by_placement(models.names), chosen_at_first(models.names)
    can_fetch = name in datasets.DATASETS and not samples.photographs(name)
    return [
        *(gr.update(**_group(lang, groups.get(placement, []), at_first)) for placement in PLACEMENTS),
        _gallery(lang, name),
        gr.update(visible=can_fetch),
        f"<p>{escape(text(lang, 'fetch_note', dataset=models.dataset.title))}</p>",
        _classes(lang, models),
    ]


def build(sets: ModelSets, t):
    """Lay the tab out and wire it; returns (handler, outputs) for the page's load event, the photo, and the data set."""
    parts = Parts(sets, t)
    groups = list(parts.groups.values())

    def stream(upload, dataset_name: str, request: gr.Request, *names_by_group: list[str]):
        lang = language(request)
        try:
            models = sets[dataset_name]
        except (CheckpointError, datasets.DataError) as error:
            yield cards.notice(text(lang, "not_loaded", problem=error))
            return
        names = {name for group in names_by_group for name in group}
        yield from compare_stream(upload, [n for n in models.names if n in names], models, lang)

    def choose(dataset_name: str, request: gr.Request):
        lang, unchanged = language(request), [gr.skip()] * len(parts.of_dataset())
        if not sets.is_loaded(dataset_name):
            label = {name: label for label, name in dataset_choices(sets.names)}.get(dataset_name, dataset_name)
            yield *unchanged, cards.loading(lang, label)
        try:
            models = sets[dataset_name]
        except (CheckpointError, datasets.DataError):  # `stream`, which follows, says it
            yield *unchanged, gr.skip()
            return
        yield *settings(lang, models), gr.skip()

    def pick(dataset_name: str, event: gr.SelectData, request: gr.Request) -> Image.Image:
        try:
            return uploads.read_image(_readable(dataset_name)[event.index].path).image
        except (IndexError, uploads.UploadError) as error:
            raise gr.Error(text(language(request), "sample_gone"), title="", print_exception=False) from error

    def fetch_samples(dataset_name: str, request: gr.Request, progress=gr.Progress(track_tqdm=True)):  # noqa: B008 (gradio finds it there)
        lang = language(request)
        try:
            datasets.download(dataset_name)
        except datasets.DataError as error:
            raise gr.Error(text(lang, "download_failed", problem=error), print_exception=False) from error
        gr.Info(text(lang, "fetched", dataset=datasets.dataset(dataset_name).title))
        return gr.update(value=_gallery(lang, dataset_name)), gr.update(visible=False)

    private = {"api_visibility": "private"}
    shared = {"concurrency_id": CONCURRENCY, "concurrency_limit": 1, "show_progress": "hidden", **private}
    inputs = [parts.photo, parts.dataset, *groups]
    runs = gr.on(
        [parts.photo.change, *(group.input for group in groups), parts.go.click], stream, inputs, parts.board,
        trigger_mode="always_last", **shared,
    )  # fmt: skip
    chosen = parts.dataset.input(
        choose, parts.dataset, [*parts.of_dataset(), parts.board], trigger_mode="always_last", show_progress="hidden",
        **private,
    )  # fmt: skip
    runs_again = chosen.then(stream, inputs, parts.board, **shared)
    parts.stop.click(None, cancels=[runs, runs_again], **private)
    parts.gallery.select(pick, parts.dataset, parts.photo, show_progress="hidden", **private)
    parts.fetch.click(fetch_samples, parts.dataset, [parts.gallery, parts.fetch_area], concurrency_limit=1, **private)
    parts.map.change(None, parts.map, js=theme.SHOW_MAP, **private)
    parts.opacity.input(None, parts.opacity, js=theme.SET_OPACITY, **private)
    _build_api(parts, sets)

    def on_load(request: gr.Request):
        lang, name = language(request), sets.first_name
        radio = gr.update(choices=dataset_choices(sets.names), value=name, visible=len(sets.names) > 1)
        try:
            return radio, *settings(lang, sets[name]), cards.empty(lang)
        except (CheckpointError, datasets.DataError) as error:
            problem = cards.notice(text(lang, "not_loaded", problem=error))
            return radio, *[gr.skip()] * len(parts.of_dataset()), problem

    return on_load, [parts.dataset, *parts.of_dataset(), parts.board], parts.photo, parts.dataset


def _build_api(parts: Parts, sets: ModelSets) -> None:
    """gradio_client.Client(url).predict(handle_file(path), ["baseline"], api_name="/compare")

    Another data set has an endpoint of its own: gradio's clients would take a third argument for optional, plain HTTP not.
    """

    def compare_dataset(upload, names: list[str] | None, dataset: str) -> dict:
        try:
            models = sets[dataset]
        except (CheckpointError, datasets.DataError) as error:
            raise gr.Error(str(error), print_exception=False) from error
        return compare_api(upload, names, models)

    def compare_first(upload, names: list[str] | None) -> dict:
        return compare_dataset(upload, names, sets.first_name)

    names, dataset, out = gr.JSON(visible=False), gr.Textbox(visible=False), gr.JSON(visible=False)
    says = "Run models on an image: top-5 with probabilities and milliseconds a model."
    shared = {"concurrency_id": CONCURRENCY, "concurrency_limit": 1}
    gr.Button(visible=False).click(
        compare_first, [parts.photo, names], out, api_name="compare", api_description=says, **shared
    )
    gr.Button(visible=False).click(
        compare_dataset, [parts.photo, names, dataset], out, api_name="compare_dataset",
        api_description=f"{says} Of another data set than the page shows first.", **shared,
    )  # fmt: skip
