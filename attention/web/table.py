"""The table of accuracy and cost as HTML, with its filters and save buttons, and the lines and notes below it.

Every number is read from data/results. No gradio here.
"""

from collections import Counter
from html import escape

import pandas as pd

from attention.core.intervals import CONFIDENCE
from attention.models.variants import PLACEMENTS, REFERENCE, VARIANTS
from attention.pictures.datasets import DATASETS
from attention.pictures.preprocessing import STUDY
from attention.study.comparison import MARGIN, POWER, SEEDS_TO_JUDGE, comparable
from attention.study.lookup import Machine
from attention.web.chart_lines import lines_html
from attention.web.render import render
from attention.web.tables import MISSING, Cell, Table, column, is_missing, number, of_model, word
from attention.web.texts import TEXTS, kind, text, title

COLUMNS = {  # and the figure of the summary that a column is sorted by; None: by its text
    "model": None,
    "placement": None,
    "seeds": "seeds",
    "accuracy": "accuracy",
    "interval": "low",
    "difference": "difference_points",
    "difference_interval": "difference_low_points",
    "verdict": None,
    "p50": "p50_ms",
    "p90": "p90_ms",
    "flops": "multiply_adds",
    "parameters": "parameters",
    "memory": "working_memory_mb",
    "seconds": "seconds_an_epoch",
}
FILTER_FROM = 9  # rows; a shorter table needs no filters
NAMED = 4  # models that a note names one by one; more are counted
VERDICTS = ("gain", "loss", "equivalent", "undecided", "not judged yet")  # in the order in which they are counted


def verdict(lang: str, row: dict) -> str:
    return MISSING if is_missing(row.get("verdict")) else text(lang, f"verdict_{row['verdict']}")


def shown(lang: str, row: dict) -> dict[str, str]:
    """A row of the summary as words and figures, by column; a dash where something was not measured."""
    variant, get = VARIANTS[row["variant"]], row.get

    def interval(low: str, high: str, form: str, per: float, between: str) -> str:
        return MISSING if is_missing(get(low)) else between.join(number(get(key), form, per) for key in (low, high))

    return {
        "model": title(lang, variant),
        "placement": text(lang, f"placement_{variant.placement}"),
        "seeds": number(get("seeds"), ".0f"),
        "accuracy": number(get("accuracy"), ".2f", 0.01),
        "interval": interval("low", "high", ".2f", 0.01, " – "),
        "difference": number(get("difference_points"), "+.2f"),
        "difference_interval": interval("difference_low_points", "difference_high_points", "+.2f", 1, " … "),
        "verdict": verdict(lang, row),
        "p50": number(get("p50_ms"), ".2f"),
        "p90": number(get("p90_ms"), ".2f"),
        "throughput": number(get("images_per_second"), ",.0f"),
        "memory": number(get("working_memory_mb"), ",.1f"),
        "flops": number(get("multiply_adds"), ",.0f", 1e6),
        "parameters": number(get("parameters"), ".3f", 1e6),
        "seconds": number(get("seconds_an_epoch"), ".1f"),
    }


def _cell(name: str, words: str, row: dict) -> Cell:
    if name == "verdict":
        return word(words, "verdict", **{"data-verdict": str(row.get("verdict"))})
    value = row.get(COLUMNS[name])
    return Cell(words, {} if is_missing(value) else {"data-value": value})


def search_words(name: str) -> str:
    """What the search finds a row by: its name, mechanism, family and placement, in both languages, in lower case."""
    variant, words = VARIANTS[name], [name, VARIANTS[name].placement]
    for lang in TEXTS:
        words += [title(lang, variant), text(lang, f"placement_{variant.placement}")]
        if variant.info:
            words += [kind(lang, variant.info.title), text(lang, f"family_{variant.info.family}")]
    return " ".join(dict.fromkeys(words)).lower()


