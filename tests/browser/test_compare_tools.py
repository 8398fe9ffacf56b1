"""What can be done with a comparison: pin, pick, order, keys, stop, take away."""

import time

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from attention.core.paths import ROOT
from attention.models import checkpoints
from attention.web.tabs.compare.tab import chosen_at_first
from attention.web.texts import text

CHURCH = str(ROOT / "samples" / "church.jpg")
SHOWN = chosen_at_first(checkpoints.available())
LAST = SHOWN[-1]
COMPLETE = """run => {
  const board = document.querySelector('#results .cards[data-complete]');
  return board && board.dataset.run !== run && board.dataset.run;
}"""
PLACES = "() => [...document.querySelectorAll('#results .card, #results .pic')].map(e => [e.offsetLeft, e.offsetTop, e.offsetHeight])"


def run_of(page) -> str:
    return page.evaluate("document.querySelector('#results .cards')?.dataset.run ?? ''")


def complete(page, after: str = "") -> None:
    """Wait for the whole of another board than `after`."""
    page.wait_for_function(COMPLETE, arg=after)


def upload(page, path: str = CHURCH) -> None:
    page.set_input_files("#photo input[type=file]", path)
    complete(page)


def anew(page, act) -> None:
    """Do what draws the board anew, and wait for it."""
    before = run_of(page)
    act()
    complete(page, before)


def order(page) -> list[str]:
    return page.locator("#results .card").evaluate_all("cards => cards.map(c => c.dataset.model)")


def share(page, model: str, name: str) -> float:
    """What a card says of a class, in per cent."""
    row = page.locator(f"[data-model={model}] .top5 li", has_text=name)
    return float(row.locator("span").nth(1).inner_text().rstrip("%"))


def show(page, kind: str) -> None:
    page.locator(f"#map-choice input[value={kind}]").check()
    expect(page.locator("#results")).to_have_attribute("data-map", kind)


def ran(folder) -> list[str]:
    return (folder / "ran").read_text().split()


def test_any_model_is_pinned_as_the_reference(visit_slow):
    page = visit_slow().page
    upload(page)
    pinned = page.locator("#results .pin[aria-pressed=true]")
    assert pinned.get_attribute("data-pin") == "baseline", "at first"
    page.locator("[data-pin=cbam-block]").focus()
    anew(page, lambda: page.keyboard.press("Enter"))
    assert pinned.count() == 1 and pinned.get_attribute("data-pin") == "cbam-block"
    assert page.evaluate("document.activeElement.dataset.pin") == "cbam-block", "the focus stays"
    assert "The reference the others" in page.locator("[data-model=cbam-block] .foot").inner_text()
    said = page.locator("[data-model=baseline] .foot").inner_text()
    difference = share(page, "baseline", "church") - share(page, "cbam-block", "church")
    points = float(said.split("church: ")[1].split()[0].replace("−", "-"))
    assert points == pytest.approx(difference, abs=0.11) and abs(points) > 1
    show(page, "difference")
    drawn = page.locator("#results .layer.difference")
    assert drawn.count() == len(SHOWN) - 1 and page.locator("[data-model=cbam-block] .layer.difference").count() == 0
    assert float(drawn.first.evaluate("e => getComputedStyle(e).opacity")) == 1
    anew(page, lambda: page.locator("[data-pin=cbam-block]").click())
    assert pinned.get_attribute("data-pin") == "baseline", "pinned no more"


def test_cards_are_put_in_another_order_without_running_again(visit_slow, slow_server):
    page = visit_slow().page
    upload(page)
    before = len(ran(slow_server[1]))
    for number, (key, sign) in enumerate({"confidence": -1, "latency": 1, "disagreement": -1}.items(), start=1):
        page.locator("#card-order input").click()
        page.get_by_role("option").nth(number).click()
        expect(page.locator("#results")).to_have_attribute("data-sort", key)
        values = page.locator("#results .card").evaluate_all(f"cards => cards.map(c => +c.dataset.{key})")
        assert values == sorted(values, key=lambda value: sign * value) and len(set(values)) > 1
    assert order(page)[0] == "baseline", "the reference leads"
    assert len(ran(slow_server[1])) == before
    anew(page, lambda: page.locator("#go").click())
    values = page.locator("#results .card").evaluate_all("cards => cards.map(c => +c.dataset.disagreement)")
    assert values == sorted(values, reverse=True), "the order holds for the next board"
    page.locator("#card-order input").click()
    page.get_by_role("option").first.click()
    expect(page.locator("#results")).to_have_attribute("data-sort", "list")
    assert order(page) == SHOWN


