"""The part of the Benchmarks tab that compares the baselines with the published leaderboard, at equal compute."""

import gradio as gr

from attention.models.variants import REFERENCE
from attention.study import lookup
from attention.study.leaderboard import RESULT_FILE
from attention.web.chart_lines import heading_html, lines_html, source
from attention.web.charts import figures
from attention.web.texts import text


def build():
    """Lay the section out; returns (handler of a language, outputs)."""
    top = gr.HTML(elem_id="compute-heading", padding=False)
    plot = gr.Plot(show_label=False, visible=False, elem_id="accuracy-compute")
    below = gr.HTML(elem_id="compute-notes", padding=False)
    return render, [top, plot, below]


def render(lang: str) -> tuple:
    """Heading, chart and what it says; nothing where leaderboard.csv has not been made."""
    table = lookup.read(RESULT_FILE)
    if table.empty or REFERENCE not in set(table["source"]):
        return "", gr.update(visible=False), ""
    names = {kind: text(lang, f"compute_{kind}") for kind in ("published", "here")}
    figure = figures.accuracy_against_compute(table, names, (text(lang, "axis_compute"), text(lang, "axis_accuracy")))
    where = source(lang, "data/results/leaderboard.csv", "python -m attention evaluate")
    lines = lines_html(says(lang, table), text(lang, "compute_read"), where)
    return heading_html(text(lang, "compute_heading")), gr.update(value=figure, visible=True), lines


def says(lang: str, table) -> str:
    ours = table[table["source"] == REFERENCE].iloc[0]
    cheapest = table[table["source"] == "published"].sort_values("training_multiply_adds").iloc[0]
    return text(
        lang, "compute_says", accuracy=ours["accuracy"], low=ours["low"], high=ours["high"], epochs=ours["epochs"],
        share=ours["training_multiply_adds"] / cheapest["training_multiply_adds"], other=cheapest["accuracy"],
    )  # fmt: skip
