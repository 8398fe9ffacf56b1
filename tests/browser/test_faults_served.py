"""Faults caused on a page that is really served: what the visitor sees is what docs/serving.md says, and the page lives."""

import sys
import time
from pathlib import Path

import pytest
from faults import FAULTS, SECONDS, lab
from gradio_client import Client, handle_file
from playwright.sync_api import expect

from attention.core.paths import ROOT
from attention.serving.refusals import MESSAGES

IN_ORDER, ANY_ORDER = FAULTS[:2], FAULTS[2:]  # those of a data set that must not be in memory yet
DOCUMENTED = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8").splitlines()
SAMPLE = str(ROOT / "samples" / "church.jpg")


@pytest.fixture(scope="module")
def page(tmp_path_factory, chromium):
    with lab(tmp_path_factory.mktemp("faults"), chromium) as served:
        yield served


def check(page, fault) -> None:
    saw, recovered = fault.cause(page)
    assert recovered and str(page.folder) not in saw and "Traceback" not in saw
    assert fault.row(saw, recovered) in DOCUMENTED


def test_a_data_set_whose_files_are_damaged_before_it_is_loaded(page):
    for fault in IN_ORDER:
        check(page, fault)


@pytest.mark.parametrize("fault", ANY_ORDER, ids=lambda fault: fault.cause.__name__)
def test_a_fault_is_said_as_documented_and_passes(page, fault):
    check(page, fault)


def test_the_disk_is_a_real_one_where_this_user_may_mount_one(page):
    """Else faulty.py plays it: the tests above run either way."""
    page.disk.fill()
    try:
        if page.disk.is_real:
            with pytest.raises(OSError, match="No space left"):
                (page.disk.folder / "more").write_bytes(bytes(100_000))
    finally:
        page.disk.mend()
        (page.disk.folder / "more").unlink(missing_ok=True)
    assert "linux" not in sys.platform or page.disk.is_real or page.disk.fault.parent.is_dir()


def test_a_refused_upload_is_said_in_the_visitors_language(page):
    page.tab.goto(page.address + "?lang=zh")
    page.tab.wait_for_selector("#samples img")
    page.disk.fill()
    try:
        page.upload()
        assert page.says() == MESSAGES["zh"]["disk"]
    finally:
        page.disk.mend()
    page.tab.goto(page.address + "?lang=en")
    page.tab.context.clear_cookies()


@pytest.fixture
def slow(page):
    (page.folder / "ran").unlink(missing_ok=True)
    (page.folder / "slow").touch()
    yield lambda: (page.folder / "ran").read_text().split() if (page.folder / "ran").exists() else []
    (page.folder / "slow").unlink(missing_ok=True)


def _until(true, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not true() and time.monotonic() < until:
        time.sleep(0.05)
    assert true()


def test_who_leaves_in_the_midst_holds_up_nobody(page, slow):
    """Six slow models are asked for and the tab is closed: after the one that runs, the next visitor has the turn."""
    tab = page.tab.context.new_page()
    tab.goto(page.address)
    tab.wait_for_selector("#samples img")
    tab.set_input_files("#photo input[type=file]", SAMPLE)
    _until(lambda: slow())
    tab.close()
    client = Client(page.address, verbose=False)
    answer = client.predict(handle_file(SAMPLE), ["mhsa-block"], api_name="/compare")
    client.close()
    assert len(answer["models"]) == 1
    assert "mhsa-block" in slow() and len(slow()) < 6, "the work of the one who left was not finished first"


def test_many_photos_of_one_visitor_do_not_hold_up_a_comparison(page, slow):
    tab = page.tab.context.new_page()
    tab.goto(page.address)
    tab.wait_for_selector("#samples img")
    tab.get_by_role("tab", name="Many photos").click()
    tab.set_input_files("#many-files input[type=file]", [SAMPLE, str(Path(SAMPLE).with_name("golf-ball.jpg"))])
    expect(tab.locator("#many-files")).to_contain_text("golf-ball")
    tab.click("#many-go")
    _until(lambda: slow())
    client = Client(page.address, verbose=False)
    client.predict(handle_file(SAMPLE), ["mhsa-block"], api_name="/compare")
    client.close()
    assert tab.locator("#many-csv").count() == 0, "the pictures are not through, and the comparison is"
    # after its time the batch ends with the pictures that are done, and a sentence
    expect(tab.locator("#many-summary .notice")).to_contain_text("pictures", timeout=1000 * 5 * SECONDS)
    tab.close()
