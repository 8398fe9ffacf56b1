"""The Benchmarks tab in a real browser, on made-up results: order, search, files, charts in the dark, keyboard."""

import csv
import json
import re
from itertools import product

import pytest
import study
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from attention.models.variants import REFERENCE, VARIANTS
from attention.web.charts.study import VIEWS

ROWS = "#accuracy-table table.figures tbody tr:visible"


def opened(visit):
    """The tab, with its table."""
    page = visit.page
    page.get_by_role("tab").nth(page.get_by_role("tab").count() - 2).click()
    page.locator(ROWS).first.wait_for()
    return page


def open_section(page):
    page.locator("#study > button").click()
    page.locator("#study-chart .js-plotly-plot .main-svg").first.wait_for()


def models_of(page) -> list[str]:
    return page.locator(ROWS).evaluate_all("rows => rows.map(row => row.dataset.model)")


@pytest.fixture(scope="module")
def at_first(study_server, visiting):
    """The tab as it opens, once for all tests that change nothing."""
    with visiting(study_server) as visit:
        yield opened(visit())


def test_the_reading_then_the_matrix_then_the_table(at_first):
    page = at_first
    headings = page.locator("#accuracy-table h2").all_inner_texts()
    assert headings[:3] == ["What the study found so far", "Where should attention be placed?", "Accuracy and cost"]
    box = page.locator("#accuracy-table table").first
    assert box.get_attribute("class") == "matrix"


def test_search_narrows_in_both_languages_with_the_filter_and_stays_with_another_batch(visit_study):
    page = opened(visit_study(locale="zh-CN"))
    search, status = page.locator("#accuracy-table .search"), page.locator("#accuracy-table .count")
    search.fill("CBAM")
    expect(page.locator(ROWS)).to_have_count(sum("cbam" in name for name in VARIANTS))
    assert set(models_of(page)) == {name for name in VARIANTS if "cbam" in name}
    expect(status).to_have_text(f"{len(VARIANTS)} 个模型中的 {len(models_of(page))} 个")
    page.locator("#accuracy-table .filters [data-show=block]").click()
    assert set(models_of(page)) == {n for n, v in VARIANTS.items() if "cbam" in n and v.placement == "block"}
    search.fill("压缩")
    assert set(models_of(page)) == {n for n, v in VARIANTS.items() if v.mechanism == "se" and v.placement == "block"}
    page.locator("#batch-choice input[value='8']").check()
    page.wait_for_function("() => document.querySelector('#accuracy-latency').innerText.includes('批大小 8')")
    assert search.input_value() == "压缩" and {VARIANTS[name].mechanism for name in models_of(page)} == {"se"}
    search.fill("没有这样的模型")
    expect(page.locator(ROWS)).to_have_count(0)
    expect(status).to_contain_text("没有符合的模型")
    expect(page.locator("[data-save=csv]")).to_be_disabled()
    search.fill("")
    page.locator("#accuracy-table .filters button").first.click()
    expect(page.locator(ROWS)).to_have_count(len(VARIANTS))


def test_the_files_hold_the_rows_that_are_shown_in_their_order(visit_study):
    page = opened(visit_study())
    page.locator("#accuracy-table .search").fill("self-attention")
    page.locator("#accuracy-table .filters [data-show=stage]").click()
    heading = page.locator("#accuracy-table thead").get_by_role("button", name="p50, ms")
    heading.click()
    shown = models_of(page)
    assert 1 < len(shown) < len(VARIANTS)
    files = {}
    for kind in ("csv", "json"):
        with page.expect_download() as download:
            page.locator(f"[data-save={kind}]").click()
        assert re.fullmatch(
            rf"attention-lab-imagenette-a-cpu-2-threads-float32-batch-1\.{kind}", download.value.suggested_filename
        )
        files[kind] = download.value.path().read_text(encoding="utf-8")
    rows = list(csv.DictReader(files["csv"].splitlines()))
    content = json.loads(files["json"])
    assert [row["variant"] for row in rows] == [row["variant"] for row in content["rows"]] == shown
    table = study.accuracy("imagenette").set_index("variant")
    for row in rows:
        assert float(row["accuracy"]) == pytest.approx(table.loc[row["variant"], "accuracy"])
        assert (row["device"], row["dtype"], row["batch_size"]) == ("a cpu", "float32", "1") and row["seeds"]


def test_headings_sort_by_keyboard_and_say_so(visit_study):
    page = opened(visit_study())
    heads = page.locator("#accuracy-table table.figures thead th")
    assert heads.count() == page.locator("#accuracy-table table.figures thead th button").count()
    for label in ("Accuracy, %", "p50, ms", "Model"):
        button = page.locator("#accuracy-table thead").get_by_role("button", name=re.compile(f"^{label}"))
        for key, order in (("Enter", "ascending"), ("Space", "descending")):
            button.focus()
            page.keyboard.press(key)
            head = button.locator("xpath=..")
            assert head.get_attribute("aria-sort") == order
            assert page.locator("#accuracy-table table.figures th[aria-sort]").count() == 1
            cells = page.locator(f"{ROWS} > :nth-child({1 + head.evaluate('e => e.cellIndex')})")
            said = cells.evaluate_all("c => c.map(e => e.dataset.value ?? e.innerText)")
            values = [float(v) for v in said if re.fullmatch(r"[\d.]+", v)] if label != "Model" else []
            assert values == sorted(values, reverse=order == "descending")


