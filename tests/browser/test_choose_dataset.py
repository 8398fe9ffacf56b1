"""Another data set on the Compare tab: Imagewoof, whose weights are committed, and a folder of one's own."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from attention.cli.train import OWN_VARIANTS
from attention.core.paths import ROOT
from attention.models import checkpoints
from attention.pictures.datasets import DATASETS
from attention.web.tabs.compare.tab import chosen_at_first

CHURCH = str(ROOT / "samples" / "church.jpg")
SHOWN = (
    "names => names.join() === [...document.querySelectorAll('#results .card.done')].map(c => c.dataset.model).join()"
)
CLASSES = "name => document.querySelector('#classes').innerText.includes(name)"


def choose(page, title: str, known_class: str) -> None:
    page.locator("#compare-dataset").get_by_label(title, exact=True).check()
    page.wait_for_function(CLASSES, arg=known_class)


def shown(page, names: list[str]) -> None:
    page.wait_for_function(SHOWN, arg=names)
    page.wait_for_selector("#results .summary:not(:text-is('\\00a0'))")


def offered(page) -> list[str]:
    return page.locator("#models input[type=checkbox]:visible").evaluate_all("boxes => boxes.map(box => box.name)")


def test_imagewoof_and_back(visit):
    page = visit().page
    page.set_input_files("#photo input[type=file]", CHURCH)
    imagenette, imagewoof = map(checkpoints.available, ("imagenette", "imagewoof"))
    shown(page, chosen_at_first(imagenette))
    assert "church" in page.locator("#results .summary").inner_text()
    run = page.evaluate("document.querySelector('#results .cards').dataset.run")
    choose(page, "Imagewoof", "Samoyed")  # the photo stays, and is compared anew
    page.wait_for_function("run => document.querySelector('#results .cards')?.dataset.run !== run", arg=run)
    shown(page, chosen_at_first(imagewoof))
    assert sorted(offered(page)) == sorted(imagewoof)
    breeds = set(DATASETS["imagewoof"].class_names)
    assert set(page.locator("#results .top5 li > span:first-child").all_inner_texts()) <= breeds
    assert "on the test set" in page.locator("#results .figures").first.inner_text()
    assert "none of the" not in page.locator("#results").inner_text()  # not measured for Imagewoof
    assert "Imagewoof" in page.locator("#fetch").locator("xpath=../..").inner_text()
    choose(page, "Imagenette", "gas pump")
    shown(page, chosen_at_first(imagenette))
    assert sorted(offered(page)) == sorted(imagenette)


def test_everyday_things_answer_of_a_photo_in_its_own_shape(visit):
    tab = visit()
    page = tab.page
    choose(page, "Everyday things", "200")
    page.set_input_files("#photo input[type=file]", str(ROOT / "samples" / "espresso.jpg"))
    names = chosen_at_first(checkpoints.available("everyday"))
    assert len(names) == 6 and names[0] == "baseline"
    shown(page, names)
    assert "espresso" in page.locator("#results .summary").inner_text()
    assert page.locator("#results .card.done").first.locator(".top5 li").count() == 5
    shapes = page.locator("#results .card.done .pic img").evaluate_all(
        "all => all.map(i => i.naturalWidth / i.naturalHeight)"
    )
    assert shapes and all(shape == pytest.approx(1.5, abs=0.05) for shape in shapes)
    known = page.locator("#classes .all-classes")
    known.locator("summary").click()
    known.locator("input").fill("teapot")
    assert known.locator("li:visible").all_inner_texts() == ["teapot"]
    found = Axe().run(page, context="#classes")
    assert found.response["violations"] == []


def test_what_is_none_of_the_200_things_is_told_first(visit, tmp_path):
    page = visit().page
    choose(page, "Everyday things", "200")
    grey = tmp_path / "grey.png"
    Image.new("RGB", (320, 240), (110, 110, 110)).save(grey)
    page.set_input_files("#photo input[type=file]", str(grey))
    shown(page, chosen_at_first(checkpoints.available("everyday")))
    assert (
        page.locator("#results .summary").inner_text().startswith("This is probably none of the 200 things they know")
    )


def test_a_choice_of_models_holds_for_the_data_set_that_is_shown(visit):
    page = visit().page
    choose(page, "Imagewoof", "Samoyed")
    page.locator("#models input[name=baseline]").uncheck()
    page.set_input_files("#photo input[type=file]", CHURCH)
    names = [name for name in chosen_at_first(checkpoints.available("imagewoof")) if name != "baseline"]
    shown(page, names)


def test_a_folder_of_ones_own_is_offered_with_its_classes_and_photographs(visit_own):
    tab = visit_own()
    page = tab.page
    choose(page, "my-shapes", "triangle")
    captions = page.locator("#samples .caption-label").all_inner_texts()
    assert captions == ["circle"] * 3 + ["square"] * 3 + ["triangle"] * 3 + ["lion", "tower"]
    assert sorted(offered(page)) == sorted(OWN_VARIANTS) and page.locator("#fetch").is_hidden()
    page.locator("#samples .thumbnail-item").nth(4).click()
    shown(page, OWN_VARIANTS)
    for card in page.locator("#results .card").all():
        assert sorted(card.locator(".top5 li > span:first-child").all_inner_texts()) == ["circle", "square", "triangle"]
        assert "on 9 held-out photographs" in card.locator(".figures").inner_text()
    serious = [v["id"] for v in Axe().run(page).response["violations"] if v["impact"] in ("serious", "critical")]
    assert serious == []


def test_chinese_and_a_narrow_window(visit_own):
    page = visit_own(locale="zh-CN", width=390).page
    choose(page, "my-shapes", "triangle")
    assert "3 个类别" in page.locator("#classes").inner_text()
    page.set_input_files("#photo input[type=file]", CHURCH)
    shown(page, OWN_VARIANTS)
    assert "9 张留出照片" in page.locator("#results .figures").first.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_photographs_that_are_gone_leave_the_models(visit_own, own_server):
    shapes = own_server[1]
    shapes.rename(shapes.with_name("away"))
    try:
        page = visit_own().page
        choose(page, "my-shapes", "triangle")
        assert page.locator("#samples .caption-label").all_inner_texts() == ["lion", "tower"]
        page.locator("#samples .thumbnail-item").first.click()
        shown(page, OWN_VARIANTS)
    finally:
        shapes.with_name("away").rename(shapes)


def test_the_api_compares_on_any_data_set(own_server):
    client = Client(own_server[0], verbose=False)
    photo = handle_file(CHURCH)
    for name, classes in (
        ("my-shapes", {"circle", "square", "triangle"}),
        ("imagewoof", set(DATASETS["imagewoof"].class_names)),
    ):
        found = client.predict(photo, ["baseline"], name, api_name="/compare_dataset")
        assert found["foreign"] is None and {row["class"] for row in found["models"][0]["top5"]} <= classes
    assert client.predict(photo, ["baseline"], api_name="/compare")["models"][0]["top5"][0]["class"] == "church"
    for bad in ("nobody", "../own", ""):
        with pytest.raises(AppError, match="Known: everyday, imagenette, imagewoof, my-shapes"):
            client.predict(photo, ["baseline"], bad, api_name="/compare_dataset")
    client.close()
