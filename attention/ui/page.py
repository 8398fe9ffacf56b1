"""The page: a heading and the tabs, in the visitor's language."""

from html import escape

import gradio as gr

from attention import devices
from attention.model_sets import ModelSets
from attention.ui import benchmarks, compare, examine, many
from attention.ui.language import language
from attention.ui.texts import TEXTS, text

I18N = gr.I18n(en=TEXTS["en"], zh=TEXTS["zh"])


def _lead(lang: str, sets: ModelSets) -> str:
    device = f"{devices.device_name(sets.device)}, {sets.device.type}"
    return (
        f"<h1>{escape(text(lang, 'title'))}</h1><p>{escape(text(lang, 'lead'))}</p>"
        f"<p>{escape(text(lang, 'device', device=device))}</p>"
    )


def build(sets: ModelSets) -> gr.Blocks:
    """The page over the models of each data set, so that tests can hand it their own."""
    with gr.Blocks(title="Attention Lab", analytics_enabled=False) as page:
        lead = gr.HTML(_lead("en", sets), elem_id="lead")
        with gr.Tabs(overflow_behavior="wrap") as tabs:  # a phone shows every name
            with gr.Tab(I18N("tab_compare"), id="compare"):
                load_compare, compare_outputs, photo, dataset = compare.build(sets, I18N)
            with gr.Tab(I18N("tab_examine"), id="examine") as tab:
                load_examine, examine_outputs = examine.build(sets, I18N, tab, photo, dataset, tabs)
            with gr.Tab(I18N("tab_many"), id="many"):
                load_many, many_outputs = many.build(sets, I18N)
            with gr.Tab(I18N("tab_benchmarks"), id="benchmarks"):
                render_benchmarks, benchmark_outputs = benchmarks.build(sets.study, I18N)
            with gr.Tab(I18N("tab_about"), id="about"):
                about = gr.Markdown(text("en", "about"))

        def on_load(request: gr.Request):
            lang = language(request)
            return [
                _lead(lang, sets),
                text(lang, "about"),
                *load_compare(request),
                *load_examine(lang),
                *load_many(lang),
                *render_benchmarks(lang),
            ]

        outputs = [*compare_outputs, *examine_outputs, *many_outputs, *benchmark_outputs]
        page.load(
            on_load, None, [lead, about, *outputs], api_visibility="private", show_progress="hidden",
        )  # fmt: skip
    return page
