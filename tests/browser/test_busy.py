"""Who has to wait is told for how many, and who cannot be taken is told what to do; on models that are held while others queue."""

import re
import time
from contextlib import contextmanager

import httpx
import pytest
from playwright.sync_api import Page, expect

from attention.core.paths import ROOT
from attention.serving.settings import Settings
from attention.web import gradio_compat

CHURCH = ROOT / "samples" / "church.jpg"


class Queue:
    """queue(count): so many comparisons of others that do not end, until queue.end()."""

    def __init__(self, address: str, folder):
        self.address, self.hold = address, folder / "hold"

    def __call__(self, count: int) -> int:
        """How many of them were taken."""
        self.hold.touch()
        with httpx.Client(base_url=self.address, timeout=60) as client:
            (path,) = client.post("/gradio_api/upload", files={"files": ("church.jpg", CHURCH.read_bytes())}).json()
            body = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}, ["baseline"]]}
            asked = [client.post("/gradio_api/call/compare", json=body).status_code for _ in range(count)]
        taken = asked.count(200)
        self.until(lambda waiting: waiting >= taken)
        return taken

    def waiting(self) -> float:
        text = httpx.get(f"{self.address}/metrics", timeout=60).text
        return float(re.search(r"^attention_waiting (\S+)", text, re.MULTILINE)[1])

    def until(self, condition) -> None:
        for _ in range(600):
            if condition(self.waiting()):
                return
            time.sleep(0.1)
        raise AssertionError(f"{self.waiting()} wait for a result")

    def end(self) -> None:
        self.hold.unlink(missing_ok=True)
        self.until(lambda waiting: waiting == 0)


@pytest.fixture
def queue(slow_server):
    made = Queue(*slow_server)
    yield made
    made.end()


@contextmanager
def refusals_logged(visit):
    """A browser writes into its console that a request was refused, whatever the page makes of it."""
    yield
    visit.messages[:] = [m for m in visit.messages if "Failed to load resource: the server responded" not in m]


def upload(page: Page) -> None:
    page.wait_for_selector("#page-loaded", state="attached")
    page.set_input_files("#photo input[type=file]", CHURCH)


def distance(page: Page, name: str) -> float:
    """From the top of the sentence to that of a result, in pixels."""
    return abs(page.locator("#busy").bounding_box()["y"] - page.locator(name).bounding_box()["y"])


def test_who_waits_sees_how_many_are_before_until_it_is_their_turn(visit_slow, queue):
    page = visit_slow().page
    line, parts = page.locator("#busy"), ("#photo", "#go", "#results", "#classes")
    queue(4)
    upload(page)
    page.wait_for_selector("#photo img")
    still = [page.locator(name).bounding_box() for name in parts]
    expect(line).to_have_text(re.compile(r"^Busy: 4 before you(, about \d+ s)?\.$"))
    assert [page.locator(name).bounding_box() for name in parts] == still, "nothing moved"
    assert distance(page, "#results") < 40
    said = page.locator("#busy-said[role=status]")
    assert said.text_content() == line.text_content(), "it is read out, too"
    queue(1)
    expect(line).to_have_text(re.compile("^Busy: 4 "))  # who came later is not before
    queue.end()
    page.wait_for_selector("#results .card.done")
    expect(line).to_be_empty()
    expect(said).to_be_empty()


def test_it_is_said_in_chinese_and_in_sight_on_a_phone(visit_slow, queue):
    page = visit_slow(locale="zh-CN", color_scheme="dark", width=390).page
    line = page.locator("#busy")
    queue(2)
    upload(page)
    expect(line).to_have_text(re.compile(r"^排队中：前面还有 2 个请求(，约 \d+ 秒)?。$"))
    assert page.locator("#results").bounding_box()["y"] > 1000, "the result is further below"
    expect(line).to_be_in_viewport(ratio=1)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(line).to_be_in_viewport(ratio=1)


