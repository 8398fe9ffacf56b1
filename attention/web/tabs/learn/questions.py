"""The Learn tab's three questions to check oneself, made from the committed figures. No gradio here."""

from dataclasses import dataclass
from html import escape

import pandas as pd

from attention.models.variants import REFERENCE, VARIANTS
from attention.study import lookup
from attention.web.findings import judged, with_attention
from attention.web.tables import number
from attention.web.tabs.look_closer import views
from attention.web.texts import text, title

IDEAS, MECHANISMS = 1, 2  # the steps that answers point at


@dataclass(frozen=True)
class Question:
    """A question, its `answers` in the order shown, the index of the right one, why it is right, and the step (and in
    it the variant) that shows it."""

    asked: str
    answers: tuple[str, ...]
    right: int
    because: str
    step: int
    variant: str | None = None

    def reply(self, lang: str, chosen: int) -> str:
        """The reply to an answer, as HTML."""
        word = text(lang, "learn_check_right" if chosen == self.right else "learn_check_wrong")
        return f'<p class="says" role="status"><b>{escape(word)}</b> {escape(self.because)}</p>'


def questions(lang: str, dataset_name: str, device_type: str) -> list[Question]:
    """Three questions, or fewer where the figures for one have not been measured."""
    table = lookup.summary(dataset_name, device_type)
    made = [_latency(lang, table), _proof(lang), _shown(lang, table)]
    return [question for question in made if question]


def _latency(lang: str, table: pd.DataFrame) -> Question | None:
    """The slowest model with attention against the fastest with attention."""
    timed = table.dropna(subset=["p50_ms"]) if "p50_ms" in table else table.iloc[:0]
    reference = timed[timed["variant"] == REFERENCE] if len(timed) else timed
    others = with_attention(timed) if len(timed) else timed
    if len(others) < 2 or reference.empty:
        return None
    slow, fast = (others.loc[others["p50_ms"].agg(which)] for which in ("idxmax", "idxmin"))
    names = {row["variant"]: title(lang, VARIANTS[row["variant"]]) for row in (fast, slow)}
    because = text(
        lang, "learn_because_latency", slow=names[slow["variant"]], fast=names[fast["variant"]],
        slow_ms=number(slow["p50_ms"], ".2f"), fast_ms=number(fast["p50_ms"], ".2f"),
        reference_ms=number(reference.iloc[0]["p50_ms"], ".2f"), flops=_flops(lang, slow, reference.iloc[0]),
    )  # fmt: skip
    answers = (names[fast["variant"]], names[slow["variant"]], text(lang, "learn_same"))
    return Question(text(lang, "learn_ask_latency"), answers, 1, because, MECHANISMS, slow["variant"])


def _flops(lang: str, slow: pd.Series, reference: pd.Series) -> str:
    """A sentence on how little the multiply-adds grow; "" where they grow as much as the time."""
    time, flops = (slow[key] / reference[key] - 1 for key in ("p50_ms", "multiply_adds"))
    if not flops < time:
        return ""
    return text(
        lang, "learn_because_flops", time=number(100 * time, "+.0f") + " %", flops=number(100 * flops, "+.0f") + " %"
    )


def _proof(lang: str) -> Question:
    answers = (text(lang, "learn_yes"), text(lang, "learn_no"))
    return Question(text(lang, "learn_ask_proof"), answers, 1, text(lang, "learn_because_proof"), IDEAS)


def _shown(lang: str, table: pd.DataFrame) -> Question | None:
    """About the judged model with the largest difference whose interval contains 0, because that is the trap; if there
    is none, about the largest difference that is a gain or a loss."""
    if "verdict" not in table:
        return None
    rows = judged(table)
    around_0 = rows[(rows["difference_low_points"] <= 0) & (rows["difference_high_points"] >= 0)]
    candidates = rows[rows["verdict"].isin(["gain", "loss"])] if around_0.empty else around_0
    if candidates.empty:
        return None
    row = candidates.sort_values("difference_points").iloc[-1]
    said = {key: number(row[f"difference_{end}points"], "+.2f") for key, end in
            (("difference", ""), ("low", "low_"), ("high", "high_"))}  # fmt: skip
    asked = text(lang, "learn_ask_shown", title=title(lang, VARIANTS[row["variant"]]), seeds=int(row["seeds"]), **said)
    answers = tuple(text(lang, f"learn_{key}") for key in ("yes", "no", "hurts"))
    right, because = {"gain": (0, "gain"), "loss": (2, "loss")}.get(row["verdict"], (1, "no"))
    return Question(asked, answers, right, text(lang, f"learn_because_shown_{because}"), MECHANISMS, row["variant"])


def question_html(question: Question) -> str:
    return views.heading(question.asked)
