"""What a visitor waits for: python benchmarks/browser.py [--repeats 10] [--compares 50]

Starts app.py, and in a headless Chromium uploads photos to it. Prints the seconds to the first HTTP 200, the seconds from
upload to the last card (page warm, the models that are chosen at first), and the server's memory after many compares.
"""

import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from attention.core import devices  # noqa: E402
from attention.models import checkpoints  # noqa: E402
from attention.web.tabs.compare.tab import chosen_at_first  # noqa: E402

PHOTOS = [str(ROOT / "samples" / name) for name in ("church.jpg", "gas-pump.jpg")]  # by turns: each is a change
CHROMIUM = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
WARM_UPS = 3
# Resolves to the time at which every card is done and painted, and shows another photo than before.
LAST_CARD = """count => { window.lastCard = new Promise(resolve => {
  const photo = () => document.querySelector('#results .card.done img')?.src;
  const before = photo();
  new MutationObserver((_, observer) => {
    if (document.querySelectorAll('#results .card.done').length === count && photo() !== before) {
      observer.disconnect();
      requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now())));
    }
  }).observe(document.querySelector('#results'), {subtree: true, childList: true});
}); return performance.now(); }"""


@contextmanager
def serving(folder: str):
    """(process, address, seconds to HTTP 200) of a page started as `python app.py`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "app.py", "--device", "cpu", "--dataset", "imagenette", "--port", str(port)], cwd=ROOT, stdout=subprocess.DEVNULL,
        env=os.environ | {"GRADIO_TEMP_DIR": folder},
    )  # fmt: skip
    try:
        while True:
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except OSError:
                if process.poll() is not None:
                    sys.exit("app.py ended before it served a page.")
                time.sleep(0.05)
        yield process, address, time.perf_counter() - started
    finally:
        process.terminate()
        process.wait(20)


def upload(page: Page, photo: str, cards: int) -> float:
    """Seconds from the upload to the last card."""
    started = page.evaluate(LAST_CARD, cards)
    page.set_input_files("#photo input[type=file]", photo)
    return (page.evaluate("() => window.lastCard") - started) / 1e3


def processor_seconds(process: subprocess.Popen) -> float:
    """What the server has computed so far, on all cores together: other load on the machine hardly changes it."""
    user, system = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def memory_mb(process: subprocess.Popen) -> tuple[float, float]:
    """Resident now, and at most so far."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return tuple(int(re.search(rf"{key}:\s+(\d+) kB", status)[1]) / 1e3 for key in ("VmRSS", "VmHWM"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=10, help="uploads that are timed")
    parser.add_argument("--compares", type=int, default=50, help="uploads in all before the memory is read")
    arguments = parser.parse_args()
    if CHROMIUM is None:
        sys.exit("There is no Chromium here. Install one: sudo apt install chromium")
    cards, load = len(chosen_at_first(checkpoints.available())), devices.load_average()
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(folder) as (process, address, to_200),
        sync_playwright() as play,
    ):
        computed = processor_seconds(process)
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.set_default_timeout(120_000)
        page.goto(address)
        page.wait_for_selector("#samples img")
        fresh, _ = memory_mb(process)
        count = max(arguments.compares, WARM_UPS + arguments.repeats)
        times = [upload(page, PHOTOS[index % len(PHOTOS)], cards) for index in range(count)]
        resident, peak = memory_mb(process)
        browser.close()
    timed = sorted(times[WARM_UPS : WARM_UPS + arguments.repeats])
    name = devices.device_name(torch.device("cpu"))
    print(f"{name}, {torch.get_num_threads()} threads, load average before {load:.2f}, torch {torch.__version__}")
    print(f"python app.py to HTTP 200: {to_200:.1f} s, {computed:.1f} s of them computing")
    print(
        f"upload to last card, {cards} models, page warm: median {statistics.median(timed):.2f} s of {len(timed)} "
        f"(fastest {timed[0]:.2f}, slowest {timed[-1]:.2f})"
    )
    print(f"resident memory: {fresh:.0f} MB fresh, {resident:.0f} MB after {count} compares, {peak:.0f} MB at most")


if __name__ == "__main__":
    main()
