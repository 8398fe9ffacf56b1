"""A fair queue: addresses take turns, and neither one address nor slow jobs can fill it.

Gradio's queue is one line, first come first served: whoever asks sixty times at once keeps everybody else waiting or out.
"""

from collections import Counter
from collections.abc import Callable

from fastapi import Request
from gradio import Blocks
from gradio.queueing import Event, Queue

PARTS = 4  # parts of the queue: a group of slow jobs may fill one of them, an address all but one


def fairly(page: Blocks, most: int, brief: str, address: Callable[[Request], str]) -> None:
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