def test_the_visitors_own_requests_are_not_counted(visit_slow, queue):
    page = visit_slow().page
    queue.hold.touch()
    upload(page)
    page.wait_for_selector("#results .card.skeleton")
    page.get_by_role("tab", name="Look closer").click()
    queue.until(lambda waiting: waiting == 2)
    time.sleep(1)
    expect(page.locator("#busy")).to_be_empty()


def test_other_tabs_say_it_beside_their_results(visit_slow, queue):
    page = visit_slow().page
    line = page.locator("#busy")
    upload(page)
    page.wait_for_selector("#results .cards[data-complete]")
    queue(3)
    page.get_by_role("tab", name="Look closer").click()
    expect(line).to_have_text(re.compile("^Busy: 3 before you"))
    queue.end()
    expect(line).to_be_empty()


def start_many(page: Page) -> None:
    page.wait_for_selector("#page-loaded", state="attached")
    page.get_by_role("tab", name="Many photos").click()
    page.set_input_files("#many-files input[type=file]", CHURCH)
    page.locator("#many-go").click()


def test_many_photos_wait_for_those_of_others(visit_slow, queue):
    """One after another, beside the comparisons; on another tab nothing is said of them."""
    first, page = visit_slow().page, visit_slow().page
    queue.hold.touch()
    line = page.locator("#busy")
    start_many(first)
    queue.until(lambda waiting: waiting >= 1)
    start_many(page)
    expect(line).to_have_text(re.compile("^Busy: 1 before you"))
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(200)
    assert distance(page, "#many-summary") < 40
    page.get_by_role("tab", name="About").click()
    expect(line).to_be_empty()  # it is of another tab
    page.get_by_role("tab", name="Many photos").click()
    expect(line).to_have_text(re.compile("^Busy: 1 before you"))
    page.locator("#many-stop").click()
    expect(line).to_be_empty()


def test_a_full_queue_gets_a_sentence_and_loses_nothing(visit_slow, queue):
    visit = visit_slow()
    page = visit.page
    places = Settings().max_queue
    most = places - places // gradio_compat.PARTS  # the others are for other addresses
    assert most <= queue(most + 10) <= most + 1, "one of them runs"
    with refusals_logged(visit):
        upload(page)
        line = page.locator("#busy.refused")
        expect(line).to_have_text(re.compile("Your photo and choices are kept: try again in a minute"))
        assert page.locator("#busy-said").text_content() == line.text_content()
        assert page.locator("[data-testid=toast-body]").count() == 0, "none of Gradio's own words"
        newcomer = visit_slow(locale="zh-CN")
        with refusals_logged(newcomer):
            newcomer.page.wait_for_selector("#page-loaded", state="attached")  # the page comes up
            expect(newcomer.page.locator("#busy")).to_contain_text("等待的人太多")
    queue.end()
    assert page.locator("#photo img").count() == 1
    page.locator("#go").click()
    page.wait_for_selector("#results .cards[data-complete]")
    expect(page.locator("#busy")).to_be_empty()


@pytest.mark.parametrize(
    ("status", "wait", "said"),
    [
        (429, "7", "Too many requests from this address. Try again in 7 s."),
        (503, "30", "The page is being restarted. Try again in a minute."),
    ],
)
def test_other_refusals_are_said_too(visit_slow, status, wait, said):
    visit = visit_slow()
    page = visit.page
    answer = {"status": status, "headers": {"retry-after": wait}, "json": {"detail": "a sentence in English"}}
    page.route("**/queue/join*", lambda route: route.fulfill(**answer))
    with refusals_logged(visit):
        upload(page)
        expect(page.locator("#busy")).to_have_text(said)
        assert page.locator("[data-testid=toast-body]").count() == 0
    page.unroute("**/queue/join*")
    page.locator("#go").click()
    page.wait_for_selector("#results .cards[data-complete]")
    expect(page.locator("#busy")).to_be_empty()
