"""What a visitor does, done in a real Chromium."""

from itertools import product

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from attention.core.paths import ROOT
from attention.models import checkpoints
from attention.pictures import samples
from attention.study import lookup
from attention.web.table import COLUMNS
from attention.web.tabs.compare.tab import chosen_at_first

CHURCH = str(ROOT / "samples" / "church.jpg")
SHOWN = chosen_at_first(checkpoints.available())
ALL_DONE = "count => document.querySelectorAll('#results .card.done').length === count"


def upload(page, path: str = CHURCH, cards: int = len(SHOWN)) -> None:
    page.set_input_files("#photo input[type=file]", path)
    page.wait_for_function(ALL_DONE, arg=cards)
    page.wait_for_selector("#results .summary:not(:text-is('\\00a0'))")


def opacity(page, selector: str) -> float:
    return float(page.locator(selector).first.evaluate("e => getComputedStyle(e).opacity"))


def test_upload_every_card_and_switching_maps(visit):
    page = visit().page
    upload(page)
    assert page.locator("#results .card").evaluate_all("cards => cards.map(c => c.dataset.model)") == SHOWN
    for card in page.locator("#results .card").all():
        assert card.locator(".top5 li").count() == 5
        assert "%" in card.locator(".top5 li").first.inner_text()
        assert "ms for this call" in card.locator(".foot").inner_text()
        assert card.locator(".layer.activation").count() == 1
    assert opacity(page, ".layer.attention") > 0 and opacity(page, ".layer.activation") == 0
    page.get_by_label("Class activation", exact=True).check()
    page.wait_for_function("() => getComputedStyle(document.querySelector('.layer.activation')).opacity > 0")
    assert opacity(page, ".layer.attention") == 0
    page.locator("#results .pic").first.click()  # a tap goes on to the photo alone
    page.wait_for_function("() => getComputedStyle(document.querySelector('.layer.activation')).opacity == 0")


def test_the_same_size_for_every_picture(visit):
    page = visit().page
    upload(page)
    boxes = page.locator("#results .pic").evaluate_all("p => p.map(e => [e.offsetWidth, e.offsetHeight])")
    assert len({tuple(box) for box in boxes}) == 1 and boxes[0][0] == boxes[0][1]


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_each_map_is_said_below_it_and_nothing_of_that_is_cut_off(visit, locale):
    page = visit(locale=locale).page
    upload(page)
    for width, kind in product((1440, 1220, 390), ("attention", "activation")):
        page.set_viewport_size({"width": width, "height": 1000})
        page.evaluate("kind => { document.querySelector('#results').dataset.map = kind }", kind)
        cut = page.locator("#results .unit").evaluate_all("u => u.filter(e => e.scrollHeight > e.clientHeight).length")
        assert cut == 0, (width, kind)
        for card in page.locator(f"#results .card:has(.layer.{kind})").all():
            said = card.locator(f".unit .{kind}").inner_text().splitlines()[-1]
            assert said and said in card.locator(f".layer.{kind}").get_attribute("alt")
    assert page.locator("#results [data-model=se-block] .bars polyline").count() == 8, (
        "the class's mean, a row a module"
    )


def test_a_sample_and_another_choice_of_models(visit):
    page = visit().page
    page.locator("#samples button.thumbnail-item, #samples .thumbnail-item").first.click()
    page.wait_for_function(ALL_DONE, arg=len(SHOWN))
    page.locator("#models input[name=baseline]").click()
    page.wait_for_function(ALL_DONE, arg=len(SHOWN) - 1)
    assert page.locator("#results [data-model=baseline]").count() == 0


