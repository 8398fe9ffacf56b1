"""The Benchmarks tab: accuracy and cost on a device and at a batch size of the visitor's choice, as table and chart.

Every number is read from data/results. study.py shows what lies behind the accuracies, costs.py the time of each
mechanism, and live.py measures now.
"""

from html import escape

import gradio as gr

from attention.inference.compare import Models
from attention.pictures.datasets import DATASETS
from attention.study import lookup
from attention.study.lookup import Machine
from attention.web import published, table_files
from attention.web.chart_lines import heading_html
from attention.web.charts.accuracy import chart, chart_key, chart_lines
from attention.web.findings import reading_html
from attention.web.language import language
from attention.web.matrix import matrix_html
from attention.web.render import notice
from attention.web.table import machine_name, notes_html, table_html
from attention.web.tables import is_missing
from attention.web.tabs.benchmarks import compute, costs, live, maps, study
from attention.web.tabs.compare.tab import dataset_choices
from attention.web.texts import text


def rows(dataset_name: str, device_type: str = "cpu") -> list[dict]:
    """What `/benchmarks` returns: the rows of the summary, missing values as null."""
    table = lookup.summary(dataset_name, device_type)
    return [{k: (None if is_missing(v) else v) for k, v in row.items()} for row in table.to_dict("records")]


def datasets_shown() -> list[str]:
    """The data sets that have results, those of DATASETS first."""
    table = lookup.read(lookup.ACCURACY_FILE)
    found = [] if table.empty else list(table["dataset"].unique())
    return [name for name in DATASETS if name in found] + [name for name in found if name not in DATASETS]


# the tab


def gpu_html(lang: str) -> str:
    """The command that measures a GPU, while none has been; GPUs that have are among the devices to choose."""
    if lookup.machines("cuda"):
        return ""
    return heading_html(text(lang, "gpu_heading"), text(lang, "gpu_missing"))


def _render(
    lang: str, dataset_name: str, machine: Machine | None = None, batch_size: int = 1, busy: bool = False
) -> tuple:
    """What stands above the chart, the chart, what stands below it, and the hint about GPUs."""
    table = lookup.summary(dataset_name, "cpu", machine, batch_size, busy)
    problems = "".join(notice(text(lang, "table_damaged", file=name)) for name in sorted(lookup.damaged))
    if table.empty:
        nothing = problems or f'<p class="says">{escape(text(lang, "no_results"))}</p>'
        return nothing, gr.update(visible=False), "", gpu_html(lang)
    shown_machine = machine or next(iter(lookup.machines("cpu")), None)
    top = problems + reading_html(lang, table, shown_machine, batch_size)
    top += heading_html(text(lang, "matrix_heading")) + matrix_html(lang, table)
    top += heading_html(text(lang, "accuracy_heading")) + table_html(lang, table, savable=True)
    top += notes_html(lang, table, batch_size)
    if "p50_ms" not in table or table["p50_ms"].isna().all():
        return top, gr.update(value=None, visible=False), "", gpu_html(lang)
    below = chart_key(lang, table) + chart_lines(lang, table)
    plot = gr.update(value=chart(lang, table), visible=True)
    return top + heading_html(text(lang, "chart_heading")), plot, below, gpu_html(lang)


def _key(machine: Machine) -> str:
    return f"{machine.device}|{machine.threads}|{machine.dtype}"


def machine_of(key: str | None) -> Machine | None:
    """The machine that a choice stands for; the first if the choice no longer exists."""
    found = lookup.machines()
    return next((machine for machine in found if _key(machine) == key), found[0] if found else None)


def _controls(lang: str, models: Models) -> tuple[list, str, str | None]:
    """Updates of data set, machine, batch and busy; and the data set and the machine that are shown first."""
    datasets, machines, batches = datasets_shown(), lookup.machines(), lookup.batch_sizes()
    first = next((name for name in [models.dataset.name, *datasets] if name in datasets), models.dataset.name)
    same = [m for m in machines if m.device_type == models.device.type] or machines
    machine = _key(same[0]) if same else None
    updates = [
        gr.update(choices=dataset_choices(lang, datasets), value=first, visible=len(datasets) > 1),
        gr.update(
            choices=[(machine_name(lang, m), _key(m)) for m in machines], value=machine, visible=len(machines) > 1
        ),
        gr.update(choices=[(str(n), n) for n in batches], value=1, visible=len(batches) > 1),
        gr.update(value=False, visible=lookup.any_busy()),
    ]
    return updates, first, machine


