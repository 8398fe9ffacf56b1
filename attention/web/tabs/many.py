"""The tab for many photos: what models say, where they disagree, and who is right where folders give labels."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

import gradio as gr

from attention.core import deadlines
from attention.inference import batch
from attention.inference.compare import Models
from attention.inference.model_sets import ModelSets
from attention.models.checkpoints import CheckpointError
from attention.models.variants import variant
from attention.pictures import reading
from attention.pictures.datasets import DataError
from attention.web.charts.figures import data_uri
from attention.web.language import language, language_of_event
from attention.web.render import notice, render
from attention.web.tables import MISSING, Cell, Row, Table, column
from attention.web.tabs.compare.tab import chosen_at_first, dataset_choices, titled
from attention.web.texts import class_name, text, title

CONCURRENCY = "many"  # not Compare's group: a thousand pictures take minutes, and must keep nobody from comparing one
EVERY_S = 0.7  # seconds between two drawings of the table while it grows


# the table


@dataclass(frozen=True)
class Answer(Cell):
    """One model's answer on a picture, with its probability; `is_wrong` if the right class is known and is another."""

    share: str = ""
    is_wrong: bool = False


@dataclass(frozen=True)
class Picture(Row):
    """The row of a picture; `picture` is a data: URI, "" for none."""

    picture: str = ""
    is_foreign: bool = False  # it probably shows none of the classes


def table_html(lang: str, rows: list[batch.Row], class_names: tuple[str, ...], disputed: bool = False) -> str:
    """One row per picture; `disputed` keeps only those on which the models differ. A click on a heading sorts."""
    shown = [row for row in rows if row.is_disputed or not disputed]
    if not shown:
        return f'<div class="empty">{escape(text(lang, "many_no_dispute"))}</div>'
    names = next((list(row.chosen) for row in rows if row.chosen), [])
    labelled = any(row.label is not None for row in rows)
    heads = [text(lang, "many_picture"), *([text(lang, "many_label")] if labelled else [])]
    heads += [title(lang, variant(name)) for name in names] + [text(lang, "many_agreement")]
    body = tuple(_picture(lang, row, names, labelled, class_names) for row in shown)
    table = Table(text(lang, "tab_many"), tuple(column(head, "word") for head in heads), body, "figures many")
    return render("many.html", lang, table=table)


def _picture(lang: str, row: batch.Row, names: list[str], labelled: bool, class_names: tuple[str, ...]) -> Picture:
    def name_of(label: int | None) -> str:
        return MISSING if label is None else class_name(lang, class_names[label])

    if row.problem:
        cells = [Answer(row.problem, {"class": "word", "colspan": len(names) + 1 + labelled})]
    else:
        cells = [Answer(name_of(row.label), {"class": "word"})] if labelled else []
        cells += [
            Answer(
                name_of(row.chosen[name]), {"class": "word"}, f"{row.probabilities[name]:.0%}",
                row.label is not None and row.chosen[name] != row.label,
            )
            for name in names
        ]  # fmt: skip
        cells.append(Answer(f"{row.agreement:.0%}", {"data-value": f"{row.agreement:.4f}"}))
    disputed = {"data-disputed": ""} if row.is_disputed else {}
    thumbnail = data_uri(row.thumbnail) if row.thumbnail else ""
    return Picture(row.name, tuple(cells), disputed, picture=thumbnail, is_foreign=bool(row.foreign))


def summary_html(lang: str, rows: list[batch.Row], total: int, goes_on: bool = True) -> str:
    """The progress, on how many pictures the models differ, and each model's accuracy where there are labels."""
    bar = f'<progress max="{total}" value="{len(rows)}" aria-label="{escape(text(lang, "tab_many"))}"></progress>'
    read = [row for row in rows if not row.problem]
    disputed = sum(row.is_disputed for row in rows)
    said = text(lang, "many_summary", done=len(rows), total=total, failed=len(rows) - len(read), disputed=disputed)
    if foreign := sum(bool(row.foreign) for row in rows):
        said += ("" if lang == "zh" else " ") + text(lang, "many_foreign", count=foreign)
    found = batch.accuracies(rows)
    lines = "".join(
        f"<li>{escape(title(lang, variant(name)))}: "
        f"{escape(text(lang, 'many_accuracy', share=a.right / a.of, low=a.low, high=a.high, right=a.right, of=a.of))}</li>"
        for name, a in sorted(found.items(), key=lambda item: -item[1].right)
    )
    note = (
        f'<p class="read">{escape(text(lang, "many_accuracy_note"))}</p><ul class="says">{lines}</ul>' if found else ""
    )
    return (
        f'{bar if goes_on and len(rows) < total else ""}<p class="summary" aria-live="polite">{escape(said)}</p>{note}'
    )


# the tab


