"""The page: a heading and the tabs, in the visitor's language."""

import gradio as gr

from attention import devices
from attention.model_sets import ModelSets
from attention.ui import benchmarks, compare, examine, many
from attention.ui.header import header
from attention.ui.language import Page, language
from attention.ui.texts import TEXTS, text

LOADED = '<span id="page-loaded"></span>'  # for scripts: everything is in the visitor's language and may be used
I18N = gr.I18n(en=TEXTS["en"], zh=TEXTS["zh"])


def build(sets: ModelSets) -> gr.Blocks:
    """The page over the models of each data set, so that tests can hand it their own."""
    with Page(title="Attention Lab", analytics_enabled=False) as page:
        device = f"{devices.device_name(sets.device)}, {sets.device.type}"
        gr.HTML(header(device), elem_id="lead", padding=False)
        with gr.Tabs(overflow_behavior="wrap") as tabs:  # a phone shows every name
            with gr.Tab(I18N("tab_compare"), id="compare"):
                load_compare, compare_outputs, photo, dataset = compare.build(sets, I18N)
            with gr.Tab(I18N("tab_examine"), id="examine") as tab:
                load_examine, examine_outputs = examine.build(sets, I18N, tab, photo, dataset, tabs)
            with gr.Tab(I18N("tab_many"), id="many"):
                load_many, many_outputs = many.build(sets, I18N)
            with gr.Tab(I18N("tab_benchmarks"), id="benchmarks"):
                render_benchmarks, benchmark_outputs = benchmarks.build(sets.first, I18N)
            with gr.Tab(I18N("tab_about"), id="about"):
                about = gr.Markdown(text("en", "about"))
        loaded = gr.HTML(visible="hidden")

        def on_load(request: gr.Request):
            lang = language(request)
            return [
                LOADED,
                text(lang, "about"),
                *load_compare(request),
                *load_examine(lang),
                *load_many(lang),
                *render_benchmarks(lang),
            ]

        outputs = [*compare_outputs, *examine_outputs, *many_outputs, *benchmark_outputs]
        page.load(
            on_load, None, [loaded, about, *outputs], api_visibility="private", show_progress="hidden",
        )  # fmt: skip
    return page
