"""Addresses take turns in the queue, and nobody fills it."""

from types import SimpleNamespace

import gradio as gr
import pytest

from attention.web import gradio_compat

pytestmark = pytest.mark.served


def address(request) -> str:
    return request


def event(name: str, group: str = "models"):
    return SimpleNamespace(request=name[0], name=name, concurrency_id=group)


@pytest.mark.parametrize(
    ("asked", "running", "expected"),
    [
        ("a1 a2 a3 b1 c1 b2", "", "a1 b1 c1 a2 b2 a3"),
        ("a2 a3 b1 c1", "a1", "b1 c1 a2 a3"),
        ("a1 b1 c1", "", "a1 b1 c1"),
        ("a1 a2 a3", "a0", "a1 a2 a3"),  # a class behind one address: first come, first served
        ("", "a1", ""),
    ],
)
def test_addresses_take_turns(asked, running, expected):
    ordered = gradio_compat.in_turn([*map(event, asked.split())], [*map(event, running.split())], address)
    assert [one.name for one in ordered] == expected.split()


@pytest.fixture
def page(in_a_thread):
    """A page of two groups whose queue of eight places nobody works off; page.ask(visitor, group) -> what it is told."""

    async def built():  # gradio leaves a loop open where it finds none
        with gr.Blocks() as page:
            for group in ("models", "many"):
                gr.Button().click(lambda: None, concurrency_id=group, concurrency_limit=1)
        page.queue(max_size=8)
        page._queue.event_queue_per_concurrency_id.clear()
        gradio_compat.queue_by_address(page, 8, "models", address)
        return page

    page = in_a_thread(built())

    def ask(visitor: str, group: str = "models", number: int | None = None) -> str:
        there = next(key for key, fn in page.fns.items() if fn.concurrency_id == group)
        body = SimpleNamespace(fn_index=number or there, session_hash=visitor, event_id=None, data=[], request=None)
        return in_a_thread(page._queue.push(body, visitor, None))[2]

    page.ask = ask
    return page


def line(page, group: str = "models") -> str:
    return "".join(event.request for event in page._queue.event_queue_per_concurrency_id[group].queue)


def test_who_asks_many_times_waits_behind_who_asks_once(page):
    assert [page.ask(visitor) for visitor in "aaab"] == ["success"] * 4 and line(page) == "abaa"
    page._queue.active_jobs[:1] = [page._queue.event_queue_per_concurrency_id["models"].queue[:1]]  # a's first one runs
    page._queue.event_queue_per_concurrency_id["models"].queue.pop(0)
    assert page.ask("c") == "success" and line(page) == "bcaa"


def test_nobody_fills_the_queue(page):
    told = [page.ask("a") for _ in range(8)]
    assert told == ["success"] * 6 + ["queue_full"] * 2
    assert page.ask("b") == page.ask("c") == "success" and line(page) == "abcaaaaa"
    assert page.ask("d") == "queue_full", "all eight places are taken"


def test_what_takes_minutes_leaves_room(page):
    assert [page.ask(visitor, "many") for visitor in "abc"] == ["success", "success", "queue_full"]
    assert page.ask("c") == "success" and line(page, "many") == "ab"


def test_a_function_that_is_not_there_is_a_mistake_of_who_asks(page):
    assert page.ask("a", number=9999) == page.ask("a", number=-1) == "error"
