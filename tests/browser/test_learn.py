"""The Learn tab in a real Chromium: the whole walk by keyboard, a guess, every mechanism, a slot that leads to Compare."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from attention.core.paths import ROOT
from attention.models.mechanisms import MECHANISMS
from attention.web.tabs.learn.views import STEPS
from attention.web.texts import kind, text

CHURCH = str(ROOT / "samples" / "church.jpg")
CONTENT = ("#learn-photo img", ".idea .katex", "#learn-diagram svg", "#learn-network svg", "#learn-answer-2 input")


def t(key: str, **fields) -> str:
    return text("en", key, **fields)


@pytest.fixture
def learn(visit):
    """learn(photo=..., **how) opens the page and its Learn tab, with a photo on Compare or without."""

    def opened(photo: str | None = None, **how):
        page = visit(**how).page
        if photo:
            page.set_input_files("#photo input[type=file]", photo)
            page.wait_for_selector("#results .card.done")
        page.get_by_role("tab", name=t("tab_learn"), exact=True).click()
        page.wait_for_selector(CONTENT[0])
        return page

    return opened


def on(page, step: int) -> None:
    """Go on, step by step, with the button at the foot of each."""
    for index in range(step):
        page.locator(f"#learn-next-{index}").click()
        page.wait_for_selector(CONTENT[index + 1])


def test_the_whole_walk_by_keyboard(learn):
    page = learn()
    assert t("learn_lead", photo="a sample")[:30] in page.locator("#learn-steps").inner_text()
    assert "a sample (" in page.locator("#learn-steps").inner_text()
    for index, name in enumerate(STEPS):
        chosen = page.locator("#learn-walk [role=tab][aria-selected=true]")
        assert chosen.get_attribute("aria-label") == t(f"learn_step_{name}")
        page.wait_for_selector(CONTENT[index])
        if index + 1 < len(STEPS):
            page.locator(f"#learn-next-{index}").focus()
            page.keyboard.press("Enter")
            page.wait_for_selector(CONTENT[index + 1])
            page.wait_for_function(  # the button has gone: the keyboard goes on from the mark of the new step
                "() => document.activeElement?.matches('#learn-walk [role=tab][aria-selected=true]')"
            )
    page.locator("#learn-back-4").focus()
    page.keyboard.press("Enter")
    page.locator("#learn-network svg").wait_for(state="visible")
    page.locator("#learn-walk [role=tab]").first.focus()
    page.keyboard.press("Enter")  # a mark leads back
    page.locator("#learn-photo img").wait_for(state="visible")
    page.locator("#learn-straight-3").click()
    page.locator("#learn-network svg").wait_for(state="visible")


def test_guess_by_tap_and_by_slider_then_reveal(learn):
    page = learn(CHURCH)
    assert t("learn_photo_yours") in page.locator("#learn-steps").inner_text()
    expect(page.locator("#learn-revealed")).to_have_text(t("learn_guess_waiting"), use_inner_text=True)
    photo = page.locator("#learn-photo img")
    box = photo.bounding_box()
    photo.click(position={"x": 0.25 * box["width"], "y": 0.75 * box["height"]})
    page.wait_for_function("() => document.querySelector('#learn-across input[type=range]').value === '25'")
    page.locator("#learn-reveal").click()
    page.wait_for_selector("#learn-revealed .guess[style^='left:25.0%;top:75.0%']")
    said = page.locator("#learn-revealed .summary").inner_text()
    assert said.startswith("Your point is among the ") and page.locator("#learn-revealed .map").count() == 1
    page.get_by_label(f"range slider for {t('point_across')}").focus()
    page.keyboard.press("End")
    page.wait_for_selector("#learn-revealed .empty")  # a new guess hides the answer
    page.locator("#learn-reveal").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#learn-revealed .guess[style^='left:100.0%;top:75.0%']")
    assert page.locator("#learn-revealed .summary").inner_text() != said


def test_every_mechanism_has_its_page_with_formula_diagram_and_code(learn):
    page = learn()
    page.locator("#learn-straight-2").click()
    page.wait_for_selector(CONTENT[2])
    page.get_by_role("button", name=t("learn_code")).click()
    for name, mechanism in MECHANISMS.items():
        page.get_by_label(t("learn_mechanism"), exact=True).click()
        page.get_by_role("option", name=kind("en", mechanism.title), exact=True).click()
        page.wait_for_selector(f"#learn-mechanism-head h3:has-text('{mechanism.title}')")
        page.wait_for_function(
            "name => document.querySelector('#learn-diagram svg title').textContent.endsWith(name)", arg=mechanism.title
        )
        page.wait_for_function(
            "name => document.querySelector('#learn-code').innerText.includes('class ' + name)",
            arg=mechanism.build.__name__,
        )
        page.wait_for_selector("#learn-formula .katex")
        assert page.locator("#learn-formula .katex-error").count() == 0, name
        assert page.locator(".toast-body").count() == 0, name
        links = page.locator("#learn-mechanism-head a").evaluate_all("a => a.map(e => e.href)")
        assert links == ([mechanism.paper] if mechanism.paper.startswith("https") else []), name


def test_a_mechanism_opens_beside_the_baseline_and_in_look_closer(learn):
    page = learn(CHURCH)
    page.locator("#learn-straight-2").click()
    page.wait_for_selector(CONTENT[2])
    page.locator("#learn-closer").click()
    page.wait_for_selector("#attention-answer svg")
    assert page.get_by_label(t("examine_model"), exact=True).input_value().startswith("Squeeze-and-Excitation")
    page.get_by_role("tab", name=t("tab_learn"), exact=True).click()
    page.locator("#learn-compare").click()
    page.wait_for_function("() => document.querySelectorAll('#results .card.done').length === 2")
    assert page.locator("#results .card").evaluate_all("c => c.map(e => e.dataset.model)") == ["baseline", "se-block"]


@pytest.mark.parametrize("photo", [CHURCH, None], ids=["photo", "sample"])
def test_a_slot_leads_to_compare_with_the_models_of_its_placement(learn, photo):
    page = learn(photo)
    page.locator("#learn-straight-3").click()
    page.locator("#learn-network [data-slot=pool] circle").last.click()  # by mouse, on the diagram
    page.wait_for_selector("#learn-network [data-slot=pool][data-chosen=true]")
    assert page.locator("#learn-slot input[value=pool]").is_checked()
    page.locator("#learn-slot input[value=pool]").focus()
    page.keyboard.press("Shift+Tab")  # by keyboard, in the list
    page.keyboard.press("Space")
    page.wait_for_selector("#learn-network [data-slot=head_gate][data-chosen=true]")
    assert page.evaluate("document.activeElement.value") == "head_gate", "the keyboard stays where it is"
    assert "Query-key spatial attention, in the head" in page.locator("#learn-slot-says").inner_text()
    page.locator("#learn-compare-placement").click()
    page.wait_for_function("() => document.querySelectorAll('#results .card.done').length === 3")
    shown = page.locator("#results .card").evaluate_all("c => c.map(e => e.dataset.model)")
    assert shown == ["baseline", "attention-pool-head", "multi-head-pool-head"]
    assert page.locator("#models input:checked").count() == 3
    assert page.locator("#photo img").count() == 1, "the photo, or the sample that stood in for it"


def test_answers_are_replied_to_and_lead_to_where_the_page_shows_it(learn):
    page = learn()
    on(page, 4)
    page.locator("#learn-answer-1 input").first.click()
    page.wait_for_selector(f"#learn-reply-1 :text('{t('learn_check_wrong')}')")
    page.locator("#learn-answer-1 input").last.click()
    page.wait_for_selector(f"#learn-reply-1 :text('{t('learn_check_right')}')")
    page.locator("#learn-answer-0 input").nth(1).click()
    page.wait_for_selector(f"#learn-reply-0 :text('{t('learn_check_right')}')")
    slower = page.locator("#learn-answer-0 label").nth(1).inner_text().split(", in")[0]
    page.locator("#learn-show-0").click()
    page.wait_for_selector(f"#learn-mechanism-head h3:has-text('{slower}')")
    for index in (2, 3):
        page.locator(f"#learn-next-{index}").click()
    page.wait_for_selector(f"#learn-reply-0 :text('{t('learn_check_right')}')")  # answers are kept


@pytest.mark.parametrize(("color_scheme", "width", "locale"), [("light", 1440, "en-GB"), ("dark", 390, "zh-CN")])
def test_every_step_fits_and_axe_is_content(visit, color_scheme, width, locale):
    page = visit(color_scheme=color_scheme, width=width, locale=locale).page
    page.get_by_role("tab", name=text(locale[:2], "tab_learn"), exact=True).click()
    page.wait_for_selector(CONTENT[0])
    page.locator("#learn-reveal").click()
    page.wait_for_selector("#learn-revealed .map")
    for index, name in enumerate(STEPS):
        page.wait_for_selector(CONTENT[index])
        if name == "mechanisms":
            page.get_by_role("button", name=text(locale[:2], "learn_code")).click()
            page.wait_for_selector("#learn-code pre")
        if name == "check":
            page.locator("#learn-answer-2 input").first.click()
            page.wait_for_selector("#learn-reply-2 .says")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        found = Axe().run(page).response["violations"]
        serious = [(v["id"], v["nodes"][0]["html"][:160]) for v in found if v["impact"] in ("serious", "critical")]
        assert serious == [], name
        if index + 1 < len(STEPS):
            page.locator(f"#learn-next-{index}").click()
