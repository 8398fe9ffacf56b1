"""The chart of accuracy against latency, with its hover texts, its key and its lines. No gradio here."""

from html import escape

import pandas as pd
import plotly.graph_objects as go

from attention.models.variants import PLACEMENTS, REFERENCE, VARIANTS
from attention.study.comparison import comparable, pareto_front
from attention.web.chart_lines import lines_html, source
from attention.web.charts import figures
from attention.web.matrix import MARKS
from attention.web.table import group_words, shown
from attention.web.tables import number
from attention.web.texts import text, title


def _family(name: str) -> str:
    return VARIANTS[name].info.family if VARIANTS[name].info else ""


def _hover(lang: str, row: dict) -> str:
    """The hover text of a point: its row of the table."""
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


def front(table: pd.DataFrame) -> pd.DataFrame:
    """The timed rows whose accuracies may be ranked; `on_front` marks those on the Pareto front."""
    timed = table.dropna(subset=["p50_ms"])
    rows = timed[comparable(timed["seeds"])] if "seeds" in timed else timed[:0]
    return rows.assign(on_front=pareto_front(rows["accuracy"], rows["p50_ms"]))


def chart(lang: str, table: pd.DataFrame) -> go.Figure:
    """Accuracy against latency for the rows that have a latency, all from one device, and their Pareto front."""
    families = {name: _family(name) for name in VARIANTS}
    titles = {name: title(lang, variant) for name, variant in VARIANTS.items()}
    hovers = {row["variant"]: _hover(lang, row) for row in table.to_dict("records")}
    measured = table.dropna(subset=["p50_ms"]).iloc[0]
    latency = text(lang, "axis_latency", batch=int(measured["batch_size"]), device=measured["device"])
    first, below = latency.split("<br>")  # the second line is long, and has to fit on a phone
    axes = (f'{first}<br><span style="font-size:12px">{below}</span>', text(lang, "axis_accuracy"))
    competing = front(table)
    on_front = list(competing.loc[competing["on_front"], "variant"])
    return figures.accuracy_against_latency(table, families, titles, hovers, axes, REFERENCE, on_front)


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
    marks = (("○", "key_control"), ("⊙", "key_one_seed"), ("┄", "key_front"))
    parts += [
        f'<span><span class="mark" aria-hidden="true">{mark}</span>{escape(text(lang, key))}</span>'
        for mark, key in marks
    ]
    return f'<p class="key">{"".join(parts)}</p>'


def chart_says(lang: str, table: pd.DataFrame) -> str:
    """Who is on the front, whether that means anything, and who is slowest: from the same rows."""
    timed = table.dropna(subset=["p50_ms"])
    if REFERENCE not in set(timed["variant"]):
        return ""
    reference = timed[timed["variant"] == REFERENCE].iloc[0]
    slowest = timed.loc[timed["p50_ms"].idxmax()]
    said = [*_front_says(lang, table)]
    said.append(
        text(
            lang, "chart_slowest", slowest=title(lang, VARIANTS[slowest["variant"]]),
            slowdown=slowest["p50_ms"] / reference["p50_ms"],
        )
    )  # fmt: skip
    return ("" if lang == "zh" else " ").join(said)


def _front_says(lang: str, table: pd.DataFrame) -> list[str]:
    rows = front(table)
    members = rows[rows["on_front"]].sort_values("p50_ms")
    if len(rows) < 2:
        return []
    named = [
        text(
            lang, "chart_member", name=title(lang, VARIANTS[row["variant"]]),
            accuracy=number(row["accuracy"], ".2f", 0.01), p50=number(row["p50_ms"], ".2f"),
        )
        for row in members.to_dict("records")
    ]  # fmt: skip
    said = [text(lang, "chart_front", group=group_words(lang, rows), members=text(lang, "list_and").join(named))]
    gains = "verdict" in members and (members["verdict"] == "gain").any()
    return said if gains else [*said, text(lang, "chart_no_gain")]


def chart_lines(lang: str, table: pd.DataFrame) -> str:
    """What the chart says, how to read it, and its sources."""
    where = source(lang, text(lang, "chart_files"), text(lang, "chart_commands"))
    return lines_html(chart_says(lang, table), text(lang, "chart_read"), where)
