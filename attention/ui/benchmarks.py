"""The Benchmarks tab: the committed tables of accuracy and cost, and one chart. Every number is read from data/results."""

from html import escape

import gradio as gr
import pandas as pd

from attention import figures, results
from attention.inference import Models
from attention.ui.texts import text, title
from attention.variants import REFERENCE, VARIANTS


def rows(dataset_name: str, device_type: str = "cpu") -> list[dict]:
    """What `/benchmarks` returns: the rows of the summary, missing values as null."""
    table = results.summary(dataset_name, device_type)
    return [{k: (None if pd.isna(v) else v) for k, v in row.items()} for row in table.to_dict("records")]


def _cell(shown: str, value: float | None = None, word: bool = False) -> str:
    data = "" if value is None or pd.isna(value) else f' data-value="{value}"'
    return f"<td{data}{' class=word' if word else ''}>{shown}</td>"


def _number(value, form: str) -> str:
    return "–" if value is None or pd.isna(value) else format(value, form)


def table_html(lang: str, table: pd.DataFrame) -> str:
    """A row a model; sorted by accuracy until a heading is clicked."""
    columns = [
        "model",
        "mechanism",
        "placement",
        "accuracy",
        "interval",
        "p50",
        "p90",
        "flops",
        "parameters",
        "seconds",
    ]
    head = "".join(
        f'<th scope="col"><button type="button">{escape(text(lang, f"col_{c}"))}</button></th>' for c in columns
    )
    body = []
    for row in table.sort_values("accuracy", ascending=False).to_dict("records"):
        variant = VARIANTS[row["variant"]]
        p50, p90, flops, parameters = (row.get(k) for k in ("p50_ms", "p90_ms", "multiply_adds", "parameters"))
        cells = [
            _cell(f'<span class="dot"></span>{escape(title(lang, variant))}'),
            _cell(escape(variant.mechanism or "–"), word=True),
            _cell(escape(text(lang, f"placement_{variant.placement}")), word=True),
            _cell(f"{row['accuracy'] * 100:.2f}", row["accuracy"]),
            _cell(f"{row['low'] * 100:.2f} – {row['high'] * 100:.2f}", row["low"]),
            _cell(_number(p50, ".2f"), p50),
            _cell(_number(p90, ".2f"), p90),
            _cell(_number(flops and flops / 1e6, ",.0f"), flops),
            _cell(_number(parameters and parameters / 1e6, ".3f"), parameters),
            _cell(_number(row["seconds_an_epoch"], ".0f"), row["seconds_an_epoch"]),
        ]
        body.append(f'<tr data-placement="{variant.placement}" data-model="{row["variant"]}">{"".join(cells)}</tr>')
    caption = escape(text(lang, "accuracy_heading"))
    return (
        f'<div class="table-wrap" tabindex="0"><table class="figures"><caption>{caption}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def notes_html(lang: str, table: pd.DataFrame) -> str:
    """Where the numbers come from, and under which circumstances they hold."""
    first = table.iloc[0]
    sentences = [text(lang, "accuracy_note", images=first["images"])]
    if "p50_ms" in table and table["p50_ms"].notna().any():
        timed = table.dropna(subset=["p50_ms"])
        machine = timed.iloc[0]
        sentences.append(
            text(
                lang,
                "latency_note",
                device=machine["device"],
                threads=int(machine["threads"]),
                calls=int(machine["calls"]),
            )
        )
        busy = timed[timed["busy"].astype(bool)]
        if len(busy):
            names = ", ".join(title(lang, VARIANTS[name]) for name in busy["variant"])
            sentences.append(text(lang, "busy_note", names=names))
    else:
        sentences.append(text(lang, "no_latency"))
    sentences.append(
        text(
            lang,
            "seconds_note",
            device=first["training_device"],
            threads=first["training_threads"],
            epochs=first["epochs"],
            precision=first["precision"],
        )  # fmt: skip
    )
    return "".join(f'<p class="read">{escape(sentence)}</p>' for sentence in sentences)


def chart(lang: str, table: pd.DataFrame):
    families = {name: v.info.family if v.info else "" for name, v in VARIANTS.items()}
    titles = {name: title(lang, v) for name, v in VARIANTS.items()}
    axes = (text(lang, "axis_latency"), text(lang, "axis_accuracy"))
    return figures.accuracy_against_latency(table, families, titles, axes)


def chart_says(lang: str, table: pd.DataFrame) -> str:
    """What the chart says, from the same rows."""
    timed = table.dropna(subset=["p50_ms"])
    if REFERENCE not in set(timed["variant"]):
        return ""
    reference = timed[timed["variant"] == REFERENCE].iloc[0]
    others = timed[timed["variant"] != REFERENCE]
    best, slowest = timed.loc[timed["accuracy"].idxmax()], timed.loc[timed["p50_ms"].idxmax()]
    overlap = int(((others["low"] <= reference["high"]) & (others["high"] >= reference["low"])).sum())
    sentence = text(
        lang, "chart_says", best=title(lang, VARIANTS[best["variant"]]), best_accuracy=best["accuracy"],
        reference_accuracy=reference["accuracy"], reference_p50=reference["p50_ms"],
        slowest=title(lang, VARIANTS[slowest["variant"]]), slowdown=slowest["p50_ms"] / reference["p50_ms"],
    )  # fmt: skip
    return f"{sentence} {text(lang, 'chart_overlap', count=overlap, others=len(others))}"


def gpu_html(lang: str, dataset_name: str) -> str:
    """The same table for the GPU measured last, or the command that will make it."""
    heading = f"<h2>{escape(text(lang, 'gpu_heading'))}</h2>"
    table = results.summary(dataset_name, "cuda")
    if table.empty or "p50_ms" not in table or table["p50_ms"].isna().all():
        return f'<div class="section">{heading}<p class="says">{escape(text(lang, "gpu_missing"))}</p></div>'
    return f'<div class="section">{heading}{table_html(lang, table)}{notes_html(lang, table)}</div>'


def _render(lang: str, dataset_name: str):
    table = results.summary(dataset_name, "cpu")
    if table.empty:
        nothing = f'<p class="says">{escape(text(lang, "no_results"))}</p>'
        return nothing, gr.update(visible=False), "", gpu_html(lang, dataset_name)
    below = ""
    figure = None
    if "p50_ms" in table and table["p50_ms"].notna().any():
        figure = chart(lang, table)
        below = f'<p class="read">{escape(text(lang, "chart_read"))}</p><p class="says">{escape(chart_says(lang, table))}</p>'
    heading = f'<div class="section"><h2>{escape(text(lang, "chart_heading"))}</h2></div>' if figure else ""
    top = table_html(lang, table) + notes_html(lang, table) + heading
    return top, gr.update(value=figure, visible=figure is not None), below, gpu_html(lang, dataset_name)


def build(models: Models):
    """Lay the tab out; returns (handler of a language, outputs) for the page's load event."""
    top = gr.HTML(elem_id="accuracy-table")
    plot = gr.Plot(show_label=False, visible=False, elem_id="accuracy-latency")
    below = gr.HTML()
    gpu = gr.HTML(elem_id="gpu-table")

    api_out, api_go = gr.JSON(visible=False), gr.Button(visible=False)
    api_go.click(
        lambda: rows(models.dataset.name), None, api_out, api_name="benchmarks",
        api_description="Accuracy with interval, cost and CPU latency of every model.",
    )  # fmt: skip
    return lambda lang: _render(lang, models.dataset.name), [top, plot, below, gpu]