def build(models: Models, t):
    """Lay the tab out; returns (handler of a language, outputs) for the page's load event. `t` translates a label."""
    with gr.Row(equal_height=True):
        which = gr.Radio([], label=t("dataset"), visible=False, elem_id="dataset-choice", min_width=150)
        batch = gr.Radio([], label=t("batch"), visible=False, elem_id="batch-choice", min_width=150)
        machine = gr.Dropdown(
            [], label=t("measured_on"), visible=False, elem_id="machine-choice", scale=2, min_width=300
        )
        busy = gr.Checkbox(False, label=t("show_busy"), visible=False, elem_id="busy-choice", container=False)
    choices = [which, machine, batch, busy]
    top = gr.HTML(elem_id="accuracy-table", padding=False)
    plot = gr.Plot(show_label=False, visible=False, elem_id="accuracy-latency")
    below = gr.HTML(elem_id="chart-notes", padding=False)
    _build_files(choices)
    render_study, study_outputs = study.build(t, which)
    load_live, live_outputs = live.build(models, t, machine_of, machine)
    render_costs, cost_outputs = costs.build(t, machine_of, machine, busy)
    gpu = gr.HTML(elem_id="gpu-table", padding=False)
    load_compute, compute_outputs = compute.build()
    render_maps, map_outputs = maps.build(t, which)
    others = gr.HTML(elem_id="published-models", padding=False)
    parts = [top, plot, below, gpu]

    def render(lang: str, dataset_name: str, key: str | None, batch_size: int, with_busy: bool) -> tuple:
        chosen = machine_of(key)
        return *_render(lang, dataset_name, chosen, batch_size, with_busy), *render_costs(lang, chosen, with_busy)

    def choose(dataset_name: str, key: str | None, batch_size: int, with_busy: bool, request: gr.Request):
        return render(language(request), dataset_name, key, batch_size, with_busy)

    def on_load(lang: str):
        updates, first, key = _controls(lang, models)
        rendered = *render(lang, first, key, 1, False), *load_live(lang), *load_compute(lang)
        return *updates, *rendered, *render_maps(lang, first), *render_study(lang, first), published.section(lang)

    gr.on(
        [which.input, machine.input, batch.input, busy.input], choose, choices, [*parts, *cost_outputs],
        api_visibility="private", show_progress="hidden", trigger_mode="always_last",
    )  # fmt: skip

    api_out, api_go = gr.JSON(visible=False), gr.Button(visible=False)
    api_go.click(
        lambda: rows(models.dataset.name), None, api_out, api_name="benchmarks",
        api_description="Accuracy with interval, difference to the baseline, verdict, cost and CPU latency of every model.",
    )  # fmt: skip
    return on_load, [
        *choices,
        *parts,
        *cost_outputs,
        *live_outputs,
        *compute_outputs,
        *map_outputs,
        *study_outputs,
        others,
    ]


SHOWN = "document.querySelectorAll('#accuracy-table table.figures tbody tr:not([hidden])')"
ASK = f"(...asked) => [...asked.slice(0, -1), [...{SHOWN}].map((row) => row.dataset.model)]"  # in the order of the page
SAVE = "(file) => { document.dispatchEvent(new CustomEvent('save-file', { detail: file })); }"


def _build_files(choices: list) -> None:
    """Hidden buttons, which benchmarks.js clicks for the table's: each asks for a file of the rows that are shown."""
    names, made = gr.JSON(visible="hidden"), gr.JSON(visible="hidden")

    def make(kind: str):
        def file(dataset_name: str, key: str | None, batch_size: int, busy: bool, shown: list[str]) -> dict:
            return table_files.file(kind, dataset_name, machine_of(key), batch_size, busy, shown)

        return file

    for kind in table_files.KINDS:
        ask = gr.Button(visible="hidden", elem_id=f"save-{kind}")
        quietly = {"api_visibility": "private", "show_progress": "hidden"}
        ask.click(make(kind), [*choices, names], made, js=ASK, **quietly).then(None, made, None, js=SAVE, **quietly)
