"""What the study has found so far, in a few sentences made from the summary; never stronger than its verdicts. No gradio here."""

from html import escape

import pandas as pd

from attention.models.variants import REFERENCE, VARIANTS
from attention.pictures.datasets import DATASETS
from attention.study.comparison import SEEDS_TO_JUDGE
from attention.study.lookup import Machine
from attention.web.chart_lines import heading_html
from attention.web.table import counted, machine_name
from attention.web.tables import number
from attention.web.texts import text, title

JUDGED = ("gain", "loss", "equivalent", "undecided")
NAMED = 3  # models that a sentence names one by one


def with_attention(table: pd.DataFrame) -> pd.DataFrame:
    return table[[not VARIANTS[name].is_control for name in table["variant"]]]


def judged(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of models with attention that have a verdict."""
    rows = with_attention(table)
    return rows[rows["verdict"].isin(JUDGED)] if "verdict" in rows else rows[:0]


def reading_html(lang: str, table: pd.DataFrame, machine: Machine | None, batch_size: int) -> str:
    """A heading and the sentences; "" without a baseline."""
    said = sentences(lang, table, machine, batch_size)
    if not said:
        return ""
    heading = heading_html(text(lang, "reading_heading"))
    return heading + "".join(f'<p class="says">{escape(sentence)}</p>' for sentence in said)


def sentences(lang: str, table: pd.DataFrame, machine: Machine | None = None, batch_size: int = 1) -> list[str]:
    """What was found on accuracy, then on cost, then how much is still open."""
    rows = {row["variant"]: row for row in table.to_dict("records")}
    if REFERENCE not in rows:
        return []
    of_attention = judged(table)
    waiting = len(with_attention(table)) - len(of_attention)
    found = [_on_accuracy(lang, table, of_attention, rows[REFERENCE])]
    found.append(_on_cost(lang, with_attention(table), rows[REFERENCE], machine, batch_size))
    if len(of_attention) and waiting:
        found.append(text(lang, "reading_waiting", count=waiting, needed=SEEDS_TO_JUDGE))
    return [sentence for sentence in found if sentence]


def _on_accuracy(lang: str, table: pd.DataFrame, rows: pd.DataFrame, reference: dict) -> str:
    if rows.empty:
        name = table["dataset"].iloc[0]
        dataset = DATASETS[name].title if name in DATASETS else name
        return text(
            lang, "reading_none_judged", dataset=dataset, needed=SEEDS_TO_JUDGE, count=len(with_attention(table))
        )
    judged_on = text(
        lang, "reading_judged", count=len(rows), of=len(with_attention(table)), needed=SEEDS_TO_JUDGE,
        accuracy=number(reference["accuracy"], ".2f", 0.01), low=number(reference["low"], ".2f", 0.01),
        high=number(reference["high"], ".2f", 0.01), seeds=number(reference["seeds"], ".0f"), verdicts=counted(lang, rows),
    )  # fmt: skip
    return " ".join([judged_on, *_effects(lang, rows)]) if lang == "en" else judged_on + "".join(_effects(lang, rows))


def _effects(lang: str, rows: pd.DataFrame) -> list[str]:
    """Who gains and who loses, by the verdicts; where nobody does, how small an effect could have been seen."""
    shown = rows[rows["verdict"].isin(("gain", "loss"))]
    if shown.empty:
        return [
            text(
                lang, "reading_no_effect", low=number(rows["difference_low_points"].min(), "+.2f"),
                high=number(rows["difference_high_points"].max(), "+.2f"),
                smallest=number(rows["detectable_points"].min(), ".1f"),
            )
        ]  # fmt: skip
    said = [
        text(lang, f"reading_{verdict}", names=_named(lang, shown[shown["verdict"] == verdict]))
        for verdict in ("gain", "loss")
        if (shown["verdict"] == verdict).any()
    ]
    return said if len(shown) == len(rows) else [*said, text(lang, "reading_rest")]


def _named(lang: str, rows: pd.DataFrame) -> str:
    """The largest differences with their intervals; the others are counted."""
    order = rows["difference_points"].abs().sort_values(ascending=False).index
    names = [
        text(
            lang, "reading_named", name=title(lang, VARIANTS[row["variant"]]),
            difference=number(row["difference_points"], "+.2f"), low=number(row["difference_low_points"], "+.2f"),
            high=number(row["difference_high_points"], "+.2f"),
        )
        for row in rows.loc[order].head(NAMED).to_dict("records")
    ]  # fmt: skip
    if len(rows) > NAMED:
        names.append(text(lang, "classes_more", count=len(rows) - NAMED))
    return text(lang, "list_and").join(names)


def _on_cost(lang: str, rows: pd.DataFrame, reference: dict, machine: Machine | None, batch_size: int) -> str:
    p50 = reference.get("p50_ms")
    times = rows["p50_ms"].dropna() if "p50_ms" in rows else rows[:0]
    if machine is None or times.empty or pd.isna(p50):
        return ""
    return text(
        lang, "reading_cost", low=times.min() / p50, high=times.max() / p50, p50=p50,
        machine=machine_name(lang, machine), batch=batch_size,
    )  # fmt: skip
