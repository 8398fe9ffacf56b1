"""Many photos in a real browser: a zip with labels, rows as they come, the filter, and the file to take away."""

import csv
import zipfile

import pytest
from playwright.sync_api import expect

from attention.core.paths import ROOT


@pytest.fixture
def photos(tmp_path):
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, folder in (("church", "church"), ("golf-ball", "golf ball"), ("parachute", "church")):
            archive.write(ROOT / "samples" / f"{name}.jpg", f"{folder}/{name}.jpg")
        archive.writestr("church/broken.jpg", b"no picture")
    return path


def test_a_labelled_zip_gives_rows_accuracy_filter_and_csv(visit, photos):
    page = visit().page
    page.get_by_role("tab", name="Many photos").click()
    expect(page.locator("#many-summary .empty")).to_be_visible()
    page.locator("#many-files input[type=file]").set_input_files(str(photos))
    expect(page.locator("#many-files")).to_contain_text("photos.zip")
    page.locator("#many-go").click()
    expect(page.locator("#many-summary")).to_contain_text("4 of 4 photos done", timeout=60_000)
    expect(page.locator("#many-table tbody tr")).to_have_count(4)
    expect(page.locator("#many-summary li").first).to_contain_text("of 3")
    with page.expect_download() as download:
        page.locator("#many-csv").click()
    rows = list(csv.DictReader(download.value.path().read_text(encoding="utf-8").splitlines()))
    assert [row["label"] for row in rows] == ["church", "church", "church", "golf ball"]
    agreeing = sum(row["agreement"] == "1.0" for row in rows)
    page.locator("#many-disputed input").check()
    if agreeing == 3:
        expect(page.locator("#many-table .empty")).to_be_visible()
    else:
        expect(page.locator("#many-table tbody tr")).to_have_count(3 - agreeing)


def test_in_chinese_on_a_phone_in_the_dark_nothing_scrolls_sideways(visit):
    page = visit(locale="zh-CN", color_scheme="dark", width=390).page
    page.get_by_role("tab", name="多张照片").click()
    expect(page.locator("#many-go")).to_have_text("全部运行")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
