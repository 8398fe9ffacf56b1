"""On the Benchmarks tab: "Measure on this machine" times the offered models here and now, for one visitor at a time."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape

import gradio as gr
import pandas as pd

from attention.core import deadlines
from attention.inference.compare import Models
from attention.models.variants import REFERENCE, variant
from attention.study import lookup
from attention.study.latency import PIXELS, Measurement, Setting
from attention.study.lookup import Machine
from attention.study.timing import BUSY_SPREAD
from attention.web.chart_lines import heading_html, lines_html
from attention.web.language import language
from attention.web.table import machine_name, threads_text
from attention.web.tables import Table, column, drawn, figure, of_model
from attention.web.texts import text, title

CALLS, WARM_UPS = 50, 5
CONCURRENCY = "measure"  # not Compare's group, so that measuring keeps nobody from comparing


class Taken(Exception):
    """Somebody else is measuring."""


class Turn:
    """The turn to measure: one visitor has it at a time, and nobody else can stop the measurement."""

    def __init__(self):
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._holder: str | None = None

    @contextmanager
    def of(self, visitor: str) -> Iterator[Callable[[], bool]]:
        """Hold the turn; yields a function that says whether to stop. Raises Taken at once if another holds it."""
        if not self._lock.acquire(blocking=False):
            raise Taken
        try:
            self._stopped.clear()
            self._holder = visitor
            yield self._stopped.is_set
        finally:
            self._holder = None
            self._lock.release()

    @property
    def is_taken(self) -> bool:
        return self._lock.locked()

    def stop(self, visitor: str) -> None:
        """Ask the visitor's own measurement to stop; anybody else's goes on."""
        if self._holder == visitor:
            self._stopped.set()


def measure(
    models: Models, stop: Callable[[], bool], progress: Callable[[int, int], None] = lambda done, total: None
) -> pd.DataFrame:
    """Time the models that the page offers; returns the rows of Measurement, of fewer calls or none if stopped."""
    names = [name for name in models.names if name not in models.problems]
    measurement = Measurement(names, Setting(), models.device, memory=False)
    for done in measurement.timing.run(CALLS, WARM_UPS):
        progress(done, WARM_UPS + CALLS)
        if stop() or deadlines.is_past():  # what was timed so far is shown
            break
    return measurement.rows()


# what is shown of it


def _ratios(p50: pd.Series) -> pd.Series:
    return p50 / p50.get(REFERENCE, float("nan"))


def table_html(lang: str, rows: pd.DataFrame, machine: Machine | None) -> str:
    """What was measured now and, under a heading of its own beside it, the machine's recorded figures."""
    now = rows.set_index("variant")
    recorded = pd.DataFrame(columns=["p50_ms", "p90_ms"], dtype=float)
    if machine:
        recorded = lookup.latencies(machine, 1, PIXELS).set_index("variant")
    both = pd.concat(
        [now["p50_ms"], now["p90_ms"], _ratios(now["p50_ms"]), recorded["p50_ms"], recorded["p90_ms"],
         _ratios(recorded["p50_ms"])], axis=1,
    ).loc[now.index]  # fmt: skip
    first = rows.iloc[0]
    measured = text(
        lang, "live_now", device=first["device"], threads=threads_text(lang, first["threads"]), calls=first["calls"]
    )
    record = text(lang, "live_none")
    if machine:
        record = text(lang, "live_recorded", machine=machine_name(lang, machine))
    figures = [column(text(lang, key)) for key in ("col_p50", "col_p90", "col_ratio") * 2]
    table = Table(
        text(lang, "live_heading"), (column(text(lang, "col_model"), "word"), *figures),
        tuple(of_model(lang, name, [figure(value, ".2f") for value in row]) for name, row in both.iterrows()),
        "figures live", (measured, record),
    )  # fmt: skip
    return drawn(lang, table)


def notes(lang: str, rows: pd.DataFrame, machine: Machine | None) -> list[str]:
    """What to bear in mind about these figures."""
    said, first = [], rows.iloc[0]
    if first["calls"] < CALLS:
        said.append(text(lang, "live_stopped", calls=first["calls"], planned=CALLS))
    noisy = int((rows["iqr_ms"] / rows["p50_ms"] > BUSY_SPREAD).sum())
    if noisy:
        said.append(text(lang, "live_noisy", count=text(lang, "some_of", count=noisy, of=len(rows))))
    if machine and machine.device != first["device"]:
        said.append(text(lang, "live_other"))
    return said


def shown(lang: str, rows: pd.DataFrame, machine: Machine | None) -> str:
    if rows.empty:
        return f'<p class="says">{escape(text(lang, "live_nothing"))}</p>'
    said = "".join(f'<p class="says">{escape(sentence)}</p>' for sentence in notes(lang, rows, machine))
    lines = lines_html(says(lang, rows), text(lang, "live_read"), text(lang, "live_source"))
    return table_html(lang, rows, machine) + said + lines


def says(lang: str, rows: pd.DataFrame) -> str:
    """Who took the longest; "" where the baseline was not timed."""
    ratios = _ratios(rows.set_index("variant")["p50_ms"]).dropna()
    if ratios.empty:
        return ""
    return text(lang, "live_says", slowest=title(lang, variant(ratios.idxmax())), ratio=ratios.max())


def _intro(lang: str) -> str:
    return heading_html(text(lang, "live_heading")) + lines_html("", text(lang, "live_lead", calls=CALLS), "")


def build(models: Models, t, machine_of, machine: gr.Dropdown):
    """Lay the section out; returns (handler of a language, outputs). `machine_of` gives the Machine of a choice."""
    turn = Turn()
    intro = gr.HTML(elem_id="live-intro", padding=False)
    with gr.Row():
        go = gr.Button(t("measure"), variant="primary", min_width=240, scale=0, elem_id="measure")
        stop = gr.Button(t("stop_measuring"), min_width=160, scale=0, elem_id="stop-measuring")
    output = gr.HTML(elem_id="live", min_height=120, visible=True, padding=False)

    def refuse(lang: str):
        raise gr.Error(text(lang, "live_taken"), title="", print_exception=False)

    def ask(request: gr.Request):  # without a limit, so that whoever comes second is told at once instead of waiting
        if turn.is_taken:
            refuse(language(request))

    def run(key: str | None, request: gr.Request, progress=gr.Progress()):  # noqa: B008 (gradio finds it there)
        lang = language(request)
        progress(0, desc=text(lang, "live_building"))
        try:
            with turn.of(request.session_hash) as stopped:
                label = text(lang, "live_rounds")
                rows = measure(models, stopped, lambda done, total: progress((done, total), desc=label, unit=""))
        except Taken:
            refuse(lang)
        return shown(lang, rows, machine_of(key))

    private = {"api_visibility": "private"}
    go.click(ask, None, None, concurrency_limit=None, show_progress="hidden", **private).success(
        run, machine, output, concurrency_id=CONCURRENCY, concurrency_limit=1, trigger_mode="once", **private
    )

    def halt(request: gr.Request):
        turn.stop(request.session_hash)

    stop.click(halt, None, None, queue=False, **private)

    def on_load(lang: str):
        return [_intro(lang)]

    return on_load, [intro]
