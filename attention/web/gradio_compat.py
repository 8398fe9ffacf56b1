"""Every change that this page makes to Gradio's own objects, and nothing else.

An entry of NEEDED says why; its `check` is true for as long as the installed Gradio still needs it. A test calls them all, so
that a version which no longer does is noticed, and the entry can go. Written for Gradio 6.31.
"""

import asyncio
import contextlib
import inspect
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from fastapi import FastAPI, Request
from gradio import Blocks, route_utils, routes
from gradio.queueing import Event, Queue
from gradio.state_holder import SessionState, StateHolder
from gradio_client.utils import strip_invalid_filename_characters
from starlette.formparsers import MultiPartException
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(frozen=True)
class Need:
    """Why Gradio is changed, where it is talked about upstream ("" where nothing was found), and whether it still is needed."""

    why: str
    upstream: str
    check: Callable[[], bool]


def apply(parent: FastAPI, page: Blocks, keep: timedelta) -> None:
    """Change what concerns a page that has been mounted in `parent`. A closed tab's session is kept for `keep`."""
    mounted = next(route.app for route in parent.routes if isinstance(route, Mount) and route.app.blocks is page)
    mounted.state_holder = Sessions(page, keep)
    progress = routes.file_upload_statuses
    progress._statuses, progress._signals = Latest(), Latest(asyncio.Event)
    page.has_launched = True
    route_utils.GradioMultiPartParser = Parser


# sessions

MOST = 2000  # sessions; beyond that, the one that has been quiet the longest is deleted
OPEN = timedelta(hours=24)  # without a request, for a tab that never said that it was closed
UNREAD = timedelta(minutes=5)  # after the last request, for answers that nobody has fetched
MOST_UNREAD = 500  # unread steps of answers, in all sessions; beyond that, the oldest of the fullest session go
MOST_UPLOADS = 1000  # the latest uploads, whose progress is kept


class Session(SessionState):
    """What the server keeps for one browser tab.

    Gradio's class also copies every component's settings for deep links, which are off here.
    """

    def __init__(self, blocks: Blocks):  # instead of Gradio's, which makes those copies
        self.blocks_config = copy(blocks.default_config)
        self.config_values: dict = {}
        self.state_data: dict = {}
        self._state_ttl: dict = {}
        self.is_closed = False
        self.STATE_TTL_WHEN_CLOSED = 3600

    def __setitem__(self, key: int, value) -> None:
        super().__setitem__(key, value)
        self.config_values.clear()

    def _update_config(self, key: int) -> None:
        pass

    def _update_value_in_config(self, key: int, value) -> None:
        pass


class Sessions(StateHolder):
    """The sessions of a mounted page, in place of Gradio's. A closed tab's is kept for `keep` after its last use."""

    def __init__(self, blocks: Blocks, keep: timedelta):
        super().__init__()
        self.keep = keep
        blocks.state_session_capacity = MOST
        self.set_blocks(blocks)

    def __getitem__(self, session_id: str) -> Session:
        with self.lock:
            if session_id not in self.session_data:
                self.session_data[session_id] = Session(self.blocks)
        return super().__getitem__(session_id)

    def delete_all_expired_state(self) -> None:
        """Gradio calls this once a second, in the thread of its queue."""
        super().delete_all_expired_state()
        self.forget(datetime.now())

    def forget(self, now: datetime) -> None:
        """Drop expired sessions and unread answers; of visitors who wait, only answers beyond MOST_UNREAD."""
        queue = self.blocks._queue
        waiting = {event.session_hash for event in queue.event_ids_to_events.values()}
        quiet = {name: now - last for name, last in self.time_last_used.items() if name not in waiting}
        for name, unused in quiet.items():
            if unused > (self.keep if self.session_data[name].is_closed else OPEN):
                del self.session_data[name], self.time_last_used[name]
        for name in [*queue.pending_messages_per_session]:
            if name not in waiting and quiet.get(name, OPEN) > UNREAD:
                del queue.pending_messages_per_session[name]
                queue.pending_event_ids_session.pop(name, None)
        unread = [*queue.pending_messages_per_session.values()]
        for _ in range(sum(messages.qsize() for messages in unread) - MOST_UNREAD):
            with suppress(asyncio.QueueEmpty):  # somebody reads it at this very moment
                max(unread, key=asyncio.Queue.qsize).get_nowait()


class Latest(defaultdict):
    """A dict that keeps its latest MOST_UPLOADS entries; Gradio's keep one for every upload that there ever was."""

    def __setitem__(self, key, value) -> None:
        super().__setitem__(key, value)
        while len(self) > MOST_UPLOADS:
            del self[next(iter(self))]


# the queue

PARTS = 4  # parts of the queue: a group of slow jobs may fill one of them, an address all but one