def accuracy_table(lang: str, table: pd.DataFrame) -> Table:
    """One row per model; sorted by accuracy until a heading is clicked."""
    columns = [
        column(text(lang, f"col_{name}"), f"word {name}" if COLUMNS[name] is None else "",
               **({"aria-sort": "descending"} if name == "accuracy" else {}))
        for name in COLUMNS
    ]  # fmt: skip
    rows = []
    for row in table.sort_values("accuracy", ascending=False).to_dict("records"):
        words, reference = shown(lang, row), {"data-reference": ""} if row["variant"] == REFERENCE else {}
        cells = [_cell(name, words[name], row) for name in list(COLUMNS)[2:]]  # of_model adds model and placement
        searched = {"data-search": search_words(row["variant"])}
        rows.append(of_model(lang, row["variant"], cells, placed=True, **searched, **reference))
    return Table(text(lang, "accuracy_heading"), tuple(columns), tuple(rows))


def table_html(lang: str, table: pd.DataFrame, savable: bool = False) -> str:
    """The table as HTML, with filters where it is long. `savable`: with buttons for files, which need a server."""
    found = Counter(VARIANTS[name].placement for name in table["variant"]) if len(table) >= FILTER_FROM else {}
    filters = {name: found[name] for name in PLACEMENTS if name in found}
    return render("accuracy.html", lang, table=accuracy_table(lang, table), filters=filters, savable=savable)


# what it says


def counted(lang: str, table: pd.DataFrame) -> str:
    """How many models got which verdict; "" where none has one."""
    counts = table["verdict"].value_counts() if "verdict" in table else {}
    said = [
        text(lang, "verdict_count", count=counts[name], verdict=text(lang, f"verdict_{name}"))
        for name in VERDICTS
        if name in counts
    ]
    return ("、" if lang == "zh" else ", ").join(said)


def group_words(lang: str, rows: pd.DataFrame) -> str:
    """What the rows that comparison.comparable chose have in common."""
    if rows["seeds"].min() >= SEEDS_TO_JUDGE:
        return text(lang, "group_several", count=len(rows), needed=SEEDS_TO_JUDGE)
    seeds = int(rows["seeds"].iloc[0])
    return text(
        lang, "group_one" if seeds == 1 else "group_same", count=len(rows), **({} if seeds == 1 else {"seeds": seeds})
    )


def says(lang: str, table: pd.DataFrame) -> str:
    """How many got which verdict, and who is first among those that may be ranked."""
    said = [text(lang, "table_says", counts=counted(lang, table))] if counted(lang, table) else []
    rows = table[comparable(table["seeds"])] if "seeds" in table else table[:0]
    if len(rows) > 1:
        best = rows.loc[rows["accuracy"].idxmax()].to_dict()
        said.append(
            text(
                lang, "table_best", group=group_words(lang, rows), name=title(lang, VARIANTS[best["variant"]]),
                verdict=verdict(lang, best), **{k: number(best[k], ".2f", 0.01) for k in ("accuracy", "low", "high")},
            )
        )  # fmt: skip
    return ("" if lang == "zh" else " ").join(said)


# the notes


def _column(table: pd.DataFrame, key: str) -> pd.Series:
    return table[key].dropna() if key in table else pd.Series(dtype=object)


def _every(table: pd.DataFrame, key: str) -> str:
    """The different values in a column; a cell may hold several, separated by "; " (see study/tables.py)."""
    said = [part for cell in _column(table, key) for part in str(cell).split("; ")]
    return ", ".join(dict.fromkeys(said))