def test_a_bar_picks_the_class_that_every_card_explains(visit_slow):
    page = visit_slow().page
    upload(page)
    own = page.locator("[data-model=baseline] .layer.activation").get_attribute("src")
    page.locator("[data-model=baseline] .top5 [data-class='golf ball']").focus()
    anew(page, lambda: page.keyboard.press("Enter"))
    expect(page.locator("#results")).to_have_attribute("data-map", "activation")
    assert page.evaluate("document.activeElement.dataset.class") == "golf ball"
    captions = page.locator("#results .unit .activation").all_inner_texts()
    assert len(captions) == len(SHOWN) and all("Explained: golf ball" in caption for caption in captions)
    assert page.locator("[data-model=baseline] .layer.activation").get_attribute("src") != own
    assert "golf ball, which was picked" in page.locator("#results .legend .activation").inner_text()
    cut = page.locator("#results .unit").evaluate_all("u => u.filter(e => e.scrollHeight > e.clientHeight).length")
    assert cut == 0
    anew(page, lambda: page.locator("#results .legend .activation .own").click())
    assert page.locator("[data-model=baseline] .layer.activation").get_attribute("src") == own
    assert page.locator("#results .top5 [aria-pressed=true]").count() == 0


def test_a_picked_class_that_other_models_do_not_have_gets_a_sentence(visit_slow):
    page = visit_slow().page
    upload(page)
    anew(page, lambda: page.locator(".top5 [data-class='golf ball']").first.click())
    anew(page, lambda: page.locator("#compare-dataset").get_by_label("Imagewoof", exact=True).check())
    said = page.locator("#results .notice", has_text="do not know the class golf ball")
    assert said.count() == 1
    anew(page, lambda: said.locator("button").click())
    assert said.count() == 0


def test_arrow_keys_go_through_the_samples(visit_slow):
    page = visit_slow().page
    chosen = page.locator("#samples .thumbnail-item.selected")

    def index() -> int:
        return page.locator("#samples .thumbnail-item").evaluate_all("s => s.findIndex(e => e.matches('.selected'))")

    anew(page, lambda: page.keyboard.press("ArrowRight"))
    assert index() == 0
    anew(page, lambda: page.keyboard.press("ArrowRight"))
    assert index() == 1
    anew(page, lambda: page.keyboard.press("ArrowLeft"))
    assert index() == 0
    page.locator("#opacity input[type=range]").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_role("tab", name="About").click()
    page.locator("h1").click()
    page.keyboard.press("ArrowRight")
    page.get_by_role("tab", name="Compare").click()
    expect(chosen).to_have_count(1)
    assert index() == 0, "a slider and another tab keep their keys"


def test_stop_stops(visit_slow, slow_server):
    page, folder = visit_slow().page, slow_server[1]
    (folder / "slow").touch()
    page.set_input_files("#photo input[type=file]", CHURCH)
    page.wait_for_selector("#results .card.done")
    page.locator("#stop").click()
    expect(page.locator("#results .card.skeleton .stopped").last).to_be_visible()
    expect(page.locator("#results .card.skeleton .waiting").last).to_be_hidden()
    time.sleep(1)  # what is running may end
    so_far = ran(folder)
    time.sleep(2)
    assert ran(folder) == so_far and so_far.count(LAST) == ran(folder).count(LAST)
    done = page.locator("#results .card.done").count()
    assert 0 < done < len(SHOWN)
    (folder / "slow").unlink()
    anew(page, lambda: page.locator("#go").click())
    assert page.locator("#results .card.done").count() == len(SHOWN)


def test_another_photo_ends_what_is_running(visit_slow, slow_server):
    page, folder = visit_slow().page, slow_server[1]
    before = ran(folder).count(LAST)
    (folder / "slow").touch()
    page.locator("#samples .thumbnail-item").nth(0).click()
    page.wait_for_selector("#results .card.done")
    page.locator("#samples .thumbnail-item").nth(1).click()
    complete(page)
    assert ran(folder).count(LAST) == before + 1, "the last model saw the second photo alone"


