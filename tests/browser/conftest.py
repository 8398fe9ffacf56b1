"""A real server on the committed checkpoints, and a real Chromium that may talk to nobody else."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from attention.core.paths import ROOT

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--process-per-site",
]  # fmt: skip
# Gradio's own client says the first whenever it closes an event stream, the others when one leaves the page while a stream
# is open; they are no messages of ours and cannot be switched off.
KNOWN = (
    "Method not implemented.",
    "AbortError: signal is aborted without reason",
    "Connection errored out.",
    "Unexpected error Connection errored out.",
    # two events that save one picture write the same file of its cache, which may be on its way to the browser just then
    "Failed to load resource: net::ERR_CONTENT_LENGTH_MISMATCH",
)


@contextmanager
def serving(folder: Path, *command: str):
    """The address of a page that a command serves at the port given as its last argument.

    No data set is there, but folders of one's own that are registered in folder/own.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "log.txt"
    environment = os.environ | {"ATTENTION_DATA": str(folder), "GRADIO_TEMP_DIR": str(folder / "cache")}
    environment |= {"PYTHONPATH": str(ROOT), "ATTENTION_OWN": str(folder / "own")}
    with open(log, "w") as output:
        process = subprocess.Popen(
            [sys.executable, *command, str(port)], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                time.sleep(0.5)
        else:
            raise AssertionError("the page did not come up: " + log.read_text())
        yield address
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="session")
def start():
    """start(folder, *command) serves a page of one's own, with other flags: see `serving`."""
    return serving


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The page on what is committed, started as a visitor's host would start it."""
    with serving(
        tmp_path_factory.mktemp("server"), "app.py", "--device", "cpu", "--dataset", "imagenette", "--port"
    ) as address:
        yield address


@pytest.fixture(scope="session")
def study_server(tmp_path_factory):
    """The page on made-up results of every variant: see study.py."""
    folder = tmp_path_factory.mktemp("study")
    with serving(folder, "tests/browser/study.py", str(folder)) as address:
        yield address


@pytest.fixture(scope="module")
def own_server(tmp_path_factory, draw_shapes):
    """The page beside a folder of drawn shapes, trained on the command line; and that folder."""
    folder = tmp_path_factory.mktemp("own")
    shapes = draw_shapes(folder / "my shapes", circle=12, square=12, triangle=12)
    trained = subprocess.run(
        [sys.executable, "-m", "attention", "train", "--data", str(shapes), "--recipe", "smoke", "--device", "cpu"],
        cwd=ROOT, env=os.environ | {"ATTENTION_OWN": str(folder / "own"), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    assert "python app.py --dataset my-shapes now offers baseline." in trained.stdout
    with serving(folder, "app.py", "--device", "cpu", "--dataset", "imagenette", "--port") as address:
        yield address, shapes


@pytest.fixture
def visit_own(own_server, chromium):
    """Like `visit`, to the page that offers a folder of one's own too."""
    yield from _visits(own_server[0], chromium)


@pytest.fixture(scope="session")
def slow_server(tmp_path_factory):
    """The page on models that take their time while folder/slow is there: see slow.py; and that folder."""
    folder = tmp_path_factory.mktemp("slow")
    with serving(folder, "tests/browser/slow.py", str(folder)) as address:
        yield address, folder


@pytest.fixture
def visit_slow(slow_server, chromium):
    """Like `visit`, to the page of slow.py."""
    for name in ("slow", "hold", "foreign"):
        (slow_server[1] / name).unlink(missing_ok=True)
    yield from _visits(slow_server[0], chromium)


@pytest.fixture(scope="module")
def imagenet_server(tmp_path_factory, timm_files):
    """The page with ImageNet's models, of random weights."""
    folder = tmp_path_factory.mktemp("imagenet_page")
    command = ("app.py", "--device", "cpu", "--dataset", "imagenette", "--imagenet", str(timm_files), "--port")
    with serving(folder, *command) as address:
        yield address


@pytest.fixture
def visit_imagenet(imagenet_server, chromium):
    """Like `visit`, to the page that offers ImageNet too."""
    yield from _visits(imagenet_server, chromium)


@pytest.fixture(scope="session")
def chromium():
    assert CHROMIUM, "No Chromium here. Install one: sudo apt install chromium (make test does so for root)"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
        _idle.clear()


@dataclass
class Visit:
    """A tab, and what it said and asked for."""

    page: Page
    messages: list[str] = field(default_factory=list)
    foreign_requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def visiting(chromium):
    """with visiting(address) as visit: for a tab that several tests of a module look at, and none changes."""
    return contextmanager(lambda address: _visits(address, chromium))


@pytest.fixture
def visit(server, chromium):
    """Open the page: visit(locale="zh-CN", color_scheme="dark", width=390). Every visit ends with a clean console."""
    yield from _visits(server, chromium)


@pytest.fixture
def visit_study(study_server, chromium):
    """Like `visit`, to the page on made-up results."""
    yield from _visits(study_server, chromium)


# (browser, locale) -> contexts that no test uses: what Chromium has loaded and compiled is kept for the next visitor
_idle: defaultdict[tuple[Browser, str], list[BrowserContext]] = defaultdict(list)


def _new_context(chromium: Browser, locale: str, server: str) -> BrowserContext:
    """With a small page of the site that stays open, and with it the process that has compiled our scripts."""
    context = chromium.new_context(locale=locale)
    context.new_page().goto(f"{server}/favicon.ico")
    return context


def _forget(context: BrowserContext, server: str) -> None:
    """Leave a context as a visitor finds it who has never been here."""
    kept, *others = context.pages
    for page in others:
        page.close()
    storage = context.new_cdp_session(kept)
    storage.send("Storage.clearDataForOrigin", {"origin": server, "storageTypes": "all"})
    storage.detach()
    context.clear_cookies()
    context.clear_permissions()


def _visits(server: str, chromium):
    visits, contexts = [], []

    def opened(locale: str = "en-GB", color_scheme: str = "light", width: int = 1440, height: int = 1000) -> Visit:
        idle = _idle[chromium, locale]
        context = idle.pop() if idle else _new_context(chromium, locale, server)
        contexts.append((locale, context))
        tab = Visit(context.new_page())
        visits.append(tab)
        tab.page.set_viewport_size({"width": width, "height": height})
        tab.page.emulate_media(color_scheme=color_scheme, reduced_motion="reduce")
        tab.page.set_default_timeout(60_000)
        tab.page.on("console", lambda m: m.text.startswith(KNOWN) or tab.messages.append(f"{m.type}: {m.text}"))
        tab.page.on("pageerror", lambda error: tab.messages.append(f"error: {error}"))
        ours = (server, "data:", "blob:")
        tab.page.on("request", lambda r: r.url.startswith(ours) or tab.foreign_requests.append(r.url))
        tab.page.goto(server)
        tab.page.wait_for_selector("#samples img")
        return tab

    yield opened
    try:
        for tab in visits:
            assert tab.messages == [] and tab.foreign_requests == []
    finally:
        for locale, context in contexts:
            _forget(context, server)
            _idle[chromium, locale].append(context)
