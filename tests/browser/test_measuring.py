"""The Benchmarks tab: choosing device, batch and busy rows, and measuring while others look on (results: see study.py)."""

from contextlib import suppress

import study
from playwright.sync_api import TimeoutError

from attention.models.variants import REFERENCE, VARIANTS

P50 = f'#accuracy-table tr[data-model="{REFERENCE}"] td:nth-of-type(9)'
PROGRESS = "#live .progress-level, #live .progress-text"
BUSY = list(VARIANTS)[4]


def opened(visit_study, **options):
    page = visit_study(**options).page
    page.locator("#page-benchmarks-button").click()
    page.locator("#accuracy-table table.figures tbody tr").first.wait_for()
    return page


def shows(page, words: str, place: str = "#accuracy-table") -> None:
    page.wait_for_function(
        "([place, words]) => document.querySelector(place).textContent.includes(words)", arg=[place, words]
    )


def dashes(page, model: str) -> int:
    cells = page.locator(f'#accuracy-table tr[data-model="{model}"] td')
    return cells.evaluate_all("cells => cells.filter(c => c.innerText === '–').length")


def test_busy_rows_are_left_out_until_asked_for(visit_study):
    page = opened(visit_study)
    shows(page, "Left out")
    missing = dashes(page, BUSY)
    page.get_by_label("Show busy measurements").check()
    shows(page, "The machine was busy")
    assert dashes(page, BUSY) == missing - 2, "p50 and p90"


def test_a_device_that_was_always_busy_and_its_rows_all_the_same(visit_study):
    page = opened(visit_study)
    page.get_by_label("Latency measured on").click()
    page.get_by_role("option", name="a cuda, float32").click()
    shows(page, "benchmark --standard")
    page.wait_for_function("() => !document.querySelector('#accuracy-latency .js-plotly-plot')")
    shows(page, "benchmark --mechanisms", "#costs-heading")
    page.get_by_label("Show busy measurements").check()
    page.wait_for_selector("#accuracy-latency .js-plotly-plot")
    shows(page, "on a cuda, 200 calls")
    assert "a cpu" not in page.locator("#accuracy-latency").inner_text()


def test_another_batch_is_another_table_and_another_chart(visit_study):
    page = opened(visit_study)
    page.get_by_label("8", exact=True).check()
    shows(page, "Latency: batch 8")
    page.wait_for_function("() => document.querySelector('#accuracy-latency').innerText.includes('batch 8')")


def test_lines_of_the_chosen_placement(visit_study):
    page = opened(visit_study)
    names = page.locator("#cost-resolution .legendtext")
    names.first.wait_for()
    assert "CBAM, in every block" in names.evaluate_all("names => names.map(n => n.textContent)")
    page.locator("#costs-placement").get_by_label("head").check()
    page.wait_for_function(
        "() => [...document.querySelectorAll('#cost-resolution .legendtext')].some(e => e.textContent === 'Multi-head attention pooling')"
    )
    heading = page.locator("#costs-table thead").get_by_role("button", name="160 px")
    heading.click()
    cells = page.locator("#costs-table tbody td:nth-of-type(4)")
    values = [float(v) for v in cells.evaluate_all("c => c.map(e => e.dataset.value).filter(v => v !== undefined)")]
    assert len(values) > 20 and values == sorted(values)


def test_measuring_now_stands_beside_the_record(visit_study):
    page = opened(visit_study)
    page.click("#measure")
    page.wait_for_selector(PROGRESS)
    table = page.locator("#live table")
    table.wait_for(timeout=180_000)
    assert table.locator("tbody tr").count() == study.MODELS
    assert "Measured now on" in table.inner_text() and "30 calls" in table.inner_text()
    assert "Recorded on a cpu" in table.inner_text()
    assert all(float(v) > 0 for v in table.locator("tbody td:nth-of-type(1)").all_inner_texts())


def test_a_second_visitor_is_refused_and_the_first_can_stop(visit_study):
    first, second = opened(visit_study), opened(visit_study, locale="zh-CN")
    toast = second.locator(".toast-body")
    refused = stopped = False
    for _ in range(6):  # on a busy machine the first may be done before the second has come, or before it is stopped
        first.click("#measure")
        first.wait_for_selector(PROGRESS)
        if not refused:
            second.click("#measure")
            with suppress(TimeoutError):
                toast.first.wait_for(timeout=10_000)
                assert "另一位访客" in toast.first.inner_text()
                refused = True
        second.click("#stop-measuring")  # somebody else's: nothing happens
        first.click("#stop-measuring")
        first.wait_for_selector(PROGRESS, state="detached", timeout=60_000)
        stopped = "Stopped" in first.locator("#live").inner_text()
        if refused and stopped:
            break
    assert refused and stopped
    second.click("#measure")
    second.wait_for_selector(PROGRESS)
    second.click("#stop-measuring")
    second.wait_for_function("() => document.querySelector('#live').innerText.includes('停止')", timeout=60_000)
