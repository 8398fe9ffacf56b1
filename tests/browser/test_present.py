"""Presentations in a real Chromium: the figures of the page as slides, by keyboard, collected and kept."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from attention.core.paths import ROOT
from attention.web.texts import text

CHURCH = str(ROOT / "samples" / "church.jpg")
NUMBER = "words => document.querySelector('#present .number')?.innerText === words"
ADD = "#take-away .present-add"


@pytest.fixture
def compared(visit):
    """compared(...) opens the page with a photo whose cards are all there; nothing fills the screen of a test."""

    def opened(**how):
        page = visit(**how).page
        page.evaluate("() => { Element.prototype.requestFullscreen = () => Promise.reject(new Error('in a test')) }")
        page.set_input_files("#photo input[type=file]", CHURCH)
        page.wait_for_selector("#results .cards[data-complete]")
        return page

    return opened


def number(page, words: str) -> None:
    page.wait_for_function(NUMBER, arg=words)


def test_with_nothing_collected_the_page_itself_is_presented(compared):
    page = compared()
    cards = page.locator("#results .card").count()
    page.keyboard.press("p")
    total = 1 + cards + 3  # the board, a card a model, the matrix, the chart, what the tables say
    number(page, f"1 / {total}")
    assert page.locator("#present .of-board .card").count() == cards
    for key, at in (
        ("ArrowRight", 2),
        ("PageDown", 3),
        ("Space", 4),
        ("ArrowLeft", 3),
        ("PageUp", 2),
        ("ArrowDown", 3),
    ):
        page.keyboard.press(key)
        number(page, f"{at} / {total}")
    assert page.locator("#present .of-card .layer").evaluate_all(
        "l => l.map(e => +getComputedStyle(e).opacity > 0)"
    ) == [True]
    page.locator("#present .stage").click(position={"x": 900, "y": 700})
    number(page, f"4 / {total}")
    page.keyboard.press("End")
    number(page, f"{total} / {total}")
    page.keyboard.press("ArrowLeft")
    assert page.locator("#present .chart .points path").count() > 5
    size = page.locator("#present").evaluate("d => parseFloat(getComputedStyle(d).fontSize)")
    assert size >= 22
    page.keyboard.press("Escape")
    page.wait_for_selector("#present", state="detached")
    assert page.get_by_role("tab", name="Compare").get_attribute("aria-selected") == "true"


def test_what_is_collected_is_kept_reordered_and_removed(compared):
    page = compared()
    page.locator(ADD).click()
    page.get_by_label("Class activation", exact=True).check()
    page.wait_for_function("document.querySelector('#results').dataset.map === 'activation'")
    page.locator(ADD).click()
    page.get_by_role("tab", name="Benchmarks").click()
    page.locator("#accuracy-table .present-add").first.click()
    page.wait_for_timeout(1000)  # what is kept is written behind the page's back
    page.reload()
    page.wait_for_selector("#page-loaded", state="attached")
    page.locator("#present-now").click()
    number(page, "1 / 3")
    page.wait_for_selector("#present .of-board .layer.attention")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#present .of-board .layer.activation")
    page.locator("#present .slides").focus()
    page.keyboard.press("Enter")
    title = text("en", "matrix_heading")
    page.get_by_role("button", name=f"Move up: {title}").click()
    page.wait_for_selector("#present .of-table table.matrix")
    number(page, "2 / 3")
    for left in ("2", "1"):
        page.locator("#present .list li:first-child button", has_text="✕").click()
        page.wait_for_function(f"document.querySelectorAll('#present .list li').length === {left}")
    page.wait_for_selector("#present .of-board .layer.activation")


def test_the_letter_p_is_a_letter_where_one_types(visit):
    page = visit().page
    page.get_by_role("tab", name="Many photos").click()
    page.evaluate("document.body.append(Object.assign(document.createElement('input'), {id: 'typed'}))")
    page.locator("#typed").press_sequentially("pump")
    assert page.locator("#typed").input_value() == "pump" and page.locator("#present").count() == 0


@pytest.mark.parametrize(("color_scheme", "width", "locale"), [("dark", 1920, "zh-CN"), ("light", 390, "en-GB")])
def test_axe_is_content_and_nothing_is_wider_than_the_screen(compared, color_scheme, width, locale):
    page = compared(color_scheme=color_scheme, width=width, locale=locale)
    page.keyboard.press("p")
    cards = page.locator("#results .card").count()
    number(page, f"1 / {cards + 4}")
    for index in (0, 1, 1 + cards, 2 + cards, 3 + cards):
        page.keyboard.press("Home")
        for _ in range(index):
            page.keyboard.press("ArrowRight")
        number(page, f"{index + 1} / {cards + 4}")
        found = Axe().run(page, "#present").response["violations"]
        serious = [
            (v["id"], v["nodes"][0]["html"][:160], v["nodes"][0]["any"][0]["message"])
            for v in found
            if v["impact"] in ("serious", "critical")
        ]
        assert serious == [], index
        wide = page.locator("#present .stage").evaluate("s => s.scrollWidth - s.clientWidth")
        assert wide <= 0 or width == 390 and index == 1 + cards, "the matrix of a phone scrolls"
