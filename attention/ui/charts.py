"""The chart of accuracy against latency with its words: what a point, its colours and the whole of it say. No gradio here."""

from html import escape

import pandas as pd
import plotly.graph_objects as go

from attention import figures
from attention.ui.matrix import MARKS
from attention.ui.table import shown
from attention.ui.texts import text, title
from attention.variants import PLACEMENTS, REFERENCE, VARIANTS

VERDICTS = ("gain", "loss", "equivalent", "undecided", "not judged yet")


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
        + line("throughput")
    )


def chart(lang: str, table: pd.DataFrame) -> go.Figure:
    """Accuracy against latency of the rows that have one."""
    families = {name: _family(name) for name in VARIANTS}
    titles = {name: title(lang, variant) for name, variant in VARIANTS.items()}
    hovers = {row["variant"]: _hover(lang, row) for row in table.to_dict("records")}
    measured = table.dropna(subset=["p50_ms"]).iloc[0]
    latency = text(lang, "axis_latency", batch=int(measured["batch_size"]), device=measured["device"])
    axes = (latency, text(lang, "axis_accuracy"))
    return figures.accuracy_against_latency(table, families, titles, hovers, axes, REFERENCE)


def chart_key(lang: str, table: pd.DataFrame) -> str:
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
