"""Measuring while visitors look on: one at a time, stopped by its own visitor alone, nothing invented."""

import threading

import pandas as pd
import pytest
import torch

from attention.inference.compare import Models
from attention.study.lookup import Machine
from attention.web.tabs.benchmarks import live
from attention.web.tabs.benchmarks.live import Taken, Turn

MACHINE = Machine("another", "cpu", 2, "float32")


def test_a_second_visitor_is_refused_until_the_first_is_done():
    turn = Turn()
    with turn.of("first"):
        assert turn.is_taken
        with pytest.raises(Taken), turn.of("second"):
            pass
        assert turn.is_taken, "the refusal took nothing away"
    with turn.of("second"):
        pass
    assert not turn.is_taken


def test_a_failure_gives_the_turn_back():
    turn = Turn()
    with pytest.raises(RuntimeError), turn.of("first"):
        raise RuntimeError
    assert not turn.is_taken


def test_only_the_visitor_who_measures_can_stop_it():
    turn = Turn()
    turn.stop("first")
    with turn.of("first") as stopped:
        assert not stopped(), "stopping before it began stops nothing"
        turn.stop("second")
        assert not stopped()
        turn.stop("first")
        assert stopped()
    with turn.of("second") as stopped:
        assert not stopped()


@pytest.fixture
def models(published):
    """Two of the models."""
    found = Models(device="cpu")
    found.names = ["baseline", "se-block"]
    return found


def test_rows_of_the_offered_models_and_progress(models, monkeypatch):
    monkeypatch.setattr(live, "CALLS", 3)
    monkeypatch.setattr(live, "WARM_UPS", 1)
    steps = []
    rows = live.measure(models, lambda: False, lambda done, total: steps.append((done, total)))
    assert rows["variant"].tolist() == ["baseline", "se-block"] and (rows["calls"] == 3).all()
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert rows["threads"][0] == torch.get_num_threads()


def test_a_model_that_cannot_be_loaded_is_left_out(models, monkeypatch):
    monkeypatch.setattr(live, "CALLS", 1)
    models.problems["se-block"] = "altered"
    assert live.measure(models, lambda: False)["variant"].tolist() == ["baseline"]


def test_stopped_halfway_the_calls_made_are_shown(models):
    rounds = iter(range(100))
    rows = live.measure(models, lambda: next(rounds) >= live.WARM_UPS + 2)
    assert (rows["calls"] == 3).all()
    assert "Stopped after 3 of 50 calls" in live.shown("en", rows, None)


def test_stopped_at_once_nothing_is_shown(models):
    rows = live.measure(models, lambda: True)
    assert (
        rows.empty
        and "Stopped before" in live.shown("en", rows, MACHINE)
        and "<table" not in live.shown("en", rows, None)
    )


def _rows(**changes) -> pd.DataFrame:
    rows = pd.DataFrame(
        {"variant": ["baseline", "se-block"], "p50_ms": [4.0, 5.0], "p90_ms": [4.4, 5.5], "iqr_ms": [0.1, 0.1]}
    )
    return rows.assign(device="this", threads=2, dtype="float32", calls=50, **changes)


def test_now_and_on_record_are_labelled_apart(monkeypatch):
    recorded = _rows().assign(p50_ms=[8.0, 12.0], p90_ms=9.0)
    monkeypatch.setattr(live.lookup, "latencies", lambda machine, batch_size, pixels: recorded)
    html = live.shown("en", _rows(), MACHINE)
    assert "Measured now on this, 2 thread(s), 50 calls" in html and "Recorded on another, 2 thread(s), float32" in html
    cells = [part.split("<")[0] for part in html.split("data-value=")[1:]]
    assert [cell.split(">")[1] for cell in cells] == [
        "4.00", "4.40", "1.00", "8.00", "9.00", "1.00", "5.00", "5.50", "1.25", "12.00", "9.00", "1.50"
    ]  # fmt: skip
    assert "compare the ratios" in html
    assert "Measured now" not in live.shown("zh", _rows(), MACHINE)


def test_a_spread_is_told():
    assert "1 of 2 models" in live.shown("en", _rows(iqr_ms=[0.1, 2.0]), None)
    assert "spread" not in live.shown("en", _rows(), None)


def test_two_threads_asking_at_once_get_one_turn():
    turn, got, barrier = Turn(), [], threading.Barrier(8)

    def ask(name: str) -> None:
        barrier.wait()
        try:
            with turn.of(name):
                got.append(name)
                release.wait(5)
        except Taken:
            got.append(None)

    release = threading.Event()
    threads = [threading.Thread(target=ask, args=(str(n),)) for n in range(8)]
    for thread in threads:
        thread.start()
    while len(got) < 8:
        release.wait(0.01)
    release.set()
    for thread in threads:
        thread.join()
    assert got.count(None) == 7
