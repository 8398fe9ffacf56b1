"""How many files one upload of six models enters, and how often it goes from one file to another.

    python -m benchmarks.trace_upload [--models 6] [--files]

Serves the page in this process, sends a photo as a browser does (the upload, the button, the stream of its answer), and notes
each function of attention/ that is entered. A change of file is an entry whose file is not that of the entry before it in the
same thread. Templates are not counted, because Jinja compiles them to generators that are entered for every piece of text. The
forward pass is what enters one architecture after the other: FORWARD. The first photo is not counted, since
it loads what the page then keeps.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import threading
from collections import Counter, defaultdict
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = f"{ROOT / 'attention'}{os.sep}"
FORWARD = (  # paths below attention/ begin so
    "models/mechanisms",
    "models/network.py",
    "models/fusion.py",
    "inference/fast_path.py",
    "core/cuda_graphs.py",
)


class Tracer:
    """Notes the files of attention/ that every thread enters while it is `on`, in order."""

    def __init__(self):
        self.on = False
        self.entries: dict[int, list[str]] = defaultdict(list)  # by thread

    def __call__(self, frame, event: str, argument) -> None:
        file = frame.f_code.co_filename
        if event == "call" and self.on and file.startswith(PACKAGE) and file.endswith(".py"):
            self.entries[threading.get_ident()].append(file.removeprefix(PACKAGE))

    def install(self) -> None:
        """In this thread and in those that begin from now on."""
        threading.setprofile(self)
        sys.setprofile(self)

    def counts(self, without: tuple[str, ...] = ()) -> tuple[int, int, Counter]:
        """(files entered, changes of file, changes into each file), as if the files `without` were not ours."""
        entered, into = set(), Counter()
        for thread in self.entries.values():
            files = [file for file in thread if not file.startswith(without)] if without else thread
            entered.update(files)
            into.update(file for before, file in zip([None, *files], files, strict=False) if before != file)
        return len(entered), into.total(), into


def served(port: int):
    """The page, as app.py serves it."""
    from attention.serving import health

    os.environ["GRADIO_TEMP_DIR"] = str(health.upload_folder())  # before gradio is imported, as in app.py
    from attention.core import threads
    from attention.inference.model_sets import ModelSets
    from attention.serving.settings import Settings
    from attention.web import server

    listening = server.listen("127.0.0.1", port)
    threads.share()
    page = server.Served(ModelSets("imagenette", "cpu"), Settings())
    return page, listening


async def send_two(address: str, models: int, tracer: Tracer) -> None:
    from benchmarks.load import Page, pictures

    page = await asyncio.to_thread(Page, address, models)
    async with httpx.AsyncClient(base_url=address, timeout=120) as client:
        for picture in pictures(2):
            tracer.entries.clear()
            tracer.on = True
            await page.compare(client, picture)
            await asyncio.sleep(0.5)  # what follows the answer
            tracer.on = False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=6, help="how many answer (default: 6)")
    parser.add_argument("--files", action="store_true", help="name each file, and the changes into it")
    arguments = parser.parse_args()
    tracer = Tracer()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"GRADIO_TEMP_DIR": folder, "ATTENTION_DATA": folder, "GRADIO_ANALYTICS_ENABLED": "False"}
        tracer.install()
        page, listening = served(0)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"

        def visit() -> None:
            sys.setprofile(None)
            asyncio.run(send_two(address, arguments.models, tracer))
            signal.raise_signal(signal.SIGINT)

        threading.Thread(target=visit, daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):
            page.run(listening)
    everything, without = tracer.counts(), tracer.counts(FORWARD)
    print(f"One photo, {arguments.models} models\n")
    print("| | files entered | changes of file |\n|---|---|---|")
    print(f"| all | {everything[0]} | {everything[1]:,} |")
    print(f"| without the forward pass | {without[0]} | {without[1]:,} |")
    if arguments.files:
        print("\n| file | changes into it |\n|---|---|")
        for file, changes in everything[2].most_common():
            print(f"| {file} | {changes} |")


if __name__ == "__main__":
    main()
