"""The Benchmarks tab: the committed tables of accuracy and cost, and one chart. Every number is read from data/results."""

from html import escape

import gradio as gr
import pandas as pd

from attention import figures, results
from attention.datasets import DATASETS
from attention.inference import Models
from attention.ui.compare import language
from attention.ui.table import is_missing, latency_notes_html, notes_html, shown, table_html
from attention.ui.texts import text, title
from attention.variants import PLACEMENTS, REFERENCE, VARIANTS

MARKS = {
    "channel": "●",
    "spatial": "■",
    "combined": "◆",
    "self-attention": "▲",
    "pooling": "★",
}  # figures.FAMILY_SYMBOLS
VERDICTS = ("gain", "loss", "equivalent", "undecided", "not judged yet")


def rows(dataset_name: str, device_type: str = "cpu") -> list[dict]:
    """What `/benchmarks` returns: the rows of the summary, missing values as null."""
    table = results.summary(dataset_name, device_type)
    return [{k: (None if is_missing(v) else v) for k, v in row.items()} for row in table.to_dict("records")]


def datasets_shown() -> list[str]:
    """The data sets that have results, those of DATASETS first."""
    table = results.read(results.ACCURACY_FILE)
    found = [] if table.empty else list(table["dataset"].unique())
    return [name for name in DATASETS if name in found] + [name for name in found if name not in DATASETS]


# the chart


def _family(name: str) -> str:
    return VARIANTS[name].info.family if VARIANTS[name].info else ""


def _hover(lang: str, row: dict) -> str:
    """The row of the table behind a point."""
    words = {column: escape(word) for column, word in shown(lang, row).items()}

    def line(column: str, more: str = "") -> str:
        return f"<br>{escape(text(lang, f'col_{column}'))}: {words[column]}{more}"

    family = _family(row["variant"])
    place = words["placement"] + (f" · {escape(text(lang, f'family_{family}'))}" if family else "")
    return (
        f"<b>{words['model']}</b><br>{place}"
        + line("accuracy", f" ({words['interval']})")
        + line("seeds")
        + line("difference", f" ({words['difference_interval']})")
        + line("verdict")
        + line("p50")
        + line("p90")
    )


def chart(lang: str, table: pd.DataFrame):
    families = {name: _family(name) for name in VARIANTS}
    titles = {name: title(lang, variant) for name, variant in VARIANTS.items()}
    hovers = {row["variant"]: _hover(lang, row) for row in table.to_dict("records")}
    axes = (text(lang, "axis_latency"), text(lang, "axis_accuracy"))
    return figures.accuracy_against_latency(table, families, titles, hovers, axes, REFERENCE)


def _chart_key(lang: str, table: pd.DataFrame) -> str:
    """What the chart's colours and markers stand for, in words."""
    variants = [VARIANTS[name] for name in table.dropna(subset=["p50_ms"])["variant"]]
    placements, families = {v.placement for v in variants}, {_family(v.name) for v in variants}
    parts = [
        f'<span data-placement="{name}"><span class="dot"></span>{escape(text(lang, f"placement_{name}"))}</span>'
        for name in PLACEMENTS
        if name in placements
    ]
    parts += [
        f'<span><span class="mark" aria-hidden="true">{mark}</span>{escape(text(lang, f"family_{name}"))}</span>'
        for name, mark in MARKS.items()
        if name in families
    ]
    return f'<p class="key">{"".join(parts)}</p>'


def chart_says(lang: str, table: pd.DataFrame) -> str:
    """What the chart says, from the same rows."""
    timed = table.dropna(subset=["p50_ms"])
    if REFERENCE not in set(timed["variant"]):
        return ""
    reference = timed[timed["variant"] == REFERENCE].iloc[0]
    best, slowest = timed.loc[timed["accuracy"].idxmax()], timed.loc[timed["p50_ms"].idxmax()]
    sentence = text(
        lang, "chart_says", best=title(lang, VARIANTS[best["variant"]]), best_accuracy=best["accuracy"],
        reference_accuracy=reference["accuracy"], reference_p50=reference["p50_ms"],
        slowest=title(lang, VARIANTS[slowest["variant"]]), slowdown=slowest["p50_ms"] / reference["p50_ms"],
    )  # fmt: skip
    return f"{sentence} {_verdicts(lang, timed)}".strip()


