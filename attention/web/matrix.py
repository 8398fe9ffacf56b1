"""The placement study at a glance, as HTML: one row per mechanism, one column per placement. No gradio here.

A cell says what attention there changed: accuracy against the baseline with its interval and verdict, and latency.
"""

from dataclasses import dataclass

import pandas as pd

from attention.models.mechanisms import MECHANISMS
from attention.models.variants import PLACEMENTS, REFERENCE, VARIANTS, Variant
from attention.web.chart_lines import lines_html, source
from attention.web.findings import judged
from attention.web.render import render
from attention.web.table import counted, verdict
from attention.web.tables import Row, Table, column, is_missing, number
from attention.web.texts import kind, place, text, title

COLUMNS = [name for name in PLACEMENTS if name != "none"]
MARKS = {
    "channel": "●",
    "spatial": "■",
    "combined": "◆",
    "self-attention": "▲",
    "pooling": "★",
}  # the same as figures.FAMILY_SYMBOLS


@dataclass(frozen=True)
class Entry:
    """What one variant changed: difference and interval in points, verdict and its key, latency. Empty if not `trained`."""

    variant: str
    where: str  # "" where no other variant shares the cell
    trained: bool = False
    difference: str = ""
    interval: str = ""
    judged: str = ""
    verdict: str = ""
    latency: str = ""


@dataclass(frozen=True)
class MechanismRow(Row):
    """The row of a mechanism; each of its cells is a tuple of Entry."""

    mark: str = ""
    family: str = ""


def matrix_html(lang: str, table: pd.DataFrame) -> str:
    """The matrix of a data set's summary (lookup.summary), with the lines that explain it; "" without a baseline."""
    rows = {row["variant"]: row for row in table.to_dict("records")}
    if REFERENCE not in rows:
        return ""
    placements = [column(text(lang, f"placement_{name}"), **{"data-placement": name}) for name in COLUMNS]
    drawn = Table(
        text(lang, "matrix_heading"), (column(text(lang, "matrix_mechanism")), *placements),
        tuple(_row(lang, name, rows) for name in MECHANISMS), "matrix", sorts=False,
    )  # fmt: skip
    reference = lines_html(_reference(lang, rows), "", "")
    return f"{reference}{render('matrix.html', lang, table=drawn)}{_lines(lang, table)}"


def _lines(lang: str, table: pd.DataFrame) -> str:
    where = source(lang, text(lang, "chart_files"), text(lang, "chart_commands"))
    return lines_html(says(lang, table), text(lang, "matrix_read"), where)


def says(lang: str, table: pd.DataFrame) -> str:
    """The differences and verdicts of the models that are judged, placement by placement."""
    rows = judged(table)
    parts = []
    for name in COLUMNS:
        of_placement = rows[[VARIANTS[variant].placement == name for variant in rows["variant"]]]
        if len(of_placement):
            parts.append(
                text(
                    lang, "matrix_placement", placement=text(lang, f"placement_{name}"),
                    differences=_range(lang, of_placement["difference_points"]), verdicts=counted(lang, of_placement),
                )
            )  # fmt: skip
    if not parts:
        return text(lang, "matrix_none_judged")
    return text(lang, "matrix_says", placements=text(lang, "list_and").join(parts))


def _range(lang: str, values: pd.Series) -> str:
    low, high = number(values.min(), "+.2f"), number(values.max(), "+.2f")
    return low if len(values) == 1 else text(lang, "range_to", low=low, high=high)


def _reference(lang: str, rows: dict[str, dict]) -> str:
    """The baseline that every cell is compared with, and the control of equal cost where it was trained."""
    row = rows[REFERENCE]
    said = text(
        lang, "matrix_reference", accuracy=number(row["accuracy"], ".2f", 0.01), low=number(row["low"], ".2f", 0.01),
        high=number(row["high"], ".2f", 0.01), p50=number(row.get("p50_ms"), ".2f"),
    )  # fmt: skip
    wider = [
        text(lang, "matrix_control", name=title(lang, VARIANTS[name]), cell=_figures(lang, row, rows[REFERENCE]))
        for name, row in rows.items()
        if VARIANTS[name].is_control and name != REFERENCE
    ]
    return " ".join([said, *wider])


def _row(lang: str, mechanism: str, rows: dict[str, dict]) -> MechanismRow:
    info = MECHANISMS[mechanism]
    variants = sorted((v for v in VARIANTS.values() if v.mechanism == mechanism), key=lambda v: v.stages)
    cells = [[v for v in variants if v.placement == placement] for placement in COLUMNS]
    return MechanismRow(
        kind(lang, info.title), tuple(tuple(_entry(lang, v, rows, len(cell) > 1) for v in cell) for cell in cells),
        {"data-mechanism": mechanism}, mark=MARKS[info.family], family=text(lang, f"family_{info.family}"),
    )  # fmt: skip


def _entry(lang: str, variant: Variant, rows: dict[str, dict], is_one_of_several: bool) -> Entry:
    where = place(lang, variant) if is_one_of_several else ""
    if variant.name not in rows:
        return Entry(variant.name, where)
    row = rows[variant.name]
    return Entry(
        variant.name, where, True, number(row.get("difference_points"), "+.2f"), _interval(row), str(row.get("verdict")),
        verdict(lang, row), _slower(lang, row, rows[REFERENCE]),
    )  # fmt: skip


def _interval(row: dict) -> str:
    if is_missing(row.get("difference_low_points")):
        return ""
    return " … ".join(number(row[f"difference_{end}_points"], "+.2f") for end in ("low", "high"))


def _slower(lang: str, row: dict, reference: dict) -> str:
    if is_missing(row.get("p50_ms")) or is_missing(reference.get("p50_ms")):
        return ""
    return text(lang, "matrix_latency", ms=number(row["p50_ms"] - reference["p50_ms"], "+.2f"))


def _figures(lang: str, row: dict, reference: dict) -> str:
    parts = [number(row.get("difference_points"), "+.2f"), f"({_interval(row)})", verdict(lang, row)]
    return ", ".join(filter(None, [" ".join(parts), _slower(lang, row, reference)]))
