"""ImageNet on the page, with random weights in local files: cards, 1,000 classes, published figures, questions."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import TimeoutError

from attention.core.paths import ROOT
from attention.models.imagenet import PUBLISHED

CHURCH = str(ROOT / "samples" / "church.jpg")
DONE = "() => document.querySelectorAll('#results .card.done').length === 4"


def choose(page) -> None:
    page.locator("#compare-dataset").get_by_label("ImageNet", exact=True).check()
    page.wait_for_function("document.querySelector('#classes').innerText.includes('1,000')")


def compared(page) -> None:
    choose(page)
    page.set_input_files("#photo input[type=file]", CHURCH)
    page.wait_for_function(DONE)


def explain(page, name: str) -> None:
    """Search for a class and choose it. Entering the tab asks twice, and a choice made before the second answer is lost."""
    box = page.locator("#examine-class input")
    for last in (False, False, True):
        box.click()
        box.press_sequentially(name)  # in place of the present choice
        page.get_by_role("option", name=name).click()
        try:
            chosen = "name => document.querySelector('#examine-says').innerText.includes(name)"
            page.wait_for_function(chosen, arg=name, timeout=60_000 if last else 15_000)
            return
        except TimeoutError:
            if last:
                raise


def test_four_cards_with_five_of_a_thousand_classes_and_published_accuracies(visit_imagenet):
    page = visit_imagenet().page
    compared(page)
    cards = page.locator("#results .card.done")
    assert sorted(cards.evaluate_all("cards => cards.map(c => c.dataset.model)")) == sorted(PUBLISHED)
    for name, published in PUBLISHED.items():
        card = page.locator(f"#results .card[data-model={name}]")
        says = card.locator(".figures").inner_text()
        assert published.name in says and f"{published.accuracy:.2%}" in says and "not measured here" in says
        assert card.locator(".top5 li").count() == 5 and card.locator("img.layer.activation, .none").count() >= 1
    shown = page.locator("#results .card[data-model=gc-block] .pic img").first
    width, height = shown.evaluate("image => [image.naturalWidth, image.naturalHeight]")
    assert width == height, "the middle square, which the models see"
    assert page.locator("#results .card[data-model=se-block] .bars svg").count() == 1
    assert page.locator("#results .card[data-model=gc-block] img.layer.attention").count() == 1
    known = page.locator("#classes").inner_text()
    assert "1,000 things, such as tench" in known and len(known) < 1500 and "timm" in known
    page.locator("#classes details:not(.all-classes) summary").click()
    assert "+1.16" in page.locator("#classes table").inner_text()


def test_its_figures_stand_apart_from_the_studys(visit_imagenet):
    page = visit_imagenet().page
    page.get_by_role("tab", name="Benchmarks").click()
    page.wait_for_selector("#published-models table")
    assert page.locator("#published-models tbody tr").count() == len(PUBLISHED)
    assert "33ts" not in page.locator("#accuracy-table").inner_text()


def test_looking_closer_any_of_a_thousand_classes_can_be_typed(visit_imagenet):
    page = visit_imagenet().page
    compared(page)
    page.get_by_role("tab", name="Look closer").click()
    page.wait_for_selector("#examine-says .summary")
    assert "Global context says" in page.locator("#examine-says").inner_text()
    page.wait_for_selector("#attention-answer .shot .map")
    explain(page, "hermit crab")
    page.locator("#questions").get_by_role("tab", name="Why this class").click()
    page.wait_for_function("document.querySelectorAll('#activation-answer .shot').length === 4")
    page.locator("#questions").get_by_role("tab", name="Box and mask").click()
    page.wait_for_function("document.querySelector('#box-answer').innerText.includes('no box or mask is drawn')")


@pytest.mark.parametrize(("color_scheme", "width", "locale"), [("light", 1440, "en-GB"), ("dark", 390, "zh-CN")])
def test_axe_is_content_and_nothing_is_wider_than_the_window(visit_imagenet, color_scheme, width, locale):
    page = visit_imagenet(locale, color_scheme, width).page
    compared(page)
    page.locator("#classes details:not(.all-classes) summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert ("由本项目翻译" in page.locator("#classes").inner_text()) == (locale == "zh-CN")
    found = Axe().run(page).response["violations"]
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []


def test_the_api_compares_on_it(imagenet_server):
    client = Client(imagenet_server, verbose=False)
    found = client.predict(handle_file(CHURCH), ["baseline", "se-block"], "imagenet", api_name="/compare_dataset")
    assert [len(model["top5"]) for model in found["models"]] == [5, 5] and found["foreign"] is None
    with pytest.raises(AppError, match="cbam-block has no checkpoint here. Available: baseline, se-block"):
        client.predict(handle_file(CHURCH), ["cbam-block"], "imagenet", api_name="/compare_dataset")
    client.close()
