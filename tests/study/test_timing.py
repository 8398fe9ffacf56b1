"""Round robin is fair, memory is counted to the byte, and what is measured outlives an interruption."""

import pandas as pd
import pytest
import torch

from attention.core import devices
from attention.study import timing
from attention.study.timing import RoundRobin

CPU = torch.device("cpu")


def test_round_robin_interleaves():
    order = []
    robin = RoundRobin({name: lambda name=name: order.append(name) for name in "abc"}, CPU)
    assert list(robin.run(4, warm_ups=2)) == [1, 2, 3, 4, 5, 6]
    assert order == list("abc") * 6
    table = robin.statistics()
    assert table.index.tolist() == list("abc") and (table["calls"] == 4).all() and (table["warm_ups"] == 2).all()
    assert (table["p50_ms"] <= table["p90_ms"]).all() and (table["p90_ms"] <= table["p99_ms"]).all()


def test_by_default_there_are_twenty_warm_ups():
    calls = []
    list(RoundRobin({"a": lambda: calls.append(1)}, CPU).run(3))
    assert len(calls) == 20 + 3


def test_statistics_speak_of_the_rounds_so_far():
    robin = RoundRobin({"a": lambda: None}, CPU)
    steps = robin.run(10, warm_ups=1)
    next(steps)
    assert robin.statistics().empty
    next(steps), next(steps)
    assert robin.statistics().loc["a", "calls"] == 2


def _statistics(monkeypatch, times, load_before=0.0, others=0.0) -> pd.Series:
    robin = RoundRobin({"a": lambda: None}, CPU, load_before)
    robin.rounds = [{"a": ms} for ms in times]
    monkeypatch.setattr(RoundRobin, "load_of_others", lambda self: others)
    return robin.statistics().loc["a"]


def test_what_makes_a_row_busy(monkeypatch):
    steady, spread = [10.0, 10.1] * 20, [10.0, 12.0] * 20
    assert not _statistics(monkeypatch, steady)["busy"]
    assert not _statistics(monkeypatch, steady, others=None)["busy"], "unknown is not busy"
    assert _statistics(monkeypatch, spread)["busy"], "an interquartile range of 18 %"
    assert _statistics(monkeypatch, steady, load_before=0.31)["busy"]
    assert _statistics(monkeypatch, steady, others=0.31)["busy"], "somebody came while it ran"


@pytest.mark.skipif(devices.others_cpu_seconds() is None, reason="no /proc/stat here")
def test_this_process_is_not_among_the_others(monkeypatch):
    robin = RoundRobin({"a": lambda: sum(range(200_000))}, CPU)
    clock = iter([100.0, 110.0])
    monkeypatch.setattr(timing.time, "monotonic", lambda: next(clock))
    seconds = iter([50.0, 55.0])
    monkeypatch.setattr(devices, "others_cpu_seconds", lambda: next(seconds))
    list(robin.run(1, warm_ups=0))
    assert robin.load_of_others() == 0.5


def test_memory_is_the_peak_of_what_a_call_holds(device):
    def call():
        first = torch.empty(1_000_000, device=device)
        second = torch.empty(2_000_000, device=device)
        del first
        third = torch.empty(500_000, device=device)
        del second, third

    assert timing.working_memory_mb(call, device) == pytest.approx(12, rel=0.05), "first and second together"


def test_memory_does_not_count_what_was_there(device):
    kept = torch.ones(1_000_000, device=device)
    assert timing.working_memory_mb(lambda: kept.add_(1), device) < 0.1
    assert timing.working_memory_mb(lambda: kept + 1, device) == pytest.approx(4, rel=0.05)


class Stop(KeyboardInterrupt):
    pass


def test_an_interruption_keeps_what_was_measured():
    calls, saved = [], []

    def call():
        calls.append(1)
        if len(calls) > 25:
            raise Stop

    robin = RoundRobin({"a": call}, CPU)
    with pytest.raises(Stop):
        timing.record_as_it_goes(robin, robin.statistics, 100, saved.append, lambda: None)
    assert [table.loc["a", "calls"] for table in saved] == [5]


def test_rows_are_saved_on_the_way(monkeypatch):
    monkeypatch.setattr(timing, "SAVE_EVERY_S", -1)  # a kill that cannot be caught loses what came since the last save
    saved = []
    robin = RoundRobin({"a": lambda: None}, CPU)
    timing.record_as_it_goes(robin, robin.statistics, 3, saved.append, lambda: None)
    assert [table.loc["a", "calls"] for table in saved] == [1, 2, 3, 3]
