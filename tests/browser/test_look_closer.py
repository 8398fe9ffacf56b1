"""The tab that looks closer, in a real Chromium: click on the photo, ask without a mouse, and every kind of answer."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from attention.core.paths import ROOT
from attention.web.texts import text

CHURCH = str(ROOT / "samples" / "church.jpg")


def t(key: str) -> str:
    return text("en", key)


@pytest.fixture
def look_closer(visit):
    """look_closer(color_scheme=..., width=...) opens the page with a photo, and the tab on its first question."""

    def opened(**how):
        page = visit(**how).page
        page.set_input_files("#photo input[type=file]", CHURCH)
        page.wait_for_selector("#results .card.done")
        page.get_by_role("tab", name=t("tab_examine")).click()
        page.wait_for_selector("#attention-answer .shot")
        return page

    return opened


def ask(page, question: str, answered: str) -> None:
    """Open a question, and wait for what its answer holds."""
    page.get_by_role("tab", name=t(f"question_{question}")).click()
    page.wait_for_selector(answered)


def drawn(page) -> str:
    return page.locator("#attention-answer .map").first.get_attribute("src")


def test_a_click_on_the_photo_asks_where_that_position_looks_and_so_do_the_sliders(look_closer):
    page = look_closer()
    received = drawn(page)
    assert page.get_by_label(t("examine_class")).input_value().startswith("church, ")
    photo = page.locator("#point-photo img")
    box = photo.bounding_box()
    photo.click(position={"x": 0.55 * box["width"], "y": 0.35 * box["height"]})
    page.wait_for_selector("#attention-answer .cell")
    assert page.locator("#attention-answer .cell").get_attribute("style").startswith("left:50.00%;top:30.00%")
    clicked = drawn(page)
    assert clicked != received
    page.get_by_label(f"range slider for {t('point_across')}").focus()
    page.keyboard.press("Home")
    page.wait_for_selector("#attention-answer .cell[style^='left:0.00%;top:30.00%']")
    assert drawn(page) != clicked
    page.get_by_label(t("look_received")).check()
    page.wait_for_selector("#attention-answer .cell", state="detached")
    assert drawn(page) == received


def test_no_photo_says_what_to_do_and_leads_there(visit):
    page = visit().page
    page.get_by_role("tab", name=t("tab_examine")).click()
    assert page.locator("#no-photo").inner_text().startswith("There is no photo yet.")
    assert page.locator("#examine").count() == 0
    page.locator("#to-photo").click()
    page.locator("#photo").wait_for(state="visible")


def test_every_question_has_its_answer_for_another_model_too(look_closer):
    page = look_closer()
    ask(page, "off", "#off-answer .says:has-text('church ')")
    assert page.locator("#off-answer .says").inner_text().startswith("church ")
    assert page.locator("#off-answer .map").count() == 2
    ask(page, "difference", "#difference-answer .signed")
    assert page.locator("#difference-answer .signed .map").count() == 2
    ask(page, "random", "#random-answer .shot:nth-child(7) .map")
    ask(page, "deletion", "#insertion-curves .js-plotly-plot .scatterlayer .trace")
    for kind in ("deletion", "insertion"):
        assert page.locator(f"#{kind}-curves .scatterlayer .trace").count() == 3
    page.get_by_label(t("examine_model")).click()
    page.get_by_role("option", name="Baseline", exact=True).click()
    page.wait_for_function("document.querySelectorAll('#deletion-curves .scatterlayer .trace').length === 2")
    ask(page, "off", f"#off-answer .says:text-is('{t('off_none')}')")
    page.get_by_label(t("examine_class")).click()
    page.get_by_role("option", name="gas pump").click()
    page.wait_for_selector("#examine-says :text('Explained here: gas pump')")


@pytest.mark.parametrize(("color_scheme", "width"), [("light", 390), ("dark", 1440)])
def test_nothing_is_wider_than_the_window_and_axe_is_content(look_closer, color_scheme, width):
    page = look_closer(color_scheme=color_scheme, width=width)
    for question, answered in (
        ("attention", "#attention-answer .shot"),
        ("activation", "#activation-answer .top5"),
        ("difference", "#difference-answer .signed"),
        ("damage", "#damage-chart .scatterlayer .trace"),
        ("box", "#box-answer .says"),
    ):
        ask(page, question, answered)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, question
        found = Axe().run(page).response["violations"]
        serious = [(v["id"], v["nodes"][0]["html"][:160]) for v in found if v["impact"] in ("serious", "critical")]
        assert serious == [], question


def test_the_api_looks_and_switches_attention_off(server):
    client = Client(server, verbose=False)
    found = client.predict(handle_file(CHURCH), "self-attention-stage", "gas pump", api_name="/look")
    assert found["class"] == "gas pump" and set(found["activations"]) == {"1", "2", "3", "4"}
    assert len(found["attention"][0]["values"]) == 10 and "stage_attention.2.gamma" in found["gammas"]
    pair = client.predict(handle_file(CHURCH), "self-attention-stage", "", api_name="/attention_off")
    assert pair["as_trained"]["class"] == pair["attention_off"]["class"] == "church"
    assert pair["as_trained"]["probabilities"] != pair["attention_off"]["probabilities"]
    with pytest.raises(AppError, match="no class 'unicorn'"):
        client.predict(handle_file(CHURCH), "baseline", "unicorn", api_name="/look")
    client.close()