def _accuracy_notes(lang: str, table: pd.DataFrame) -> list[str]:
    first = table.iloc[0]
    info = DATASETS.get(first["dataset"])
    notes = [
        text(
            lang,
            "accuracy_note",
            dataset=info.title if info else first["dataset"],
            images=first["images"],
            pixels=(info.preprocessing if info else STUDY).test_pixels,
            recipe=first["recipe"],
        )
    ]
    intervals = set(_column(table, "interval"))
    notes += [
        text(lang, f"interval_{kind}", needed=SEEDS_TO_JUDGE) for kind in ("images", "seeds") if kind in intervals
    ]
    if len(_column(table, "difference_points")):
        notes.append(text(lang, "difference_note", needed=SEEDS_TO_JUDGE))
        notes += _verdict_notes(lang, table)
    return notes


def _verdict_notes(lang: str, table: pd.DataFrame) -> list[str]:
    meaning = text(
        lang, "verdict_note", needed=SEEDS_TO_JUDGE, level=round(100 * (1 - CONFIDENCE)), margin=100 * MARGIN
    )  # fmt: skip
    detectable = [f"{points:.1f}" for points in sorted(_column(table, "detectable_points"))]
    if not detectable:
        return [meaning, text(lang, "none_judged", needed=SEEDS_TO_JUDGE)]
    low, high = detectable[0], detectable[-1]
    smallest = low if low == high else text(lang, "range", low=low, high=high)
    return [meaning, text(lang, "detectable_note", smallest=smallest, power=round(100 * POWER))]


def threads_text(lang: str, threads: float) -> str:
    return text(lang, "threads", threads=int(threads)) if threads else ""  # a GPU has none


def machine_name(lang: str, machine: Machine) -> str:
    return text(
        lang, "machine", device=machine.device, threads=threads_text(lang, machine.threads), dtype=machine.dtype
    )


def _latency_notes(lang: str, table: pd.DataFrame, batch_size: int = 1) -> list[str]:
    measured = table.dropna(subset=["device"]) if "device" in table else table.iloc[:0]
    if measured.empty:
        return [text(lang, "no_latency" if batch_size == 1 else "batch_missing", batch=batch_size)]
    busy = measured[measured["busy"].astype(bool)]
    timed = measured.dropna(subset=["p50_ms"])
    if timed.empty:
        return [text(lang, "busy_all", batch=batch_size)]
    machine = timed.iloc[0]
    notes = [
        text(
            lang, "latency_note", device=machine["device"], threads=threads_text(lang, machine["threads"]),
            calls=int(machine["calls"]), batch=int(machine["batch_size"]), pixels=int(machine["pixels"]),
            dtype=machine["dtype"],
        )
    ]  # fmt: skip
    if len(busy):
        names = "; ".join(title(lang, VARIANTS[name]) for name in busy["variant"])
        count = text(lang, "some_of", count=len(busy), of=len(measured))
        key = "busy_left_out" if busy["p50_ms"].isna().all() else "busy_note"
        notes.append(text(lang, key, names=names if len(busy) <= NAMED else count))
    if len(_column(table, "working_memory_mb")):
        notes.append(text(lang, "memory_note"))
    return notes


def _seconds_note(lang: str, table: pd.DataFrame) -> str:
    circumstances = {
        "device": "timed_on",
        "threads": "timed_threads",
        "epochs": "epochs",
        "precision": "timed_precision",
        "devices": "training_device",
    }
    return text(lang, "seconds_note", **{field: _every(table, key) or "?" for field, key in circumstances.items()})


def notes_html(lang: str, table: pd.DataFrame, batch_size: int = 1) -> str:
    """The lines below the table and, folded away, what the columns mean and how they were measured."""
    source, *meaning = _accuracy_notes(lang, table)
    folded = paragraphs([*meaning, *_latency_notes(lang, table, batch_size), _seconds_note(lang, table)])
    summary = escape(text(lang, "notes_summary"))
    lines = lines_html(says(lang, table), text(lang, "table_read"), source)
    return f'{lines}<details class="notes"><summary>{summary}</summary>{folded}</details>'


def paragraphs(sentences: list[str]) -> str:
    return "".join(f'<p class="read">{escape(sentence)}</p>' for sentence in sentences)