def stream(
    paths: list[str] | None, names: list[str], models: Models, lang: str
) -> Iterator[tuple[str, list[batch.Row]]]:
    """Yields (summary, rows so far) again and again while the models work through the pictures."""
    if not paths:
        yield f'<div class="empty">{escape(text(lang, "many_empty"))}</div>', []
        return
    if not names:
        yield notice(text(lang, "no_models")), []
        return
    try:
        pictures = batch.gather(paths)
    except batch.BatchError as error:
        yield notice(str(error)), []
        return
    rows: list[batch.Row] = []
    drawn = 0.0
    yield summary_html(lang, rows, len(pictures)), []
    try:
        for row in batch.run(pictures, names, models):
            rows.append(row)
            if time.monotonic() - drawn > EVERY_S or len(rows) == len(pictures):
                drawn = time.monotonic()
                yield summary_html(lang, rows, len(pictures)), list(rows)
    except deadlines.TimeUp:  # what is done is kept
        said = notice(text(lang, "many_time_up", done=len(rows), total=len(pictures)))
        yield said + summary_html(lang, rows, len(pictures), goes_on=False), list(rows)


def csv_file(rows: list[batch.Row], class_names: tuple[str, ...], folder: str) -> str:
    """Write the whole table to a file for the browser to fetch, and return its path. Raises OSError."""
    path = Path(folder) / "attention-lab.csv"
    batch.table(rows, class_names).to_csv(path, index=False)
    return str(path)


class Files(gr.File):
    """gr.File for many files. Gradio's leaves an empty file in the upload folder for each one used; this does not.

    Takes only files: a folder could be the upload folder, where `batch.gather` would read everybody's photos.
    """

    def preprocess(self, payload) -> list[str] | None:
        paths = None if payload is None else [file.path for file in payload.root]
        if paths and not all(map(os.path.isfile, paths)):
            refusal = reading.UploadError("missing")
            raise gr.Error(refusal.message(language_of_event()), title="", print_exception=False)
        return paths

    def get_block_name(self) -> str:
        return "file"  # the frontend knows the parent class


def build(sets: ModelSets, t):
    """Lay the tab out and wire it; returns (handler of a language, outputs) for the page's load event."""
    first = sets.first
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=300):
            files = Files(label=t("many_files"), file_count="multiple", height=200, elem_id="many-files")
            note = gr.HTML(elem_id="many-note", padding=False)
            dataset = gr.Radio([], label=t("dataset"), visible=False, elem_id="many-dataset")
            models_choice = gr.CheckboxGroup([], label=t("models"), elem_id="many-models")
            with gr.Row():
                go = gr.Button(t("many_go"), variant="primary", min_width=80, elem_id="many-go")
                stop = gr.Button(t("stop"), min_width=80, elem_id="many-stop")
        with gr.Column(scale=3, min_width=320):
            summary = gr.HTML(elem_id="many-summary", padding=False)
            with gr.Row():
                disputed = gr.Checkbox(False, label=t("many_disputed"), elem_id="many-disputed", container=False)
                save = gr.DownloadButton(t("many_csv"), visible=False, size="sm", elem_id="many-csv")
            table = gr.HTML(elem_id="many-table", padding=False)
    state = gr.State([])

    def run(paths, dataset_name: str, names: list[str], only: bool, request: gr.Request):
        lang = language(request)
        try:
            models = sets[dataset_name or first.dataset.name]
        except (CheckpointError, DataError) as error:
            yield notice(text(lang, "not_loaded", problem=error)), "", [], gr.update(visible=False)
            return
        chosen, rows = [name for name in models.names if name in names and name not in models.problems], []
        for said, rows in stream(paths, chosen, models, lang):
            drawn = table_html(lang, rows, models.dataset.class_names, only) if rows else ""
            yield said, drawn, gr.skip(), gr.skip()
        if not rows:
            yield gr.skip(), gr.skip(), [], gr.update(visible=False)
            return
        done = (rows, models.dataset.class_names)
        yield gr.skip(), gr.skip(), done, gr.skip()
        with TemporaryDirectory(prefix="attention-many-") as folder:  # if that fails, the table stays
            yield gr.skip(), gr.skip(), gr.skip(), gr.update(value=csv_file(*done, folder), visible=True)

    def filter_rows(done, only: bool, request: gr.Request) -> str:
        return table_html(language(request), *done, only) if done else ""

    def choose(dataset_name: str, request: gr.Request):
        lang = language(request)
        try:
            return _models_of(lang, sets[dataset_name])
        except (CheckpointError, DataError) as error:
            raise gr.Error(text(lang, "not_loaded", problem=escape(str(error))), print_exception=False) from error

    private = {"api_visibility": "private", "show_progress": "hidden"}
    running = go.click(
        run, [files, dataset, models_choice, disputed], [summary, table, state, save], concurrency_id=CONCURRENCY,
        concurrency_limit=1, **private,
    )  # fmt: skip
    stop.click(None, cancels=[running], **private)
    disputed.input(filter_rows, [state, disputed], table, **private)
    dataset.input(choose, dataset, models_choice, **private)

    def on_load(lang: str) -> list:
        choices = dataset_choices(lang, sets.names)
        radio = gr.update(choices=choices, value=sets.first_name, visible=len(choices) > 1)
        said = f'<p class="read">{escape(text(lang, "many_note", most=batch.MAX_PICTURES))}</p>'
        empty = f'<div class="empty">{escape(text(lang, "many_empty"))}</div>'
        return [said, radio, _models_of(lang, sets.first), empty]

    return on_load, [note, dataset, models_choice, summary]


def _models_of(lang: str, models: Models) -> dict:
    runnable = [name for name in models.names if name not in models.problems]
    return gr.update(choices=titled(lang, runnable), value=chosen_at_first(runnable))
