"""What serving costs: the page beside a bare Gradio app that calls the same compare() and returns its JSON.

    python -m benchmarks.serving_cost [--models 2] [--rounds 200] [--rest 30]

Each is a process of its own, with the same models and threads. In every round one client asks each of them: by the API, which is
an upload, a call and its answer, and the page also as a browser does, where cards are drawn and streamed. Counted is the
processor time of the server and of the workers that read pictures for it, until it has been quiet for a moment. Then both
rest, without a visitor and with one open page.
"""

import argparse
import asyncio
import json
import time
from contextlib import AsyncExitStack
from pathlib import Path

import gradio
import httpx
import numpy as np

from benchmarks.load import Page, pictures, start
from benchmarks.sides import machine, print_table

DATASET = "imagenette"
QUIET_S = 0.03  # after an answer: threads that stand by, and what the server still has to write down
RESAMPLES = 2000
BARE, OURS, DRAWN = "a bare app, by its API", "the page, by its API", "the page, as a browser asks"


def serve(side: str, port: int) -> None:
    """On both sides models run in turn: which way is faster is found out anew at every start, and may differ."""
    from attention.cli import serve

    serve.before_gradio()
    from attention.inference.compare import Models

    Models._choose_threads = lambda *_: None
    if side == "page":
        import app

        app.main(["--port", str(port), "--log", "off", "--device", "cpu", "--dataset", DATASET])
    else:
        serve_bare(port)


def serve_bare(port: int) -> None:
    import gradio as gr

    from attention.core import threads
    from attention.inference.compare import Models, compare
    from attention.maps.display import result_as_json

    threads.share()  # as the page does
    models = Models(DATASET, "cpu")
    models.warm_up()

    def answer(photo, names: list[str]) -> list[dict]:
        return [result_as_json(result) for result in compare(photo, names, models)]

    app = gr.Interface(answer, [gr.Image(type="pil"), gr.JSON()], gr.JSON(), api_name="compare")
    app.launch(server_name="127.0.0.1", server_port=port, quiet=True, ssr_mode=False)


def processor_seconds(pid: int) -> float:
    """What a process and its children have computed so far; Linux has a clock for every process."""
    children = " ".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")).split()
    return time.clock_gettime(~pid << 3 | 2) + sum(processor_seconds(int(child)) for child in children)


async def by_api(client: httpx.AsyncClient, picture: bytes, names: list[str]):
    uploaded = await client.post("/gradio_api/upload", files={"files": ("photo.jpg", picture, "image/jpeg")})
    photo = {"path": uploaded.raise_for_status().json()[0], "meta": {"_type": "gradio.FileData"}}
    event = (await client.post("/gradio_api/call/compare", json={"data": [photo, names]})).raise_for_status().json()
    answer = (await client.get(f"/gradio_api/call/compare/{event['event_id']}")).text
    if "event: complete" not in answer:
        raise SystemExit(f"No answer: {answer[:200]}")
    return json.loads(answer.rpartition("data: ")[2])[0]


async def rest(pids: list[int], seconds: float) -> list[float]:
    """The share of a core that each process takes."""
    before = [processor_seconds(pid) for pid in pids]
    await asyncio.sleep(seconds)
    return [100 * (processor_seconds(pid) - was) / seconds for pid, was in zip(pids, before, strict=True)]


async def measure(arguments: argparse.Namespace, pids: list[int], addresses: list[str]) -> None:
    picture = pictures(1)[0]
    page = await asyncio.to_thread(Page, addresses[1], arguments.models)
    names = page.names()
    async with AsyncExitStack() as stack:
        bare, ours = [await stack.enter_async_context(httpx.AsyncClient(base_url=a, timeout=60)) for a in addresses]
        sides = {
            BARE: (pids[0], lambda: by_api(bare, picture, names)),
            OURS: (pids[1], lambda: by_api(ours, picture, names)),
            DRAWN: (pids[1], lambda: page.compare(ours, picture)),
        }
        said = [await sides[BARE][1](), (await sides[OURS][1]())["models"]]
        assert [m["top5"] for m in said[0]] == [m["top5"] for m in said[1]], "both have to give the same answer"
        computed, waited = ({name: [] for name in sides} for _ in range(2))
        for number in range(arguments.rounds + 5):
            for name, (pid, ask) in list(sides.items())[:: 1 if number % 2 else -1]:
                before, started = processor_seconds(pid), time.perf_counter()
                await ask()
                seconds = time.perf_counter() - started
                await asyncio.sleep(QUIET_S)
                if number >= 5:  # those before warm up
                    computed[name].append(1e3 * (processor_seconds(pid) - before))
                    waited[name].append(1e3 * seconds)
        print_table(
            ["side", "processor ms a call", "ms to the answer", "processor ms over the bare app (95 %)"],
            ([name, np.median(computed[name]).item(), np.median(waited[name]).item(),
              above(computed[name], computed[BARE])] for name in sides),
        )  # fmt: skip
        alone = await rest(pids, arguments.rest)
        for client in (bare, ours):  # what a page holds open for as long as it is there
            await stack.enter_async_context(client.stream("GET", "/gradio_api/heartbeat/atrest"))
        visited = await rest(pids, arguments.rest)
    print()
    print_table(
        ["% of a core at rest", "no visitor", "one open page"],
        zip(("a bare app", "the page"), alone, visited, strict=True),
    )


def above(ours: list[float], theirs: list[float]) -> str:
    """The median over the rounds of what ours takes more, and its 95 % interval by the bootstrap."""
    more = np.subtract(ours, theirs)
    drawn = np.random.default_rng(0).choice(more, (RESAMPLES, len(more)))
    low, high = np.quantile(np.median(drawn, 1), [0.025, 0.975])
    return f"{np.median(more):.1f} ({low:.1f} to {high:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--rest", type=float, default=30, help="seconds at rest")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, arguments.port)
        return
    print(f"{machine()}, gradio {gradio.__version__}; {arguments.models} models, {arguments.rounds} rounds\n")
    bare, ours = (start("-m", "benchmarks.serving_cost", "--serve", side) for side in ("bare", "page"))
    try:
        asyncio.run(measure(arguments, [bare[0].pid, ours[0].pid], [bare[1], ours[1]]))
    finally:
        for server in (bare[0], ours[0]):
            server.terminate()
            server.wait(60)


if __name__ == "__main__":
    main()
