"""The placement study at one glance: a row a mechanism, a column a placement, as HTML. No gradio here.

In a cell stands what attention there changed: accuracy against the baseline with its interval and verdict, and latency.
"""

from html import escape

import pandas as pd

from attention.models.mechanisms import MECHANISMS
from attention.models.variants import PLACEMENTS, REFERENCE, VARIANTS, Variant
from attention.web.chart_lines import lines_html, source
from attention.web.findings import judged
from attention.web.table import counted, is_missing, number, verdict
from attention.web.texts import kind, place, text, title

COLUMNS = [name for name in PLACEMENTS if name != "none"]
MARKS = {
    "channel": "●",
    "spatial": "■",
    "combined": "◆",
    "self-attention": "▲",
    "pooling": "★",
}  # figures.FAMILY_SYMBOLS


def matrix_html(lang: str, table: pd.DataFrame) -> str:
    """The matrix of a data set's summary (lookup.summary), with what to read it by; "" without a baseline."""
    rows = {row["variant"]: row for row in table.to_dict("records")}
    if REFERENCE not in rows:
        return ""
    heads = "".join(
        f'<th scope="col" data-placement="{name}"><span class="dot"></span>{escape(text(lang, f"placement_{name}"))}</th>'
        for name in COLUMNS
    )
    body = "".join(_row(lang, name, rows) for name in MECHANISMS)
    label = escape(text(lang, "matrix_heading"))
    return (
        f'<p class="says">{escape(_reference(lang, rows))}</p>'
        f'<div class="table-wrap" tabindex="0" role="region" aria-label="{label}"><table class="matrix">'
        f'<thead><tr><th scope="col">{escape(text(lang, "matrix_mechanism"))}</th>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{_lines(lang, table)}"
    )


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
    """What every cell is held against, and the control of equal cost where it was trained."""
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


def _row(lang: str, mechanism: str, rows: dict[str, dict]) -> str:
    info = MECHANISMS[mechanism]
    variants = sorted((v for v in VARIANTS.values() if v.mechanism == mechanism), key=lambda v: v.stages)
    family = escape(text(lang, f"family_{info.family}"))
    cells = "".join(
        f"<td>{''.join(_entry(lang, v, rows) for v in variants if v.placement == placement)}</td>"
        for placement in COLUMNS
    )
    return (
        f'<tr data-mechanism="{mechanism}"><th scope="row"><span class="mark" aria-hidden="true">{MARKS[info.family]}</span>'
        f'{escape(kind(lang, info.title))}<span class="family">{family}</span></th>{cells}</tr>'
    )


def _entry(lang: str, variant: Variant, rows: dict[str, dict]) -> str:
    several = [v for v in VARIANTS.values() if (v.mechanism, v.placement) == (variant.mechanism, variant.placement)]
    where = f'<span class="where">{escape(place(lang, variant))}</span>' if len(several) > 1 else ""
    if variant.name not in rows:
        untrained = escape(text(lang, "matrix_untrained"))
        return f'<div class="entry" data-variant="{variant.name}">{where}<span class="none">{untrained}</span></div>'
    row = rows[variant.name]
    judged = escape(str(row.get("verdict")))
    return (
        f'<div class="entry" data-variant="{variant.name}" data-verdict="{judged}">{where}'
        f"<b>{number(row.get('difference_points'), '+.2f')}</b>"
        f'<span class="interval">{_interval(row)}</span>'
        f'<span class="verdict" data-verdict="{judged}">{escape(verdict(lang, row))}</span>'
        f'<span class="latency">{escape(_slower(lang, row, rows[REFERENCE]))}</span></div>'
    )


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
