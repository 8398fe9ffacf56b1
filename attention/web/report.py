"""The report: one HTML file that works offline, with photographs, cards, tables and charts, and how they were made."""

import platform
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import torch

from attention.core import devices, threads
from attention.core.files import write_text
from attention.inference.compare import Models, check_names
from attention.models.checkpoints import known_manifest
from attention.models.variants import variant
from attention.pictures.reading import Upload
from attention.study import lookup
from attention.web import published
from attention.web.board import boards
from attention.web.cards import KINDS
from attention.web.charts.accuracy import chart, chart_key, chart_lines
from attention.web.matrix import matrix_html
from attention.web.render import render
from attention.web.style import CSS, REPORT_CSS, SCRIPT
from attention.web.table import notes_html, table_html
from attention.web.texts import text, title

_DARK = "document.documentElement.classList.toggle('dark', matchMedia('(prefers-color-scheme: dark)').matches);"
_SWITCH = """
document.addEventListener("click", (event) => {
  const button = event.target.closest && event.target.closest("#map-choice button");
  if (!button) return;
  document.querySelector("#results").dataset.map = button.value;
});
new MutationObserver(() => {
  const shown = document.querySelector("#results").dataset.map;
  document.querySelectorAll("#map-choice button").forEach((b) => b.setAttribute("aria-pressed", b.value === shown));
}).observe(document.querySelector("#results"), {attributes: true});
"""


def write(
    pictures: list[tuple[str, Upload]],
    models: Models,
    names: list[str] | None,
    file: Path,
    lang: str = "en",
    progress: Callable[[str], None] = lambda sentence: None,
    pinned: str = "",
    picked: str = "",
) -> None:
    """Write a report on (caption, picture) pairs: the models `names` on each, then the tables of their data set.

    None for `names` means all models that can run. `pinned` and `picked` are the reference and the class
    that every card explains, as in boards().
    Raises UnknownVariant or CheckpointError for a model that cannot run, WriteError where the file cannot be written.
    """
    chosen = check_names(names or [n for n in models.names if n not in models.problems], models)
    drawn = []
    for caption, upload in pictures:
        progress(caption)
        *_, board = boards(upload, chosen, models, lang, pinned, picked, live=False)
        drawn.append((caption, board))
    page = render(
        "report.html", lang, boards=drawn, sections=[*_study(models, lang), _made_with(models, chosen, lang)], kinds=KINDS,
        when=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", css=CSS + REPORT_CSS, dark=_DARK, script=SCRIPT + _SWITCH,
    )  # fmt: skip
    write_text(file, page)


def _study(models: Models, lang: str) -> list[tuple[str, str]]:
    """(heading, HTML) of the study's tables and chart; of models that others trained, of their published figures."""
    if models.dataset.source is not None:
        heading = text(lang, "published_heading", dataset=models.dataset.title)
        return [(heading, published.table(lang, models.dataset))]
    table = lookup.summary(models.dataset.name, "cpu")
    if table.empty:
        return []
    parts = [
        (text(lang, "matrix_heading"), matrix_html(lang, table)),
        (text(lang, "accuracy_heading"), table_html(lang, table) + notes_html(lang, table)),
    ]
    if "p50_ms" in table and table["p50_ms"].notna().any():
        drawn = chart(lang, table).to_html(
            full_html=False, include_plotlyjs=True, config={"displaylogo": False, "responsive": True}
        )
        below = chart_key(lang, table) + chart_lines(lang, table)
        parts.append((text(lang, "chart_heading"), f'<div id="accuracy-latency">{drawn}</div>{below}'))
    return parts


def _made_with(models: Models, names: list[str], lang: str) -> tuple[str, str]:
    """The machine, the versions, and the weights by their hashes: what is needed to make the same report again."""
    manifest = known_manifest(models.dataset.name)["models"]
    rows = [
        (text(lang, "report_device"), f"{devices.device_name(models.device)}, {models.device.type}"),
        (text(lang, "report_threads"), str(threads.count())),
        (text(lang, "report_versions"), f"Python {platform.python_version()}, torch {torch.__version__}"),
        (text(lang, "dataset"), models.dataset.title),
        *((title(lang, variant(name)), f"sha256 {manifest[name]['sha256']}") for name in names),
    ]
    return text(lang, "report_made_with"), render("made_with.html", lang, rows=rows)
