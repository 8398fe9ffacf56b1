"""The report: one HTML file that works offline, with photographs, cards, tables and charts, and how they were made."""

import platform
from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
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
from attention.web.style import CSS, SCRIPT
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
    parts = []
    for caption, upload in pictures:
        progress(caption)
        *_, board = boards(upload, chosen, models, lang, pinned, picked, live=False)
        parts.append(_section(caption, render("board.html", lang, board=board)))
    buttons = "".join(
        f'<button type="button" value="{kind}" aria-pressed="{str(kind == KINDS[0]).lower()}">'
        f"{escape(text(lang, f'show_{kind}'))}</button>"
        for kind in KINDS
    )
    switch = f'<div id="map-choice" role="group" aria-label="{escape(text(lang, "show"))}">{buttons}</div>'
    body = (
        f'<header id="lead"><h1>{escape(text(lang, "report_title"))}</h1><p>{escape(text(lang, "lead"))}</p>'
        f"<p>{escape(_when(lang))}</p></header>"
        f'<div id="results" data-map="{KINDS[0]}">{switch}{"".join(parts)}</div>'
        f"{_study(models, lang)}{_made_with(models, chosen, lang)}"
    )
    write_text(file, _page(body, lang))


def _page(body: str, lang: str) -> str:
    own = (
        ":root{--background-fill-primary:#fff;--body-background-fill:#fff;color-scheme:light}"
        ".dark{--background-fill-primary:#0f1115;--body-background-fill:#0f1115;color-scheme:dark}"
        "body{margin:0 auto;max-width:1360px;padding:16px 24px 48px;background:var(--body-background-fill);"
        "color:var(--strong);font-family:system-ui,-apple-system,'Segoe UI',Roboto,'PingFang SC','Microsoft YaHei',"
        "'Noto Sans CJK SC',sans-serif}button{font-family:inherit}.section .scroll{overflow-x:auto}table.made{border-collapse:collapse;font-size:13px}"
        "table.made td,table.made th{text-align:left;padding:6px 16px 6px 0;border-bottom:1px solid var(--hair);"
        "font-weight:400;vertical-align:top}table.made code{word-break:break-all}"
        "#map-choice{display:flex;flex-wrap:wrap;gap:8px;margin:16px 0}#map-choice button{font:inherit;font-size:15px;padding:5px 16px;"
        "border:1px solid var(--hair);border-radius:8px;background:transparent;color:var(--strong);cursor:pointer}"
        "#map-choice button[aria-pressed=true]{background:var(--soft);border-color:var(--strong);font-weight:600}"
        "#results .says-all{min-height:0}"
        "@media print{.card{break-inside:avoid}.filters,#map-choice{display:none}}"
    )
    return (
        f'<!doctype html><html lang="{"zh-CN" if lang == "zh" else "en"}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data: blob:; '
        "style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'\">"
        f"<title>{escape(text(lang, 'report_title'))}</title><style>{CSS}{own}</style><script>{_DARK}</script></head>"
        f"<body>{body}<script>{SCRIPT}{_SWITCH}</script></body></html>"
    )


def _section(heading: str, body: str) -> str:
    return f'<section class="section"><h2>{escape(heading)}</h2>{body}</section>'


def _when(lang: str) -> str:
    return text(lang, "report_when", when=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")


def _study(models: Models, lang: str) -> str:
    """The study's tables and chart for the data set; for models that others trained, their published figures."""
    if models.dataset.source is not None:
        heading = text(lang, "published_heading", dataset=models.dataset.title)
        return _section(heading, published.table(lang, models.dataset))
    table = lookup.summary(models.dataset.name, "cpu")
    if table.empty:
        return ""
    parts = [
        _section(text(lang, "matrix_heading"), matrix_html(lang, table)),
        _section(text(lang, "accuracy_heading"), table_html(lang, table) + notes_html(lang, table)),
    ]
    if "p50_ms" in table and table["p50_ms"].notna().any():
        drawn = chart(lang, table).to_html(
            full_html=False, include_plotlyjs=True, config={"displaylogo": False, "responsive": True}
        )
        below = chart_key(lang, table) + chart_lines(lang, table)
        parts.append(_section(text(lang, "chart_heading"), f'<div id="accuracy-latency">{drawn}</div>{below}'))
    return "".join(parts)


def _made_with(models: Models, names: list[str], lang: str) -> str:
    """The machine, the versions, and the weights by their hashes: what is needed to make the same report again."""
    manifest = known_manifest(models.dataset.name)["models"]
    rows = [
        (text(lang, "report_device"), f"{devices.device_name(models.device)}, {models.device.type}"),
        (text(lang, "report_threads"), str(threads.count())),
        (text(lang, "report_versions"), f"Python {platform.python_version()}, torch {torch.__version__}"),
        (text(lang, "dataset"), models.dataset.title),
        *((title(lang, variant(name)), f"sha256 {manifest[name]['sha256']}") for name in names),
    ]
    return _section(text(lang, "report_made_with"), render("made_with.html", lang, rows=rows))