@pytest.mark.parametrize(("color_scheme", "locale"), [("dark", "zh-CN")])
def test_every_view_draws_with_a_transparent_background_and_legible_cells(visit_study, color_scheme, locale):
    page = opened(visit_study(color_scheme=color_scheme, locale=locale))
    assert page.locator("#study-chart").count() == 0, "nothing is drawn before the section is opened"
    open_section(page)
    strong = page.evaluate("getComputedStyle(document.body).getPropertyValue('--ink').trim()")
    for view in VIEWS:
        page.locator(f"#study-view input[value={view}]").check()
        before = ".heatmaplayer image" if view in ("classes", "confusion") else ".scatterlayer .trace"
        page.locator(f"#study-chart {before}").first.wait_for(state="attached")
        expect(page.locator("#study-lines .source code")).to_contain_text("python -m attention")
        assert page.locator("#study-lines .says").count() == page.locator("#study-lines .read").count() == 1
        backgrounds = page.locator("#study-chart .main-svg").evaluate_all(
            "s => s.map(e => getComputedStyle(e).backgroundColor)"
        )
        assert set(backgrounds) == {"rgba(0, 0, 0, 0)"}
        if view == "classes":
            words = page.locator("#study-chart .heatmap-label text")
            words.first.wait_for()
            colour = words.first.evaluate("e => getComputedStyle(e).fill")
            red, green, blue = (int(strong[i : i + 2], 16) for i in (1, 3, 5))
            assert colour == f"rgb({red}, {green}, {blue})"
        found = Axe().run(page, "#study", {"runOnly": ["wcag2a", "wcag2aa"]}).response["violations"]
        serious = [(v["id"], v["nodes"][0]["html"][:160]) for v in found if v["impact"] in ("serious", "critical")]
        assert serious == [], view
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440


def test_one_choice_of_models_drives_every_view(visit_study):
    page = opened(visit_study())
    open_section(page)
    assert page.locator("#study-chart .legend .traces").count() == 5
    page.locator("#study-models .token-remove").first.click()
    page.wait_for_function("() => document.querySelectorAll('#study-chart .legend .traces').length === 4")
    page.locator("#study-view input[value=calibration]").check()
    page.wait_for_function("() => document.querySelector('#study-lines').innerText.includes('ECE')")
    assert page.locator("#study-chart .legend .traces").count() == 4
    assert "Baseline " not in page.locator("#study-lines .says").inner_text().split("Against")[0]
    page.locator("#study-view input[value=confusion]").check()
    expect(page.locator("#study-one input")).not_to_have_value("Baseline")
    page.locator("#dataset-choice input[value=imagewoof]").check()
    page.locator("#study-chart").wait_for(state="detached")


def test_the_front_is_drawn_and_named(at_first):
    page = at_first
    expect(page.locator("#chart-notes .says")).to_contain_text("On the Pareto front of")
    dotted = page.locator("#accuracy-latency .scatterlayer path.js-line")
    dotted.wait_for(state="attached")
    assert dotted.first.evaluate("e => getComputedStyle(e).strokeDasharray") != "none"


def test_the_maps_of_chosen_models_and_no_more(visit_study):
    page = opened(visit_study())
    for width, question in product((1440, 390), ("object", "need")):
        page.set_viewport_size({"width": width, "height": 1000})
        chart = page.locator(f"#maps-{question} .js-plotly-plot")
        chart.scroll_into_view_if_needed()
        chart.locator(".points path").first.wait_for(state="attached")
        assert chart.bounding_box()["height"] <= 900, "fits into a screen, however many models have scores"
        expect(page.locator(f"#maps-{question}-notes .source code")).to_have_text("python -m attention score-maps")
    drawn = page.locator("#maps-need .points path").count()
    page.locator("#maps-models .token-remove").first.click()
    page.wait_for_function("before => document.querySelectorAll('#maps-need .points path').length < before", arg=drawn)
    page.locator("#maps-need-score input[value=deletion]").check()
    expect(page.locator("#maps-need-notes")).to_contain_text("further left is better")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_table_is_no_wider_than_the_window(at_first):
    wide, room = at_first.locator("#accuracy-table .filtered .table-wrap").evaluate(
        "e => [e.scrollWidth, e.clientWidth]"
    )
    assert wide <= room


def test_the_choices_above_the_table_leave_room_on_a_phone(visit_study):
    page = opened(visit_study(width=390, height=844))
    top = page.locator("#dataset-choice").bounding_box()["y"]
    assert page.locator("#accuracy-table").bounding_box()["y"] - top < 844 / 2
    assert REFERENCE in models_of(page)