def queue_by_address(page: Blocks, most: int, brief: str, address: Callable[[Request], str]) -> None:
    """Make the page's queue of `most` places fair: in each group, addresses (`address` of a request) take turns.

    `brief` is the group whose events take seconds; any other group may take one part of the places.
    """
    queue, push, part = page._queue, page._queue.push, most // PARTS

    async def push_fairly(body, request, username):
        fn, visitor = page.fns.get(body.fn_index), address(request)
        if fn is None or fn.fn is None:
            return False, "There is no such function.", "error"
        groups = queue.event_queue_per_concurrency_id
        waiting = [event for group in groups.values() for event in group.queue]
        of_group = sum(event.concurrency_id == fn.concurrency_id for event in waiting)
        of_visitor = sum(address(event.request) == visitor for event in waiting)
        if (fn.concurrency_id != brief and of_group >= max(1, part)) or of_visitor >= most - part:
            return False, "Queue is full.", "queue_full"
        pushed = await push(body, request, username)
        line = groups[fn.concurrency_id].queue
        ordered = in_turn(line, at_work(queue, fn.concurrency_id), address)
        if ordered != line:
            line[:] = ordered
            queue.broadcast_estimations(fn.concurrency_id)
        return pushed

    queue.push = push_fairly


def in_turn(waiting: list[Event], running: list[Event], address: Callable[[Request], str]) -> list[Event]:
    """The first event of each address, then the second of each, and so on; a running event counts as the first
    of its address."""
    had, rounds = Counter(address(event.request) for event in running), []
    for event in waiting:
        visitor = address(event.request)
        rounds.append(had[visitor])
        had[visitor] += 1
    return [waiting[place] for place in sorted(range(len(waiting)), key=rounds.__getitem__)]


def at_work(queue: Queue, group: str) -> list[Event]:
    return [event for job in queue.active_jobs if job for event in job if event.concurrency_id == group]


# uploads

ORIGINAL_PARSER = route_utils.GradioMultiPartParser


class Parser(route_utils.GradioMultiPartParser):
    """Gradio's parser of uploads, which here deletes partial files when writing fails or the visitor leaves.

    It also refuses what Gradio would write for nobody: fields other than "files", and files with an impossible name.
    """

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        part = self._current_part
        if part.file is None or part.field_name != "files":
            raise MultiPartException("An upload holds files alone, in fields that are called files.")
        if strip_invalid_filename_characters(Path(part.file.filename or "").name) == "..":
            raise MultiPartException("A file cannot have this name.")

    async def parse(self):
        try:
            return await super().parse()
        except BaseException:
            for file in self._files_to_close_on_error:
                with contextlib.suppress(OSError):  # closing writes the rest of the buffer, which may fail too
                    file.close()
                Path(file.name).unlink(missing_ok=True)
            raise


# the description of the API


class DescribesForEachCaller:
    """ASGI middleware that asks Gradio for the description of one page, the only one there is, because it makes that for
    each caller. Without a page it keeps one for all, with the host name from the first caller's request."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].rstrip("/").endswith("/gradio_api/info"):
            asked = scope["query_string"]
            if b"page=" not in asked:
                scope = scope | {"query_string": asked + b"&page=" if asked else b"page="}
        await self.app(scope, receive, send)


def _keeps_all_progress() -> bool:
    progress = route_utils.FileUploadProgress()
    for number in range(MOST_UPLOADS + 1):
        progress.track(f"upload {number}")
    return len(progress._statuses) > MOST_UPLOADS


NEEDED = (
    Need(
        "A mounted page never says that it was launched, and Gradio then takes any file of the server for an upload.",
        "",
        lambda: "has_launched = True" not in inspect.getsource(routes.mount_gradio_app),
    ),
    Need(
        "Gradio keeps a copy of every component's settings and last value for each tab, until the server ends.",
        "https://github.com/gradio-app/gradio/issues/11602",
        lambda: "_update_value_in_config" in inspect.getsource(SessionState),
    ),
    Need("Gradio keeps the progress of every upload that there ever was.", "", _keeps_all_progress),
    Need(
        "Gradio's parser leaves half of an upload on the disk when writing fails or the visitor leaves.",
        "",
        lambda: "except (MultiPartException, MultipartParseError)" in inspect.getsource(ORIGINAL_PARSER.parse),
    ),
    Need(
        "Gradio's queue is first come, first served: one address can keep everybody else waiting.",
        "",
        lambda: "client" not in inspect.getsource(Queue.push),
    ),
    Need(
        "Without a page, the description of the API is made once, for the first caller.",
        "",
        lambda: "app.api_info = prepare_api_info" in inspect.getsource(routes.App.create_app),
    ),
)
