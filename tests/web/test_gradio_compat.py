"""What is changed of Gradio is still needed; what the server keeps of a tab, and when it goes."""

import asyncio
import gc
import warnings
from datetime import datetime, timedelta
from types import SimpleNamespace

import gradio
import gradio as gr
import pytest
from fastapi import FastAPI
from gradio.state_holder import SessionState

from attention.web import gradio_compat
from attention.web.gradio_compat import MOST_UNREAD, MOST_UPLOADS, NEEDED, OPEN, UNREAD, Session, Sessions

KEEP = timedelta(minutes=60)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def mounted():
    """A small page, and the application that it is mounted in."""
    parent = FastAPI()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # gradio's event loops, which it leaves to be collected
        with gr.Blocks() as page:
            gr.State(0)
            gr.HTML("shown")
            gr.Dropdown(["a", "b"])
        gr.mount_gradio_app(parent, page, path="/")
        gc.collect()
    return page, parent


@pytest.fixture
def page(mounted):
    return mounted[0]


@pytest.fixture
def kept(page):
    """Sessions of a page whose queue is empty; kept.now is the time of the last request of `a tab`."""
    queue = page._queue
    for kind in (queue.event_ids_to_events, queue.pending_messages_per_session, queue.pending_event_ids_session):
        kind.clear()
    holder = Sessions(page, KEEP)
    assert isinstance(holder["a tab"], Session)
    holder.now = holder.time_last_used["a tab"]
    return holder


def answer(holder: Sessions, name: str, waiting: bool, steps: int = 1) -> None:
    """Steps of an answer that nobody has fetched; while waiting, its event is still running."""
    queue = holder.blocks._queue
    queue.pending_messages_per_session[name] = asyncio.Queue()
    for step in range(steps):
        queue.pending_messages_per_session[name].put_nowait(step)
    queue.pending_event_ids_session[name] = {"event"}
    if waiting:
        queue.event_ids_to_events["event"] = SimpleNamespace(session_hash=name)


def test_a_session_has_all_that_gradios_has(page):
    """Its __init__ takes the place of Gradio's: this fails when a new version adds something."""
    assert vars(Session(page)).keys() == vars(SessionState(page)).keys()


def test_a_session_keeps_state_and_changed_components_but_no_shown_values(page):
    kinds = {type(block): key for key, block in page.blocks.items()}
    state, shown, choice = kinds[gr.State], kinds[gr.HTML], kinds[gr.Dropdown]
    session = Session(page)
    session[state] = 5
    session[choice] = gr.Dropdown(["c"], render=False)
    session._update_value_in_config(shown, "pictures" * 1000)
    session._update_config(choice)
    assert session[state] == 5 and session[choice].choices == [("c", "c")] and not session.config_values
    assert Session(page)[state] == 0 and Session(page)[choice].choices != [("c", "c")]  # each tab has its own


def test_a_closed_tab_is_forgotten_after_its_time_and_an_open_one_after_a_day(kept):
    kept.forget(kept.now + KEEP + MINUTE)
    assert "a tab" in kept
    kept["a tab"].is_closed = True
    kept.forget(kept.time_last_used["a tab"] + KEEP - MINUTE)
    assert "a tab" in kept
    kept.forget(kept.time_last_used["a tab"] + KEEP + MINUTE)
    assert "a tab" not in kept and not kept.time_last_used
    kept["another"]
    kept.forget(datetime.now() + OPEN + MINUTE)
    assert not kept.session_data


def test_answers_that_nobody_fetches_go_and_those_of_running_work_stay(kept):
    queue = kept.blocks._queue
    answer(kept, "a tab", waiting=True)
    kept.forget(kept.now + 2 * OPEN)
    assert "a tab" in queue.pending_messages_per_session and "a tab" in kept
    queue.event_ids_to_events.clear()
    kept.forget(kept.now + UNREAD - MINUTE)
    assert "a tab" in queue.pending_messages_per_session
    kept.forget(kept.now + UNREAD + MINUTE)
    assert not queue.pending_messages_per_session and not queue.pending_event_ids_session and "a tab" in kept


def test_who_leaves_the_most_answers_lying_loses_the_first_of_them(kept):
    """A visitor who asks and never reads is always waiting, so time alone would keep all of it."""
    for name, steps in (("a tab", 3 * MOST_UNREAD), ("another", 5)):
        kept[name]
        answer(kept, name, waiting=True, steps=steps)
    kept.forget(kept.now)
    queues = kept.blocks._queue.pending_messages_per_session
    assert queues["a tab"].qsize() == MOST_UNREAD - 5 and queues["another"].qsize() == 5
    assert queues["a tab"].get_nowait() == 2 * MOST_UNREAD + 5


def test_progress_is_kept_of_the_latest_uploads_alone(mounted):
    page, parent = mounted
    gradio_compat.apply(parent, page, KEEP)
    progress = gradio.routes.file_upload_statuses
    for number in range(MOST_UPLOADS + 7):
        progress.append(f"upload {number}", "a.jpg", b"1234")
        assert progress._signals[f"upload {number}"].is_set()
    assert len(progress._statuses) == len(progress._signals) == MOST_UPLOADS
    assert progress.pop(f"upload {MOST_UPLOADS}").chunk_size == 4 and "upload 0" not in progress._statuses


def test_there_is_a_most(kept, monkeypatch):
    monkeypatch.setattr(kept, "capacity", 3)
    for number in range(5):
        kept[f"tab {number}"]
    assert [*kept.session_data] == [*kept.time_last_used] == ["tab 2", "tab 3", "tab 4"]


def test_a_mounted_page_has_them(mounted):
    page, parent = mounted
    gradio_compat.apply(parent, page, KEEP)
    assert isinstance(page.state_holder, Sessions) and page.state_holder.capacity == gradio_compat.MOST
    assert parent.routes[-1].app.state_holder is page.state_holder


@pytest.mark.parametrize("need", NEEDED, ids=lambda need: need.why[:40])
def test_gradio_has_not_moved_on(need):
    """When this fails, Gradio does by itself what is changed here: take the entry out, with its code."""
    assert need.check() and need.why.endswith(".")


def test_a_mounted_page_passes_for_launched(mounted):
    page, parent = mounted
    gradio_compat.apply(parent, page, KEEP)
    assert page.has_launched
