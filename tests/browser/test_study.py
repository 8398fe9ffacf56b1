"""The page when the study is done: 31 variants, several seeds, two data sets (made-up results, see study.py)."""

import numpy as np
import pandas as pd
import pytest
import study
from axe_playwright_python.sync_playwright import Axe

from attention.models.variants import PLACEMENTS, REFERENCE, VARIANTS
from attention.study import lookup
from attention.web.table import COLUMNS, notes_html, shown, table_html
from attention.web.tabs.benchmarks import costs
from attention.web.tabs.benchmarks import tab as benchmarks
from attention.web.tabs.compare import parts

browser = pytest.mark.browser
ROWS = "#accuracy-table table.figures tbody tr:visible"
OLD = [
    "dataset",
    "variant",
    "placement",
    "recipe",
    "seeds",
    "images",
    "accuracy",
    "low",
    "high",
    "epochs",
    "seconds_an_epoch",
]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Results of every variant in place of the committed ones; returns their folder."""
    pd.concat([study.accuracy(name) for name in ("imagenette", "imagewoof")]).to_csv(tmp_path / "accuracy.csv")
    study.latencies().to_csv(tmp_path / "latency.csv")
    monkeypatch.setattr(lookup, "ACCURACY_FILE", tmp_path / "accuracy.csv")
    monkeypatch.setattr(lookup, "LATENCY_FILE", tmp_path / "latency.csv")
    study.mechanisms().to_csv(tmp_path / "mechanisms_latency.csv")
    monkeypatch.setattr(lookup, "MECHANISMS_FILE", tmp_path / "mechanisms_latency.csv")
    return tmp_path


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("dataset", ["imagenette", "imagewoof"])
def test_a_row_a_variant_with_its_verdict_in_words(files, lang, dataset):
    table = lookup.summary(dataset)
    html = table_html(lang, table)
    assert html.count("<tr data-placement") == len(VARIANTS) and html.count("data-verdict=") == len(VARIANTS)
    assert "nan" not in html.replace('data-verdict="nan"', "").lower()
    notes = notes_html(lang, table)
    assert ("Imagenette" if dataset == "imagenette" else "Imagewoof") in notes
    assert all(words in notes for words in ("±0.5", "Holm", "Wilson", "3,925")), "what interval and verdict mean"
    smallest = sorted(table["detectable_points"].dropna())
    assert f"{smallest[0]:.1f}" in notes and f"{smallest[-1]:.1f}" in notes


def test_figures_are_signed_and_gaps_are_dashes(files):
    rows = {row["variant"]: shown("en", row) for row in lookup.summary().to_dict("records")}
    assert rows[REFERENCE]["difference"] == rows[REFERENCE]["difference_interval"] == "–"
    assert rows[REFERENCE]["verdict"] == "reference"
    assert all(words["difference"][0] in "+−" for name, words in rows.items() if name != REFERENCE)


def test_rows_without_the_new_columns_are_shown_with_dashes(files):
    table = study.accuracy("imagenette")[OLD].head(3)
    for left in (table, table.assign(difference_points=np.nan, verdict=np.nan, interval=np.nan)):
        left.to_csv(files / "accuracy.csv", index=False)
        (files / "latency.csv").unlink(missing_ok=True)
        top, plot, _, _ = benchmarks._render("en", "imagenette")
        assert top.count("<tr data-placement") == 3 and plot["visible"] is False
        assert "nan" not in top.replace('data-verdict="nan"', "").lower() and 'role="group"' not in top
        words = shown("en", lookup.summary().iloc[0].to_dict())
        assert {c for c in COLUMNS if words[c] == "–"} >= {
            "difference",
            "difference_interval",
            "verdict",
            "p50",
            "flops",
        }
    study.latency("cpu", 12.0).to_csv(files / "latency.csv")
    assert benchmarks._render("zh", "imagenette")[1]["visible"] is True


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_costs_say_what_their_rows_say(files, lang):
    (machine, _) = lookup.machines()
    table = lookup.mechanism_costs(machine).dropna(subset=["p50_us"])
    heading, choice, plot, html = costs.render(lang, machine, False)
    assert choice["visible"] and plot["visible"] and html.count("<tr data-") == table["variant"].nunique()
    rows = costs.wide(table)
    assert rows["growth"].tolist() == pytest.approx((rows[224] / rows[128]).tolist())
    assert f"{rows[160].max():,.0f} µs" in html or f"{rows[160].max():,.0f} 微秒" in html
    assert "mechanisms_latency.csv" in html and "nan" not in html.lower()
    (files / "mechanisms_latency.csv").unlink()
    heading, choice, plot, html = costs.render(lang, machine, False)
    assert "benchmark --mechanisms" in heading and not choice["visible"] and not plot["visible"] and html == ""


def test_the_data_sets_are_those_with_results(files):
    assert benchmarks.datasets_shown() == ["imagenette", "imagewoof"]
    study.accuracy("imagewoof").to_csv(files / "accuracy.csv")
    assert benchmarks.datasets_shown() == ["imagewoof"]
    (files / "accuracy.csv").unlink()
    assert benchmarks.datasets_shown() == []


@pytest.mark.parametrize("names", [study.models(), list(VARIANTS), ["baseline"], ["cbam-everywhere", "se-head"], []])
def test_models_are_grouped_by_placement_and_a_few_chosen(names):
    groups = parts.by_placement(names)
    assert sorted(sum(groups.values(), [])) == sorted(names) and [*groups] == [p for p in PLACEMENTS if p in groups]
    chosen = parts.chosen_at_first(names)
    assert min(4, len(names)) <= len(chosen) <= 6 and set(chosen) <= set(names)


@browser
def test_filtering_and_sorting_by_keyboard(visit_study):
    page = visit_study().page
    page.get_by_role("tab", name="Benchmarks").click()
    page.locator(ROWS).first.wait_for()
    assert page.locator(ROWS).count() == len(VARIANTS)
    for placement in ("head", "none"):
        button = page.locator(f"#accuracy-table .filters [data-show={placement}]")
        button.focus()
        page.keyboard.press("Enter")
        assert button.get_attribute("aria-pressed") == "true"
        left = {name for name, v in VARIANTS.items() if v.placement == placement} | {REFERENCE}
        assert set(page.locator(ROWS).evaluate_all("rows => rows.map(r => r.dataset.model)")) == left
    page.locator("#accuracy-table .filters button").first.click()
    column = list(COLUMNS).index("difference") + 1
    heading = page.locator("#accuracy-table thead").get_by_role("button", name="Difference")
    for _ in range(2):  # ascending, then descending: the baseline has no difference and stays last
        heading.focus()
        page.keyboard.press("Enter")
        assert page.locator(ROWS).last.get_attribute("data-model") == REFERENCE
    values = page.locator(f"{ROWS} > :nth-child({column})").evaluate_all("c => c.map(e => +e.dataset.value)")[:-1]
    assert values == sorted(values, reverse=True)


@browser
def test_the_other_data_set(visit_study):
    page = visit_study().page
    page.get_by_role("tab", name="Benchmarks").click()
    page.get_by_label("Imagewoof", exact=True).check()
    page.wait_for_function("() => document.querySelector('#accuracy-table').innerText.includes(\"Imagewoof's\")")
    cell = page.locator(f'#accuracy-table tr[data-model="{REFERENCE}"] td[data-value]').nth(1)
    assert cell.inner_text() == "79.00"


@browser
@pytest.mark.parametrize("width", [900, 1440])
def test_names_in_the_chart_do_not_overlap(visit_study, width):
    page = visit_study(width=width).page
    page.get_by_role("tab", name="Benchmarks").click()
    names = page.locator("#accuracy-latency .textpoint text")
    names.first.wait_for()
    boxes = [name.bounding_box() for name in names.all()]
    assert 3 <= len(boxes) <= 5
    for number, a in enumerate(boxes):
        for b in boxes[:number]:
            apart = a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
            assert apart or a["y"] + a["height"] <= b["y"] or b["y"] + b["height"] <= a["y"]


@browser
def test_models_are_chosen_from_groups(visit_study):
    page = visit_study().page
    assert page.locator("#models fieldset").count() == len(PLACEMENTS)
    assert page.locator("#models input").count() == study.MODELS
    chosen = page.locator("#models input:checked").count()
    assert 4 <= chosen <= 6
    page.locator("#models-head label", has_text="Attention pooling, convolutional").click()
    page.locator("#samples .thumbnail-item").first.click()
    page.wait_for_function("n => document.querySelectorAll('#results .card.done').length === n", arg=chosen + 1)
    shown_models = page.locator("#results .card").evaluate_all("cards => cards.map(c => c.dataset.model)")
    assert shown_models == [name for name in VARIANTS if name in shown_models], "in the order of the table of variants"


@browser
@pytest.mark.parametrize(("color_scheme", "width"), [("dark", 1440)])
def test_nothing_is_wider_than_the_window_and_axe_is_content(visit_study, color_scheme, width):
    page = visit_study(color_scheme=color_scheme, width=width, locale="zh-CN").page
    for tab in range(page.get_by_role("tab").count()):
        page.get_by_role("tab").nth(tab).click()
        page.wait_for_timeout(700)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(page).response["violations"]
        serious = [(v["id"], v["nodes"][0]["html"][:160]) for v in found if v["impact"] in ("serious", "critical")]
        assert serious == [], tab
