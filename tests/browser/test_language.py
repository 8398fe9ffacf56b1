"""The language switch in a real Chromium: remembered, in every tab, and the photo stays."""

from attention.core.paths import ROOT
from attention.web.language import COOKIE
from attention.web.texts import class_name, text

CHURCH = str(ROOT / "samples" / "church.jpg")
OTHER = "#lead a.language:visible"


def switch(page) -> None:
    with page.expect_navigation():
        page.locator(OTHER).click()
    page.wait_for_selector("#page-loaded", state="attached")


def test_the_other_language_on_every_tab_and_the_photo_stays(visit):
    page = visit(locale="de-DE").page
    assert page.locator("html").get_attribute("lang") == "en"
    page.set_input_files("#photo input[type=file]", CHURCH)
    page.wait_for_selector("#results .card.done")
    switch(page)
    assert page.locator("html").get_attribute("lang") == "zh-CN" and "lang=zh" in page.url
    page.wait_for_selector("#results .card.done")  # the photo came along
    page.wait_for_selector(f"#results .top5 :text-is('{class_name('zh', 'church')}')")
    for tab, words in (("many", "many_empty"), ("benchmarks", "accuracy_heading"), ("examine", "question_off")):
        page.get_by_role("tab", name=text("zh", f"tab_{tab}"), exact=True).click()
        page.get_by_text(text("zh", words)).first.wait_for()
        assert page.locator(OTHER).is_visible()
    switch(page)
    assert page.locator("html").get_attribute("lang") == "en"
    page.get_by_role("tab", name="Benchmarks").wait_for()


def test_the_choice_is_remembered_in_a_cookie_and_the_address_wins_over_it(visit, server):
    page = visit().page
    switch(page)
    cookie = next(c for c in page.context.cookies() if c["name"] == COOKIE)
    assert (cookie["value"], cookie["sameSite"], cookie["path"]) == ("zh", "Lax", "/")
    page.goto(server)
    page.get_by_role("heading", name="注意力实验室").wait_for()
    page.get_by_role("tab", name="对比").wait_for()
    page.goto(f"{server}?lang=en")
    page.get_by_role("tab", name="Compare").wait_for()
    page.goto(server)
    page.get_by_role("tab", name="对比").wait_for()  # a link changes no choice


def test_the_keyboard_reaches_the_switch_first(visit):
    page = visit().page
    page.locator(OTHER).focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.get_by_role("heading", name="注意力实验室").wait_for()


def test_a_bad_upload_is_refused_in_the_visitors_language(visit, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"not a picture")
    tab = visit(locale="zh-CN")
    tab.page.set_input_files("#photo input[type=file]", str(bad))
    tab.page.locator(".toast-body").first.wait_for()
    assert "这个文件不是可读取的图片" in tab.page.locator(".toast-body").first.inner_text()
    tab.messages[:] = [m for m in tab.messages if "Failed to load resource" not in m]
