"""The page: a heading and the tabs, in the visitor's language."""

import gradio as gr

from attention.core import devices
from attention.inference.model_sets import ModelSets
from attention.serving import health
from attention.web import links
from attention.web.header import header, loaded
from attention.web.language import Page, language
from attention.web.tabs import many
from attention.web.tabs.benchmarks import tab as benchmarks
from attention.web.tabs.compare import tab as compare
from attention.web.tabs.learn import tab as learn
from attention.web.tabs.look_closer import tab as examine
from attention.web.texts import TEXTS, text

I18N = gr.I18n(en=TEXTS["en"], zh=TEXTS["zh"])


def build(sets: ModelSets, may_fetch: bool = False) -> gr.Blocks:
    """The page for the models of each data set; tests hand in their own. `may_fetch`: see build in compare/tab.py."""
    with Page(title="Attention Lab", analytics_enabled=False) as page:
        device = f"{devices.device_name(sets.device)}, {sets.device.type}"
        gr.HTML(header(device), elem_id="lead", padding=False)
        with gr.Tabs(overflow_behavior="wrap", elem_id="pages") as tabs:  # so that a phone shows every name
            with gr.Tab(I18N("tab_compare"), id="compare", elem_id="page-compare"):
                load_compare, compare_outputs, photo, dataset = compare.build(sets, I18N, may_fetch)
            with gr.Tab(I18N("tab_examine"), id="examine", elem_id="page-examine") as tab:
                load_examine, examine_outputs = examine.build(sets, I18N, tab, photo, dataset, tabs)
            with gr.Tab(I18N("tab_many"), id="many", elem_id="page-many"):
                load_many, many_outputs = many.build(sets, I18N)
            with gr.Tab(I18N("tab_learn"), id="learn", elem_id="page-learn") as learn_tab:
                learn.build(sets, I18N, learn_tab, photo, dataset, tabs)
            with gr.Tab(I18N("tab_benchmarks"), id="benchmarks", elem_id="page-benchmarks"):
                render_benchmarks, benchmark_outputs = benchmarks.build(sets.study, I18N)
            with gr.Tab(I18N("tab_about"), id="about", elem_id="page-about"):
                about = gr.Markdown(text("en", "about"), elem_id="about-text")
        is_loaded = gr.HTML(visible="hidden")
        restored, link_outputs = links.build(page, sets, tabs)
        names = [tab.id for tab in tabs.children]

        def on_load(request: gr.Request):
            lang, link = language(request), links.read(request.query_params, sets, names)
            return [
                loaded(lang, links.defaults(sets)),
                text(lang, "about"),
                *restored(link, lang),
                *load_compare(request, link.dataset or sets.first_name, link.models),
                *load_examine(lang),
                *load_many(lang),
                *render_benchmarks(lang),
            ]

        def on_loaded(request: gr.Request) -> None:
            health.check_writable(health.upload_folder())  # Page turns an error into a sentence
            links.warn(links.read(request.query_params, sets, names), language(request))

        private = {"api_visibility": "private", "show_progress": "hidden"}
        outputs = [*compare_outputs, *examine_outputs, *many_outputs, *benchmark_outputs]
        # on_load is not queued, so that the page loads while the queue is full too; on_loaded is, because warnings and
        # errors reach the visitor only through the queue
        page.load(on_load, None, [is_loaded, about, *link_outputs, *outputs], queue=False, **private)
        page.load(on_loaded, None, None, **private)
    return page
