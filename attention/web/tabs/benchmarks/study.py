"""On the Benchmarks tab: what lies behind the accuracies. One choice of models drives all views; only the view that
is open is computed."""

from html import escape

import gradio as gr

from attention.models.variants import VARIANTS
from attention.study import predictions
from attention.study.committed import ResultsError
from attention.web.chart_lines import heading_html
from attention.web.charts.asked import VALUES, Asked
from attention.web.charts.study import VIEWS, at_first, draw, views_of
from attention.web.language import language
from attention.web.texts import text, title


def answer(
    lang: str, dataset_name: str, view: str, models: list[str], values: str, one: str | None
) -> tuple[dict, dict, dict, str]:
    """Updates of the choice of a cell's figure, of the choice of one model, of the chart; and the lines below it."""
    models = [name for name in predictions.available(dataset_name) if name in (models or ())]
    one = one if one in models else next(iter(models), None)
    choices = [(title(lang, VARIANTS[name]), name) for name in models]
    controls = (
        gr.update(visible=view == "classes"),
        gr.update(choices=choices, value=one, visible=view == "confusion" and bool(models)),
    )
    try:
        if models:
            figure, lines = draw(view, Asked(lang, dataset_name, tuple(models), values, one))
            return *controls, gr.update(value=figure, visible=True), lines
        nothing = text(lang, "study_none")
    except (ResultsError, OSError) as problem:
        nothing = text(lang, "study_broken", problem=problem)
    return *controls, gr.update(value=None, visible=False), f'<p class="says">{escape(nothing)}</p>'


def render(lang: str, dataset_name: str, models: list[str] | None = None, view: str = VIEWS[0]) -> list:
    """Updates of the whole section, closed, for a data set: with the chosen models that it has, or its first ones.

    No chart is drawn before the section is opened, so that it does not slow the page's start.
    """
    names, hidden = predictions.available(dataset_name), gr.update(visible=False)
    closed = gr.update(open=False, visible=bool(names))
    kept = [name for name in names if name in (models or ())]
    chosen = kept or at_first(names)
    views = views_of(dataset_name)
    cells = [(text(lang, f"values_{name}"), name) for name in VALUES]
    return [
        heading_html(text(lang, "study_heading"), text(lang, "study_lead" if names else "study_missing")),
        closed,
        gr.update(
            choices=[(text(lang, f"view_{name}"), name) for name in views], value=view if view in views else views[0]
        ),
        gr.update(choices=[(title(lang, VARIANTS[name]), name) for name in names], value=chosen),
        gr.update(choices=cells),
        hidden,
        gr.update(value=None, visible=False),
        "",
    ]


def build(t, which: gr.Radio):
    """Lay the section out; returns (render, its outputs). `which` is the choice of the data set."""
    heading = gr.HTML(elem_id="study-heading", padding=False)
    with gr.Accordion(t("study_open"), open=False, visible=False, elem_id="study") as section:
        view = gr.Radio([], value=VIEWS[0], label=t("study_view"), elem_id="study-view")
        models = gr.Dropdown([], label=t("study_models"), multiselect=True, elem_id="study-models")
        values = gr.Radio([], value=VALUES[0], label=t("study_values"), visible=False, elem_id="study-values")
        one = gr.Dropdown([], label=t("study_one"), visible=False, elem_id="study-one")
        plot = gr.Plot(show_label=False, visible=False, elem_id="study-chart")
        lines = gr.HTML(elem_id="study-lines", padding=False)
    outputs = [heading, section, view, models, values, one, plot, lines]
    quietly = {"api_visibility": "private", "show_progress": "hidden", "trigger_mode": "always_last"}

    def choose(dataset_name: str, chosen: str, names: list[str], in_cell: str, of: str | None, request: gr.Request):
        return answer(language(request), dataset_name, chosen, names, in_cell, of)

    def choose_dataset(dataset_name: str, names: list[str], chosen: str, request: gr.Request):
        return render(language(request), dataset_name, names, chosen)

    gr.on(
        [section.expand, view.input, models.input, values.input, one.input], choose,
        [which, view, models, values, one], [values, one, plot, lines], **quietly,
    )  # fmt: skip
    which.input(choose_dataset, [which, models, view], outputs, **quietly)
    return render, outputs
