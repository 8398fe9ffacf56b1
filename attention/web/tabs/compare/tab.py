"""The Compare tab: one photo in, one card per model out as soon as it is ready. Here its components are wired."""

import hashlib
from collections import deque
from html import escape

import gradio as gr
from PIL import Image

from attention.inference.compare import Models, check_names, compare
from attention.inference.model_sets import ModelSets
from attention.maps.display import result_as_json
from attention.models.checkpoints import CheckpointError
from attention.models.variants import UnknownVariant
from attention.pictures import datasets, reading
from attention.web import theme
from attention.web.board import boards
from attention.web.language import language
from attention.web.render import notice, render
from attention.web.tabs.compare import downloads
from attention.web.tabs.compare.parts import (
    Parts,
    UploadImage,
    chosen_at_first,
    dataset_choices,
    gallery,
    readable,
    settings,
    titled,
)
from attention.web.texts import text
from attention.web.turn import Turn

__all__ = ["CONCURRENCY", "UploadImage", "build", "chosen_at_first", "compare_api", "dataset_choices", "titled"]

CONCURRENCY = "models"  # one group: requests share the loaded models


def build(sets: ModelSets, t, may_fetch: bool = False):
    """Lay the tab out and wire it; returns (handler, outputs) for the page's load event, the photo, and the data set.

    `may_fetch` offers to download a missing data set; it is only for a visitor whose own machine this is.
    """
    parts = Parts(sets, t)
    groups = list(parts.groups.values())

    def stream(
        upload, dataset_name: str, turn: Turn, pinned: str, picked: str, request: gr.Request, *names_by_group: list[str]
    ):
        """Yields the board after every model; ends early if the visitor has asked for another one."""
        lang, number, turn.answered = language(request), turn.number, None
        try:
            models = sets[dataset_name]
        except (CheckpointError, datasets.DataError) as error:
            yield notice(text(lang, "not_loaded", problem=error))
            return
        names = in_order(models, names_by_group)
        if upload is None or not names:
            yield notice(text(lang, "no_models")) if upload else render("empty.html", lang)
        else:
            for board in turn.follow(boards(upload, names, models, lang, pinned, picked)):
                yield gr.skip() if board is None else render("board.html", lang, board=board)
        if number == turn.number:
            turn.answered = asked(upload, dataset_name, pinned, picked, names_by_group)

    def stream_anew(
        upload, dataset_name: str, turn: Turn, pinned: str, picked: str, request: gr.Request, *names_by_group: list[str]
    ):
        """The board, unless it is there already, because a photo that replaces another one fires two change events."""
        if turn.answered is not None and turn.answered == asked(upload, dataset_name, pinned, picked, names_by_group):
            yield gr.skip()
            return
        yield from stream(upload, dataset_name, turn, pinned, picked, request, *names_by_group)

    def redraw(
        upload, dataset_name: str, turn: Turn, pinned: str, picked: str, request: gr.Request, *names_by_group: list[str]
    ):
        """The same photo with another reference or class: the cards that are there stay until all new ones are."""
        number = turn.number
        last = deque(stream(upload, dataset_name, turn, pinned, picked, request, *names_by_group), maxlen=1)
        return last[0] if last and number == turn.number else gr.skip()

    def make_report(
        upload, dataset_name: str, turn: Turn, pinned: str, picked: str, request: gr.Request, *names_by_group: list[str]
    ):
        lang = language(request)
        try:
            models = sets[dataset_name]
        except (CheckpointError, datasets.DataError) as error:
            yield notice(text(lang, "not_loaded", problem=error)), gr.skip()
            return
        names = [name for name in in_order(models, names_by_group) if name not in models.problems]
        for says, file in downloads.report_stream(upload, names, models, lang, pinned, picked):
            yield says, file or gr.skip()

    def choose(dataset_name: str, turn: Turn, request: gr.Request):
        turn.take()
        turn.answered = None
        lang, unchanged = language(request), [gr.skip()] * len(parts.of_dataset())
        if not sets.is_loaded(dataset_name):
            label = {name: label for label, name in dataset_choices(lang, sets.names)}.get(dataset_name, dataset_name)
            yield *unchanged, render("loading.html", lang, dataset=label)
        try:
            models = sets[dataset_name]
        except (CheckpointError, datasets.DataError):  # `stream`, which follows, tells the visitor
            yield *unchanged, gr.skip()
            return
        yield *settings(lang, models, may_fetch=may_fetch), gr.skip()

    def pick(dataset_name: str, event: gr.SelectData, request: gr.Request) -> Image.Image:
        try:
            return reading.read_image(readable(dataset_name)[event.index].path).image
        except (IndexError, reading.UploadError) as error:
            raise gr.Error(text(language(request), "sample_gone"), title="", print_exception=False) from error

    def fetch_samples(dataset_name: str, request: gr.Request, progress=gr.Progress(track_tqdm=True)):  # noqa: B008 (gradio finds it there)
        lang = language(request)
        try:
            datasets.download(dataset_name)
        except datasets.DataError as error:
            raise gr.Error(text(lang, "download_failed", problem=escape(str(error))), print_exception=False) from error
        gr.Info(text(lang, "fetched", dataset=escape(datasets.dataset(dataset_name).title)))
        return gr.update(value=gallery(lang, dataset_name)), gr.update(visible=False)

    private = {"api_visibility": "private"}
    shared = {"concurrency_id": CONCURRENCY, "concurrency_limit": 1, "show_progress": "hidden", **private}
    inputs = [parts.photo, parts.dataset, parts.turn, parts.reference, parts.picked, *groups]
    changes = [parts.photo.change, *(group.input for group in groups)]
    asks_again = [parts.reference.change, parts.picked.change]
    # Listeners of one event run in the order in which they are defined, so an old answer ends before the new one.
    all_that_ask = [*changes, parts.go.click, *asks_again]
    gr.on(all_that_ask, Turn.take, parts.turn, None, queue=False, trigger_mode="multiple", **private)
    runs = gr.on(changes, stream_anew, inputs, parts.board, trigger_mode="always_last", **shared)
    runs_at_a_press = parts.go.click(stream, inputs, parts.board, trigger_mode="always_last", **shared)
    redrawn = gr.on(asks_again, redraw, inputs, parts.board, trigger_mode="always_last", **shared)
    chosen = parts.dataset.input(
        choose, [parts.dataset, parts.turn], [*parts.of_dataset(), parts.board], trigger_mode="always_last", show_progress="hidden",
        **private,
    )  # fmt: skip
    runs_again = chosen.then(stream, inputs, parts.board, **shared)
    parts.stop.click(None, cancels=[runs, runs_at_a_press, runs_again, redrawn], **private)
    saved = parts.save_report.click(
        make_report,
        inputs,
        [parts.save_says, parts.report_file],
        concurrency_limit=1,
        show_progress="hidden",
        **private,
    )
    saved.then(None, js=theme.FETCH_REPORT, **private)
    parts.gallery.select(pick, parts.dataset, parts.photo, show_progress="hidden", **private)
    if may_fetch:  # otherwise there is no such event for anybody to send
        parts.fetch.click(
            fetch_samples, parts.dataset, [parts.gallery, parts.fetch_area], concurrency_limit=1, **private
        )
    parts.map.change(None, parts.map, js=theme.SHOW_MAP, **private)
    parts.order.change(None, parts.order, js=theme.SORT_CARDS, **private)
    parts.opacity.input(None, parts.opacity, js=theme.SET_OPACITY, **private)
    _build_api(parts, sets)

    def on_load(request: gr.Request, name: str = sets.first_name, chosen: tuple[str, ...] | None = None):
        """Values for the data set `name` and the models `chosen`, which a link may ask for."""
        lang = language(request)
        radio = gr.update(choices=dataset_choices(lang, sets.names), value=name, visible=len(sets.names) > 1)
        try:
            return radio, *settings(lang, sets[name], chosen, may_fetch), render("empty.html", lang)
        except (CheckpointError, datasets.DataError) as error:
            problem = notice(text(lang, "not_loaded", problem=error))
            return radio, *[gr.skip()] * len(parts.of_dataset()), problem

    return on_load, [parts.dataset, *parts.of_dataset(), parts.board], parts.photo, parts.dataset