def test_a_bad_upload_gets_a_sentence_and_the_page_goes_on(visit, tmp_path):
    bad, tab = tmp_path / "bad.png", visit()
    for content in (b"", b"not a picture", b"\x89PNG\r\n\x1a\n broken"):
        bad.write_bytes(content)
        tab.page.set_input_files("#photo input[type=file]", str(bad))
        toast = tab.page.locator(".toast-body")
        toast.first.wait_for()
        assert any(word in toast.first.inner_text() for word in ("choose", "send it again")), content
        # the browser itself reports that it cannot show such a file
        tab.messages[:] = [m for m in tab.messages if "Failed to load resource" not in m]
        tab.page.reload()
        tab.page.wait_for_selector("#samples img")
    upload(tab.page)


def test_benchmarks_shows_the_table_and_sorts_it(visit):
    page = visit().page
    page.get_by_role("tab", name="Benchmarks").click()
    table = page.locator("#accuracy-table table.figures")
    table.wait_for()
    assert table.locator("tbody tr").count() == len(lookup.summary())
    page.wait_for_selector("#accuracy-latency .js-plotly-plot .point, #accuracy-latency .js-plotly-plot .points path")
    heading = table.get_by_role("button", name="p50, ms")
    column = list(COLUMNS).index("p50") + 1
    for direction in (1, -1):
        heading.click()
        cells = table.locator(f"tbody tr > :nth-child({column})")
        words = cells.evaluate_all("c => c.map(e => e.innerText)")
        values = [float(word) for word in words if word != "–"]  # what was measured on a busy machine is left out
        assert words[: len(values)] == [f"{value:.2f}" for value in values], "dashes stand last in either order"
        assert values == sorted(values, reverse=direction < 0)
    gpu = page.locator("#gpu-table").inner_text()
    assert ("python -m attention benchmark --device cuda" in gpu) == (not lookup.machines("cuda"))


def test_chinese_by_the_browsers_language(visit):
    page = visit(locale="zh-CN").page
    page.get_by_role("tab", name="对比").wait_for()
    assert page.locator("h1").inner_text() == "注意力实验室"
    page.set_input_files("#photo input[type=file]", CHURCH)
    page.wait_for_function(ALL_DONE, arg=len(SHOWN))
    assert "基线" in page.locator("#results").inner_text()
    page.get_by_role("tab", name="基准").click()
    assert "准确率与代价" in page.locator("#accuracy-table").inner_text()


def test_the_api_compares_and_lists(server):
    client = Client(server, verbose=False)
    found = client.predict(handle_file(CHURCH), ["baseline"], api_name="/compare")
    assert [m["model"] for m in found["models"]] == ["baseline"] and len(found["models"][0]["top5"]) == 5
    rows = client.predict(api_name="/benchmarks")
    assert [row["variant"] for row in rows] == list(lookup.summary()["variant"])
    assert all(row["low"] < row["accuracy"] < row["high"] for row in rows)
    with pytest.raises(AppError, match="no model 'nobody'"):
        client.predict(handle_file(CHURCH), ["nobody"], api_name="/compare")
    for names in ([{}], {"baseline": 1}, 5, "baseline"):
        with pytest.raises(AppError, match="a list of names"):
            client.predict(handle_file(CHURCH), names, api_name="/compare")
    client.close()


def test_the_api_refuses_a_bad_file_with_its_sentence(server, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("not a picture")
    client = Client(server, verbose=False)
    with pytest.raises(AppError, match="not a picture that can be read"):
        client.predict(handle_file(str(bad)), ["baseline"], api_name="/compare")
    client.close()


def test_the_committed_samples_are_all_there_with_the_scenes_that_made_them():
    scenes = (samples.COMMITTED / "scenes.py").read_text(encoding="utf-8")
    listed = samples.committed()
    assert [sample.kind for sample in listed].count("rendering") == 14 and len(listed) == 16
    for sample in listed:
        with Image.open(sample.path) as image:
            assert image.width * image.height >= 400 * 300
        made = sample.path.with_suffix(".pov").exists() or f"def {sample.path.stem.replace('-', '_')}(" in scenes
        assert made or sample.kind == "other"
