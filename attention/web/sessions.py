"""What the server keeps for each browser tab, and for how long.

Gradio keeps up to 10,000 sessions until the server ends. Each has a copy of every component's settings and of the last
value that it showed, pictures included: 1.6 MB after one comparison of six models. Here a session holds only what the
tab itself has changed, and is deleted when it is over.
"""

import asyncio
from collections import defaultdict
from contextlib import suppress
from copy import copy
from datetime import datetime, timedelta

from fastapi import FastAPI
from gradio import Blocks, routes
from gradio.state_holder import SessionState, StateHolder
from starlette.routing import Mount

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


def bound(parent: FastAPI, page: Blocks, keep: timedelta) -> None:
    """Give a mounted page our Sessions, and Gradio's records of upload progress a limit."""
    mounted = next(route.app for route in parent.routes if isinstance(route, Mount) and route.app.blocks is page)
    mounted.state_holder = Sessions(page, keep)
    progress = routes.file_upload_statuses
    progress._statuses, progress._signals = Latest(), Latest(asyncio.Event)
