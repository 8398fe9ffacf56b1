"""Every tab for everyone: axe in both languages and themes, by keyboard, and with motion that was asked to stop."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from attention.core.paths import ROOT

CHURCH = str(ROOT / "samples" / "church.jpg")
TABS = "#pages > .tab-wrapper [role=tab]"


@pytest.mark.parametrize(("locale", "color_scheme", "width"), [("zh-CN", "light", 1440), ("en-GB", "dark", 390)])
def test_axe_is_content_with_every_tab_and_nothing_is_wider_than_the_window(visit, locale, color_scheme, width):
    """Each language, theme and width once for axe, which judges them apart; each width in each language."""
    page = visit(locale=locale, color_scheme=color_scheme, width=width).page
    page.set_input_files("#photo input[type=file]", CHURCH)
    page.wait_for_selector("#results .cards[data-complete]")
    names = page.locator(TABS).evaluate_all("tabs => tabs.map(tab => tab.id)")
    assert len(names) >= 5
    for name in names:
        page.locator(f"#{name}").click()
        page.wait_for_timeout(900)
        found = Axe().run(page).response["violations"]
        serious = [
            (v["id"], n["html"][:200]) for v in found if v["impact"] in ("serious", "critical") for n in v["nodes"]
        ]
        assert serious == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    other = 390 if width == 1440 else 1440
    page.set_viewport_size({"width": other, "height": 1000})
    for name in names:
        page.locator(f"#{name}").click()
        page.locator("[role=tabpanel]:visible").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= other, name


def test_the_first_stop_of_the_keyboard_skips_the_header_and_every_stop_is_visible(visit):
    page = visit().page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "page-compare-button"
    seen = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        name, visible = page.evaluate(
            """() => {
                const one = document.activeElement, style = getComputedStyle(one), near = one.closest("label, .wrap, button") ?? one;
                const ring = (s) => (s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0) || s.boxShadow !== "none";
                const box = one.getBoundingClientRect();
                return [one.tagName + (one.id || one.name || one.getAttribute("aria-label") || one.innerText || ""),
                        ring(style) || ring(getComputedStyle(near)) || box.width < 2];
            }"""
        )
        seen.add(name)
        assert visible, f"no ring round {name}"
    assert len(seen) > 12


@pytest.fixture(scope="module")
def compared(server, visiting):
    """A photo and all its cards, once for the tests that change nothing."""
    with visiting(server) as visit:
        page = visit().page
        page.set_input_files("#photo input[type=file]", CHURCH)
        page.wait_for_selector("#results .cards[data-complete]")
        yield page


def test_every_picture_has_words(compared):
    page = compared
    without = page.locator("img:visible").evaluate_all(
        "all => all.filter(i => !i.hasAttribute('alt')).map(i => i.outerHTML)"
    )
    assert without == []
    named = page.locator("#results img").evaluate_all("all => all.map(i => i.alt.trim().length)")
    assert named and min(named) > 3


def test_nothing_moves_where_motion_was_asked_to_stop(compared):
    moving = compared.evaluate(  # every visit asks for it
        """() => [...document.querySelectorAll("#lead *, #results *")].filter((e) => {
            const s = getComputedStyle(e);
            return parseFloat(s.transitionDuration) > 0 || s.animationName !== "none";
        }).length"""
    )
    assert moving == 0
