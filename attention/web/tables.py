"""Tables as finished objects, which templates/table.html draws: every string is final. No gradio and no HTML here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from attention.models.variants import variant as variant_of
from attention.web.render import render
from attention.web.texts import text, title

MISSING = "–"


def is_missing(value) -> bool:
    return value is None or pd.isna(value)


def number(value, form: str, per: float = 1) -> str:
    """A figure as the page writes it, in units of `per`; a dash where it was not measured."""
    return MISSING if is_missing(value) else format(value / per, form).replace("-", "−")


@dataclass(frozen=True)
class Cell:
    """A heading or a cell, with its HTML attributes; a column is sorted by `data-value`, else by the text."""

    text: str
    attributes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A row. `place` stands below the name on a narrow screen. `cells` are whatever the template draws."""

    head: str
    cells: tuple
    attributes: Mapping[str, object] = field(default_factory=dict)
    place: str = ""


@dataclass(frozen=True)
class Table:
    """A table. `label` is for screen readers. `groups` are headings that span equally many columns each.

    `sorts`: a click on a heading sorts it.
    """

    label: str
    columns: tuple[Cell, ...]
    rows: tuple[Row, ...]
    kind: str = "figures"  # its CSS classes
    groups: tuple[str, ...] = ()
    sorts: bool = True


def column(word: str, kind: str = "", **attributes) -> Cell:
    return Cell(word, ({"class": kind} if kind else {}) | attributes)


def word(said: str, kind: str = "", **attributes) -> Cell:
    """A cell that is sorted by its text."""
    return Cell(said, {"class": f"word {kind}".rstrip()} | attributes)


def figure(value, form: str, per: float = 1) -> Cell:
    """A cell that is sorted by its value."""
    return Cell(number(value, form, per), {} if is_missing(value) else {"data-value": value})


def of_model(lang: str, name: str, cells: Iterable[Cell], placed: bool = False, **attributes) -> Row:
    """The row of a model in its placement's colour; `placed`: the placement stands in the cell after the name."""
    variant = variant_of(name)
    place, cells = text(lang, f"placement_{variant.placement}"), tuple(cells)
    return Row(
        title(lang, variant), (word(place, "place"), *cells) if placed else cells,
        {"data-placement": variant.placement, "data-model": name} | attributes, place if placed else "",
    )  # fmt: skip


def drawn(lang: str, table: Table) -> str:
    return render("table.html", lang, table=table)
