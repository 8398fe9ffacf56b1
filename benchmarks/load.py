"""Many visitors at once: python benchmarks/load.py [--clients 40] [--seconds 300] [--url http://...]

Each client sends a picture of its own and compares six models as the page does (upload, queue, streamed cards), in a loop, and
holds every answer against what the same picture got when nobody else was there. Every comparison is a new visitor to the
page (a new session), which is harder on its memory than a tab that stays open. Meanwhile the page's memory, open files
and threads are read every few seconds, and a line through the second half says what a thousand answers add.
Without --url it starts the page itself.
"""

import argparse
import asyncio
import io
import json
import math
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
from PIL import Image
from scipy import stats

ROOT = Path(__file__).resolve().parent.parent
FIGURES = {"process_resident_memory_bytes": "RSS MB", "process_open_fds": "open files"}
EVERY_SECONDS = 3  # between looks at the page's process


def pictures(count: int) -> list[bytes]:
    """JPEGs, no two alike: crops of the samples."""
    random = np.random.default_rng(0)
    samples = [Image.open(path).convert("RGB") for path in sorted((ROOT / "samples").glob("*.jpg"))]
    made = []
    for number in range(count):
        image = samples[number % len(samples)]
        scale = random.uniform(0.6, 1)
        width, height = int(image.width * scale), int(image.height * scale)
        x, y = random.integers(image.width - width + 1), random.integers(image.height - height + 1)
        file = io.BytesIO()
        image.crop((x, y, x + width, y + height)).save(file, "JPEG", quality=90)
        made.append(file.getvalue())
    return made


class Page:
    """What a browser knows of the page: which event the button is, and what it sends along."""

    def __init__(self, address: str, models: int):
        self.address = address
        config = httpx.get(f"{address}/config", timeout=60).json()
        components = {part["id"]: part for part in config["components"]}
        self.button = next(key for key, part in components.items() if part["props"].get("elem_id") == "go")
        board = next(key for key, part in components.items() if part["props"].get("elem_id") == "results")
        streams = [e for e in config["dependencies"] if e["outputs"] == [board] and e["types"]["generator"]]
        self.event = max(streams, key=lambda e: len(e["inputs"]))
        self.values = [components[key]["props"].get("value") for key in self.event["inputs"][1:]]
        self._choose(components, models)

    def _choose(self, components: dict, models: int) -> None:
        """Leave so many models chosen, the first ones."""
        left = models
        for number, key in enumerate(self.event["inputs"][1:]):
            if str(components[key]["props"].get("elem_id")).startswith("models-"):
                self.values[number] = self.values[number][:left]
                left -= len(self.values[number])

    def names(self) -> list[str]:
        """The models that are chosen."""
        groups = [value for value in self.values if isinstance(value, list)]
        return [name for group in groups for name in group]

    async def compare(self, client: httpx.AsyncClient, picture: bytes) -> str:
        """The board of cards as HTML. Raises httpx.HTTPError, or RuntimeError with what the page said."""
        uploaded = await client.post("/gradio_api/upload", files={"files": ("photo.jpg", picture, "image/jpeg")})
        uploaded.raise_for_status()
        photo = {"path": uploaded.json()[0], "meta": {"_type": "gradio.FileData"}}
        session = uuid.uuid4().hex
        body = {
            "data": [photo, *self.values],
            "fn_index": self.event["id"],
            "session_hash": session,
            "trigger_id": self.button,
        }
        joined = await client.post("/gradio_api/queue/join", json=body)
        joined.raise_for_status()
        async with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data:") and '"msg":"process_completed"' in line[:60].replace(" ", ""):
                    message = json.loads(line[5:])
                    if not message["success"]:
                        raise RuntimeError(str(message["output"])[:200])
                    return message["output"]["data"][0]
        raise RuntimeError("the stream ended without a result")


def answers(board: str) -> list[tuple[str, ...]]:
    """Of every card: the model, then its five classes and probabilities."""
    cards = re.findall(r'<article class="card[^"]*" data-model="([^"]+)".*?</article>', board, re.DOTALL)
    bodies = re.split(r'<article class="card', board)[1:]
    return [
        (name, *re.findall(r"([\d.]+) ?%", re.sub(r"<img[^>]*>", "", body)))
        for name, body in zip(cards, bodies, strict=True)
    ]


@dataclass
class Outcome:
    seconds: list[float] = field(default_factory=list)
    problems: Counter = field(default_factory=Counter)
    wrong: int = 0


@dataclass
class Sample:
    """The page's process after so many answers."""

    answers: int
    figures: dict[str, float]


async def visit(page: Page, picture: bytes, expected: list, until: float, outcome: Outcome) -> None:
    async with httpx.AsyncClient(base_url=page.address, timeout=120) as client:
        while time.monotonic() < until:
            started = time.monotonic()
            try:
                found = answers(await page.compare(client, picture))
            except (httpx.HTTPError, RuntimeError) as error:
                outcome.problems[f"{type(error).__name__}: {error}"[:120]] += 1
                await asyncio.sleep(1)
                continue
            outcome.seconds.append(time.monotonic() - started)
            outcome.wrong += found != expected


