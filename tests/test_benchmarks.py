"""Each side-by-side benchmark runs in its short form and prints its table; nothing here asserts a time."""

import math
import statistics

import pytest
import torch

from benchmarks import mechanisms, self_attention, sides, training

pytestmark = pytest.mark.served


def rows_of(output: str) -> list[list[str]]:
    table = [line.strip("| ").split(" | ") for line in output.splitlines() if line.startswith("| ")]
    assert all(len(row) == len(table[0]) for row in table)
    return table[1:]


def test_self_attention(capsys):
    self_attention.main(["--short"])
    assert [row[:2] for row in rows_of(capsys.readouterr().out)] == [
        [positions, mode] for positions in ("100", "1,764") for mode in ("forward + backward", "forward")
    ]


def test_mechanisms(capsys):
    mechanisms.main(["--short", "--threads", "1"])
    output = capsys.readouterr().out
    assert [row[0] for row in rows_of(output)] == [name for name in mechanisms.PEERS for _ in mechanisms.LAYOUTS]
    assert "of 10" in output


def test_training(capsys, tiny_dataset):
    training.main(["--short"])
    rows = rows_of(capsys.readouterr().out)
    assert rows[-1][0] == "usual loop, float32" and rows[-1][3] == "1.00"
    assert all(float(row[2].replace(",", "")) > 0 for row in rows)


def test_sides_take_turns_and_change_who_goes_first():
    order = []
    times = sides.in_turn({name: lambda name=name: order.append(name) for name in "abc"}, rounds=4, warm_ups=1)
    assert "".join(order) == "abc" + "abc" + "bca" + "cab" + "abc"
    assert all(len(values) == 4 for values in times.values())


def test_after_a_pause_a_call_goes_untimed():
    order = []
    times = sides.in_turn({name: lambda name=name: order.append(name) for name in "ab"}, rounds=2, pause_s=1e-6)
    assert "".join(order) == "aabb" + "bbaa" and all(len(values) == 2 for values in times.values())


def test_the_ratio_is_of_rounds():
    times = {"ours": [1.0, 2.0, 10.0], "theirs": [2.0, 6.0, 20.0]}
    assert sides.ratio(times, "theirs", "ours") == statistics.median([2, 3, 2]) == 2


@pytest.mark.skipif(not sides.CLEAR.exists(), reason="the peak of a call's memory is read from Linux's /proc")
def test_memory_of_a_call_is_seen_after_it_was_given_back():
    megabytes = sides.extra_megabytes(lambda: torch.ones(100, 1_000_000).sum().item())
    assert math.isclose(megabytes, 400, rel_tol=0.05)
    assert sides.extra_megabytes(lambda: None) < 20