def _verdicts(lang: str, table: pd.DataFrame) -> str:
    """How many models got which verdict."""
    counts = table["verdict"].value_counts() if "verdict" in table else {}
    said = [
        text(lang, "verdict_count", count=counts[name], verdict=text(lang, f"verdict_{name}"))
        for name in VERDICTS
        if name in counts
    ]
    return text(lang, "chart_verdicts", counts=("、" if lang == "zh" else ", ").join(said)) if said else ""


# the tab


def gpu_html(lang: str, dataset_name: str) -> str:
    """The same table for the GPU measured last, or the command that will make it."""
    heading = f"<h2>{escape(text(lang, 'gpu_heading'))}</h2>"
    table = results.summary(dataset_name, "cuda")
    if table.empty or "p50_ms" not in table or table["p50_ms"].isna().all():
        return f'<div class="section">{heading}<p class="says">{escape(text(lang, "gpu_missing"))}</p></div>'
    return f'<div class="section">{heading}{table_html(lang, table)}{latency_notes_html(lang, table)}</div>'


def _heading(lang: str, key: str) -> str:
    return f'<div class="section"><h2>{escape(text(lang, key))}</h2></div>'


def _render(lang: str, dataset_name: str):
    """What stands above the chart, the chart, what stands below it, and the GPU's section."""
    table = results.summary(dataset_name, "cpu")
    if table.empty:
        nothing = f'<p class="says">{escape(text(lang, "no_results"))}</p>'
        return nothing, gr.update(visible=False), "", gpu_html(lang, dataset_name)
    top = _heading(lang, "accuracy_heading") + table_html(lang, table) + notes_html(lang, table)
    if "p50_ms" not in table or table["p50_ms"].isna().all():
        return top, gr.update(value=None, visible=False), "", gpu_html(lang, dataset_name)
    below = (
        f'{_chart_key(lang, table)}<p class="read">{escape(text(lang, "chart_read"))}</p>'
        f'<p class="says">{escape(chart_says(lang, table))}</p>'
    )
    plot = gr.update(value=chart(lang, table), visible=True)
    return top + _heading(lang, "chart_heading"), plot, below, gpu_html(lang, dataset_name)


def build(models: Models, t):
    """Lay the tab out; returns (handler of a language, outputs) for the page's load event. `t` translates a label."""
    which = gr.Radio([], label=t("dataset"), visible=False, elem_id="dataset-choice")
    top = gr.HTML(elem_id="accuracy-table", padding=False)
    plot = gr.Plot(show_label=False, visible=False, elem_id="accuracy-latency")
    below = gr.HTML(elem_id="chart-notes", padding=False)
    gpu = gr.HTML(elem_id="gpu-table", padding=False)
    parts = [top, plot, below, gpu]

    def choose(dataset_name: str, request: gr.Request):
        return _render(language(request), dataset_name)

    def on_load(lang: str):
        found = datasets_shown()
        first = next((name for name in [models.dataset.name, *found] if name in found), models.dataset.name)
        choices = [(DATASETS[name].title if name in DATASETS else name, name) for name in found]
        return gr.update(choices=choices, value=first, visible=len(found) > 1), *_render(lang, first)

    which.input(choose, which, parts, api_visibility="private", show_progress="hidden")

    api_out, api_go = gr.JSON(visible=False), gr.Button(visible=False)
    api_go.click(
        lambda: rows(models.dataset.name), None, api_out, api_name="benchmarks",
        api_description="Accuracy with interval, difference to the baseline, verdict, cost and CPU latency of every model.",
    )  # fmt: skip
    return on_load, [which, *parts]
