"""The matrix of the study: every variant stands in its cell once, with the figures of the tables and no others."""

import re

import numpy as np
import pandas as pd
import pytest

from attention.models.mechanisms import MECHANISMS
from attention.models.variants import REFERENCE, VARIANTS
from attention.study import lookup
from attention.web.matrix import COLUMNS, matrix_html
from attention.web.tables import number
from attention.web.texts import text


def cells(html: str) -> dict[tuple[str, str], str]:
    """{(mechanism, placement): the cell's HTML}"""
    found = {}
    for mechanism, row in re.findall(r'<tr data-mechanism="([^"]+)">(.*?)</tr>', html):
        for placement, cell in zip(COLUMNS, re.findall(r"<td>(.*?)</td>", row), strict=True):
            found[mechanism, placement] = cell
    return found


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("dataset", ["imagenette", "imagewoof"])
def test_every_variant_stands_in_its_cell_once_with_the_figures_of_the_table(lang, dataset):
    table = lookup.summary(dataset)
    html = matrix_html(lang, table)
    found, rows = cells(html), {row["variant"]: row for row in table.to_dict("records")}
    assert len(found) == len(MECHANISMS) * len(COLUMNS) and "nan" not in html
    reference = rows[REFERENCE]
    assert number(reference["accuracy"], ".2f", 0.01) in html
    for name, variant in VARIANTS.items():
        if variant.is_control:
            continue
        assert html.count(f'data-variant="{name}"') == 1
        cell = found[variant.mechanism, variant.placement]
        entry = next(part for part in cell.split('<div class="entry" ') if f'data-variant="{name}"' in part)
        if name not in rows:
            assert text(lang, "matrix_untrained") in entry
            continue
        row = rows[name]
        figures = [number(row[key], "+.2f") for key in (
            "difference_points", "difference_low_points", "difference_high_points")]  # fmt: skip
        slower = number(row["p50_ms"] - reference["p50_ms"], "+.2f")
        assert re.findall(r"[+−]\d+\.\d\d", entry) == [*figures, slower], name
        assert text(lang, f"verdict_{row['verdict']}") in entry


def test_several_of_one_mechanism_in_one_placement_say_where():
    html = matrix_html("en", lookup.summary("imagenette"))
    cell = cells(html)["self-attention", "stage"]
    assert [f"after stage {number}" in cell for number in (1, 2, 3, 4)] == [True] * 4
    assert "where" not in cells(html)["cbam", "input"]


def test_what_was_not_measured_is_left_out_or_a_dash():
    table = lookup.summary("imagenette").assign(difference_low_points=np.nan, p50_ms=np.nan)
    html = matrix_html("en", table)
    assert "nan" not in html and " ms</span>" not in html and "p50 – ms" in html
    assert matrix_html("en", pd.DataFrame(columns=["variant"])) == ""