@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_moves_while_cards_arrive(visit_slow, slow_server, tmp_path, width):
    """Where there is most to say: the models differ, and the page says that they do not know such pictures."""
    colours = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    Image.fromarray(colours).resize((320, 240), Image.Resampling.BICUBIC).save(tmp_path / "blobs.png")
    page = visit_slow(width=width).page
    for name in ("slow", "foreign"):
        (slow_server[1] / name).touch()
    page.set_input_files("#photo input[type=file]", str(tmp_path / "blobs.png"))
    page.wait_for_selector("#results .card.skeleton")
    first = page.evaluate(PLACES)
    complete(page)
    assert "The models differ" in page.locator("#results .summary").inner_text()
    assert "How the page can tell" in page.locator("#results .aside").inner_text()
    assert page.evaluate(PLACES) == first and len(first) == 2 * len(SHOWN)
    for kind in ("activation", "difference", "photo"):
        show(page, kind)
        assert page.evaluate(PLACES) == first, kind


def test_one_to_twelve_cards_are_readable(visit_slow):
    page = visit_slow().page
    upload(page)
    boxes = page.locator("#models input[type=checkbox]")
    for count in (1, 2, 6, 12):
        for index in range(boxes.count()):
            boxes.nth(index).set_checked(index < count)
        page.wait_for_function(
            "n => document.querySelectorAll('#results [data-complete] .card.done').length === n", arg=count
        )
        for width in (390, 1440):
            page.set_viewport_size({"width": width, "height": 1000})
            widths = page.locator("#results .card").evaluate_all("cards => cards.map(c => c.offsetWidth)")
            assert min(widths) >= 280 and max(widths) <= 480 and len(set(widths)) <= 2, (count, width, widths)
            assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_the_picture_holds_every_card(visit_slow, tmp_path, locale):
    page = visit_slow(locale=locale).page
    page.locator("#save-picture").click()
    expect(page.locator("#picture-says")).to_have_text(text(locale[:2], "nothing_to_save"))
    upload(page)
    show(page, "difference")
    with page.expect_download() as download:
        page.locator("#save-picture").click()
    assert download.value.suggested_filename == "attention-lab.png"
    download.value.save_as(tmp_path / "figure.png")
    expect(page.locator("#picture-says")).to_have_text(text(locale[:2], "picture_saved"))
    of = "document.querySelector('#results')"
    width, left, top = page.evaluate(
        f"[{of}.clientWidth, {of}.getBoundingClientRect().x, {of}.getBoundingClientRect().y]"
    )
    with Image.open(tmp_path / "figure.png") as image:
        assert image.format == "PNG" and image.width == 2 * (24 + width + 24)  # twice the board, and its margins
        pictures = [picture.bounding_box() for picture in page.locator("#results .pic").all()]
        assert len(pictures) == len(SHOWN)
        for box in pictures:  # where the board has a map, the picture has one: none is blank
            corner = 2 * (24 + box["x"] - left), 2 * (56 + box["y"] - top)
            part = image.convert("RGB").crop((*corner, corner[0] + 2 * box["width"], corner[1] + 2 * box["height"]))
            assert len(part.getcolors(part.width * part.height)) > 250


def test_the_report_opens_without_a_network(visit_slow, chromium, tmp_path):
    page = visit_slow().page
    page.locator("#save-report").click()
    expect(page.locator("#save-says")).to_contain_text("choose a photo first")
    upload(page)
    anew(page, lambda: page.locator("[data-pin=se-block]").click())
    with page.expect_download() as download:
        page.locator("#save-report").click()
    assert download.value.suggested_filename == "attention-lab.html"
    expect(page.locator("#save-says")).to_contain_text("Saved as attention-lab.html")
    download.value.save_as(tmp_path / "report.html")
    context = chromium.new_context()
    context.set_offline(True)
    offline, asked, said = context.new_page(), [], []
    offline.on("request", lambda request: asked.append(request.url))
    offline.on("console", lambda message: said.append(message.text))
    offline.goto((tmp_path / "report.html").as_uri())
    expect(offline.locator(".card.done")).to_have_count(len(SHOWN))
    assert "The reference" in offline.locator("[data-model=se-block] .foot").inner_text()
    assert offline.locator("button.pin, .top5 button").count() == 0, "what only a server answers is not there"
    assert offline.locator("[data-model=se-block] .pin").count() == offline.locator(".pin").count() == 1
    offline.get_by_role("button", name="Difference", exact=True).click()
    expect(offline.locator(".layer.difference").first).to_have_css("opacity", "1")
    assert said == [] and [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    context.close()