def asked(upload, dataset_name: str, *choices) -> tuple:
    """The request that a board answers, to be compared with later ones."""
    picture = upload and hashlib.sha256(upload.image.tobytes()).digest()
    return picture, dataset_name, *choices


def in_order(models: Models, names_by_group: tuple[list[str], ...]) -> list[str]:
    """The models that are chosen in the groups of boxes, in the order of the table of variants."""
    chosen = {name for group in names_by_group for name in group}
    return [name for name in models.names if name in chosen]


def _build_api(parts: Parts, sets: ModelSets) -> None:
    """Add the endpoints: gradio_client.Client(url).predict(handle_file(path), ["baseline"], api_name="/compare")

    Other data sets have their own endpoint, because a third argument would be optional for Gradio's clients but not for
    plain HTTP.
    """

    def compare_dataset(upload, names: list[str] | None, dataset: str) -> dict:
        try:
            models = sets[dataset]
        except (CheckpointError, datasets.DataError) as error:
            raise gr.Error(str(error), print_exception=False) from error
        return compare_api(upload, names, models)

    def compare_first(upload, names: list[str] | None) -> dict:
        return compare_dataset(upload, names, sets.default_name)

    names, dataset, out = gr.JSON(visible=False), gr.Textbox(visible=False), gr.JSON(visible=False)
    says = "Run models on an image: top-5 with probabilities and milliseconds a model."
    shared = {"concurrency_id": CONCURRENCY, "concurrency_limit": 1}
    gr.Button(visible=False).click(
        compare_first, [parts.photo, names], out, api_name="compare", api_description=says, **shared
    )
    gr.Button(visible=False).click(
        compare_dataset, [parts.photo, names, dataset], out, api_name="compare_dataset",
        api_description=f"{says} Of a data set by its name.", **shared,
    )  # fmt: skip


def compare_api(upload, names: list[str] | None, models: Models) -> dict:
    """What `/compare` returns: {"foreign": bool | null, "notices": [...], "models": [{model, top5, latency_ms}]}."""
    if upload is None:
        raise gr.Error("There is no image. Send one as the first argument.", print_exception=False)
    if names and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise gr.Error("The second argument is a list of names of models.", print_exception=False)
    try:
        chosen = check_names(names or models.names, models)
    except (UnknownVariant, CheckpointError) as error:
        raise gr.Error(str(error), print_exception=False) from error
    compared = list(compare(upload.image, chosen, models))
    return {
        "foreign": models.looks_foreign(compared),
        "notices": list(models.notices(upload)),
        "models": [result_as_json(result) for result in compared],
    }