async def crowd(page: Page, clients: int, seconds: float, pid: int | None, samples: list[Sample]) -> Outcome:
    sent = pictures(clients)
    async with httpx.AsyncClient(base_url=page.address, timeout=120) as client:
        expected = [answers(await page.compare(client, picture)) for picture in sent]
    assert len({str(found) for found in expected}) == len(sent), "the pictures have to be told apart by their answers"
    outcome, until = Outcome(), time.monotonic() + seconds
    watching = asyncio.create_task(watch(page.address, pid, outcome, samples))
    await asyncio.gather(*(visit(page, p, e, until, outcome) for p, e in zip(sent, expected, strict=True)))
    watching.cancel()
    return outcome


def process(address: str, pid: int | None) -> dict[str, float]:
    """Memory and open files of the server, from its /metrics; its threads where it runs on this machine."""
    text = httpx.get(f"{address}/metrics", timeout=60).text
    found = {
        words: float(m[1]) for name, words in FIGURES.items() if (m := re.search(rf"^{name} (\S+)", text, re.MULTILINE))
    }
    if "RSS MB" in found:
        found["RSS MB"] /= 1e6
    if pid:
        found["threads"] = len(os.listdir(f"/proc/{pid}/task"))
    return found


async def watch(address: str, pid: int | None, outcome: Outcome, samples: list[Sample]) -> None:
    """A sample every few seconds, until it is cancelled."""
    while True:
        samples.append(Sample(len(outcome.seconds), await asyncio.to_thread(process, address, pid)))
        await asyncio.sleep(EVERY_SECONDS)


def slope(samples: list[Sample], figure: str) -> tuple[float, float]:
    """What a thousand answers add to a figure over the second half of the samples, and its 95 % half width."""
    half = [sample for sample in samples[len(samples) // 2 :] if figure in sample.figures]
    if len(half) < 3 or half[0].answers == half[-1].answers:
        return math.nan, math.nan
    line = stats.linregress([s.answers / 1000 for s in half], [s.figures[figure] for s in half])
    return line.slope, line.stderr * stats.t.ppf(0.975, len(half) - 2)


def start(*command: str) -> tuple[subprocess.Popen, str, Path]:
    """A Gradio app in a process of its own, with a folder for what is uploaded: that of a command that takes --port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp())
    server = subprocess.Popen(
        [sys.executable, *command, "--port", str(port)], cwd=ROOT,
        env=os.environ | {"GRADIO_TEMP_DIR": str(folder)}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    for _ in range(240):
        try:
            if httpx.get(f"{address}/config", timeout=5).status_code == 200:
                return server, address, folder
        except httpx.HTTPError:
            time.sleep(0.5)
    raise SystemExit("The page did not come up.")


def main() -> None:
    parser = argparse.ArgumentParser(description="Many visitors at once.")
    parser.add_argument("--clients", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--models", type=int, default=6)
    parser.add_argument("--url", help="a page that is served already (default: start one)")
    arguments = parser.parse_args()
    server, address, folder = (None, arguments.url, None) if arguments.url else start("app.py", "--log", "off")
    pid, samples = server and server.pid, []
    try:
        page = Page(address, arguments.models)
        samples.append(Sample(0, process(address, pid)))
        outcome = asyncio.run(crowd(page, arguments.clients, arguments.seconds, pid, samples))
        time.sleep(2)
        samples.append(Sample(len(outcome.seconds), process(address, pid)))
        healthy = httpx.get(f"{address}/healthz", timeout=60).status_code
        kept = [path for path in folder.rglob("*") if path.is_file()] if folder else []
        megabytes = sum(path.stat().st_size for path in kept) / 1e6
    finally:
        if server:
            server.terminate()
            server.wait(60)
    print(
        f"{arguments.clients} clients, {arguments.models} models each, {arguments.seconds:g} s, {os.cpu_count()} cores"
    )
    report(outcome, samples, arguments.seconds)
    print("healthy" if healthy == 200 else f"healthz {healthy}", "at the end")
    if folder:
        left = sum(path.is_file() for path in folder.rglob("*"))
        print(
            f"uploads kept until their time: {len(kept)} files, {megabytes:.1f} MB; after the page left: {left} files"
        )


def report(outcome: Outcome, samples: list[Sample], seconds: float) -> None:
    answered, failed = len(outcome.seconds), sum(outcome.problems.values())
    print(f"answers {answered} ({answered / seconds:.1f} a second), wrong {outcome.wrong}, errors {failed}")
    for problem, count in outcome.problems.most_common(5):
        print(f"{count} times {problem}")
    if answered:
        p50, p95, p99 = np.percentile(outcome.seconds, [50, 95, 99])
        longest = max(outcome.seconds)
        print(f"seconds to the last card: p50 {p50:.2f}, p95 {p95:.2f}, p99 {p99:.2f}, longest {longest:.2f}")
    for figure in samples[0].figures:
        values = [sample.figures[figure] for sample in samples if figure in sample.figures]
        more, width = slope(samples, figure)
        print(f"{figure}: before {values[0]:.0f}, after {values[-1]:.0f}, most {max(values):.0f}; "
              f"a thousand answers add {more:+.1f} ± {width:.1f} over the second half")  # fmt: skip


if __name__ == "__main__":
    main()
