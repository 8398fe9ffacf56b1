"""How the cores are shared. `share` cannot be undone, so each test of it has a process of its own."""

import os
import subprocess
import sys
import threading

import pytest
import torch

from attention.core import threads
from attention.core.paths import ROOT

pytestmark = pytest.mark.served

BEGIN = """
import os, threading, torch
from concurrent.futures import ThreadPoolExecutor
from attention.core import deadlines, threads
torch.set_num_threads(2)
threads.share()
"""


def run(code: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code], capture_output=True, text=True, timeout=300, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_whoever_shares_nothing_computes_in_the_thread_that_asks():
    assert threads.on_all(threading.get_ident) == threading.get_ident()
    assert threads.count() == torch.get_num_threads()


def test_one_thread_computes_for_all_on_all_cores_and_the_others_have_one():
    code = """
threads.share()  # a second time changes nothing
with ThreadPoolExecutor(8) as visitors:
    where = {*visitors.map(lambda _: threads.on_all(threading.get_ident), range(40))}
    own = {*visitors.map(lambda _: torch.get_num_threads(), range(40))}
assert len(where) == 1 and threading.get_ident() not in where
print(threads.count(), threads.on_all(torch.get_num_threads), own)
"""
    assert run(code) == "2 2 {1}"


def test_what_is_asked_for_while_it_computes_is_computed_at_once():
    assert run("print(threads.on_all(lambda: threads.on_all(lambda: 1) + threads.on_all(lambda: 2)))") == "3"


def test_threads_with_a_core_each_compute_by_themselves():
    code = """
def ask(): return threads.on_all(lambda: (threading.get_ident(), torch.get_num_threads())) == (threading.get_ident(), 1)
print([threads.one_each(2).submit(ask).result() for _ in range(4)], torch.get_num_threads())
"""
    assert run(code) == "[True, True, True, True] 1"


def test_where_several_wait_each_computes_on_the_core_that_it_has():
    code = """
crowded = False
threads.share_unless(lambda: crowded)
def where(): return threads.on_all(lambda: (threading.get_ident(), torch.get_num_threads()))
alone = where()
crowded = True
with ThreadPoolExecutor(8) as visitors:
    own = list(visitors.map(lambda _: where() == (threading.get_ident(), 1), range(40)))
print(alone[0] != threading.get_ident(), alone[1], all(own), threads.always_on_all(where) == alone)
"""
    assert run(code) == "True 2 True True"


def test_failures_and_time_limits_reach_across():
    code = """
try: threads.on_all(lambda: 1 / 0)
except ZeroDivisionError: print("failed", end=" ")
with deadlines.within(0):
    print(threads.on_all(deadlines.is_past), end=" ")
print(threads.on_all(deadlines.is_past))
"""
    assert run(code) == "failed True False"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads in /proc")
def test_visitors_in_many_threads_leave_one_team():
    """Every team beyond the first makes all of them slower, for as long as its thread lives."""
    code = """
from PIL import Image
from attention.inference.questions import Examiner
from attention.inference.compare import Models, compare
models, photo = Models(device="cpu"), Image.linear_gradient("L").convert("RGB")
examiner = Examiner(models)
def visit(_):
    list(compare(photo, ["baseline", "cbam-block"], models))
    examiner.look(photo, "se-block")
    examiner.deletion_and_insertion(photo, "baseline")
visit(0)
before = len(os.listdir("/proc/self/task"))
with ThreadPoolExecutor(3, initializer=threading.Barrier(3).wait) as visitors:
    list(visitors.map(visit, range(3)))
    print(len(os.listdir("/proc/self/task")) - before)
"""
    assert run(code) == "3"
