"""What commands, tables, the report and the API say today: kept in tests/golden, to hold every change against.

    python -m tests.goldens [--write] [NAME ...]

makes each anew, names those that differ, and with --write puts them in place of the old ones. Pictures are kept as hashes;
"*" (in JSON 0) stands for what differs from run to run, such as milliseconds. Probabilities and pictures repeat to the bit on one kind
of processor alone; tests/test_goldens.py allows for that. The ten photographs are of Imagenette's val (ATTENTION_DATA).
"""

import argparse
import contextlib
import hashlib
import io
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from attention.cli.main import main as command_line
from attention.core.paths import ROOT
from attention.pictures.datasets import DATASETS, find
from attention.pictures.layouts import list_images

GOLDEN = ROOT / "tests" / "golden"
SAMPLES = [str(path) for path in sorted((ROOT / "samples").glob("*.jpg"))]
MODELS = "baseline,baseline-wide,se-block,cbam-block,self-attention-stage,attention-pool-head"
LANGUAGES = ("en", "zh")


def said(*arguments: str) -> str:
    """What a command of python -m attention prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert command_line(list(arguments)) == 0, arguments
    return printed.getvalue()


def shell(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def steady(text: str) -> str:
    """Without what differs from run to run: milliseconds, dates, addresses and random names."""
    for pattern, shown in (
        (r'("latency_ms": )[\d.]+', r"\g<1>0"),
        (r'(data-run=")[0-9a-f]{8}', r"\1*"),
        (r'(data-latency=")[\d.]+', r"\1*"),
        (r"[\d.,]+ ms for this call", "* ms for this call"),
        (r"本次调用 [\d.,]+ 毫秒", "本次调用 * 毫秒"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "*"),
        (r"127\.0\.0\.1:\d{4,5}", "127.0.0.1:*"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "*"),
    ):
        text = re.sub(pattern, shown, text)
    return text


def hashed(html: str) -> str:
    """HTML, an element a line, with pictures, style sheets and scripts as hashes."""

    def digest(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    html = re.sub(r"data:image/(\w+);base64,[^\"')]+", lambda found: f"{found[1]}:{digest(found[0])}", html)
    html = re.sub(
        r"(<(script|style)[^>]*>)(.+?)(</\2>)", lambda found: found[1] + digest(found[3]) + found[4], html, flags=re.S
    )
    return (
        re.sub(
            r"(<(?:p|li|tr|td|th|h\d|div|article|section|figure|table|ol|ul|polygon|polyline|path)\b)", r"\n\1", html
        )
        + "\n"
    )


def compared(pictures: list[str]) -> str:
    return steady(said("compare", *pictures, "--device", "cpu", "--json"))


def photographs() -> list[str]:
    """The first photograph of each class of Imagenette's val; none where the data set is not on this machine."""
    folder = find("imagenette")
    return [str(list_images(folder / "val" / wnid)[0]) for wnid in DATASETS["imagenette"].classes] if folder else []


def report(lang: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.html"
        said("report", *SAMPLES[:2], "-o", str(file), "--models", MODELS, "--lang", lang, "--device", "cpu")
        return hashed(steady(file.read_text(encoding="utf-8")))


def tables(lang: str, dataset_name: str) -> str:
    """Everything of the Benchmarks tab that is HTML, and its charts as hashes."""
    import plotly.graph_objects as go

    from attention.study import lookup, predictions
    from attention.web import published
    from attention.web.charts import study
    from attention.web.charts.asked import VALUES, Asked
    from attention.web.tabs.benchmarks import compute, costs, maps
    from attention.web.tabs.benchmarks import tab as benchmarks

    machine = next(iter(lookup.machines("cpu")), None)
    names = tuple(predictions.available(dataset_name))[:4]
    asked = Asked(lang, dataset_name, names, VALUES[0], "baseline")
    parts = [
        *benchmarks._render(lang, dataset_name, machine),
        *costs.render(lang, machine, False),
        *maps.render(lang, dataset_name),
        *compute.render(lang),
        *(part for view in study.views_of(asked.dataset) for part in study.draw(view, asked)),
        published.section(lang),
    ]
    found = []
    for part in parts:
        part = part.get("value", part.get("choices")) if isinstance(part, dict) else part
        if isinstance(part, go.Figure):
            part = "chart " + hashlib.sha256(part.to_json().encode()).hexdigest()[:12]
        found.append(part if isinstance(part, str) else json.dumps(part, ensure_ascii=False))
    return hashed(steady("\n".join(found)))


def api_answers(address: str) -> str:
    """What the lines for a shell in docs/api.md print, an answer a line, against a page at this address."""
    script = re.search(r"```bash\n(.*?)```", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.DOTALL)[1]
    script = script.replace("http://127.0.0.1:7860", address)
    done = subprocess.run(["bash", "-eu", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    return done.stdout


def api() -> str:
    from tests.browser.conftest import serving

    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), "app.py", "--device", "cpu", "--dataset", "imagenette", "--port") as address,
    ):
        return steady(api_answers(address))


GOLDENS: dict[str, Callable[[], str]] = {
    **{f"list-{name}.json": lambda name=name: said("list", "--json", "--dataset", name) for name in DATASETS},
    "compare-samples.json": lambda: compared(SAMPLES),
    "compare-val.json": lambda: compared(photographs()),
    **{f"report-{lang}.html": lambda lang=lang: report(lang) for lang in LANGUAGES},
    **{
        f"tables-{name}-{lang}.html": lambda lang=lang, name=name: tables(lang, name)
        for name in DATASETS
        for lang in LANGUAGES
    },
    "api.jsonl": api,
    "hostile.md": lambda: shell(sys.executable, "-m", "tests.hostile"),
    "refusals.md": lambda: shell(sys.executable, "-m", "tests.refusals"),
    "faults.md": lambda: shell(sys.executable, "-m", "tests.faults"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put what is made in place of tests/golden")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"(default: all of {', '.join(GOLDENS)})")
    arguments = parser.parse_args()
    differ = 0
    for name in arguments.names or GOLDENS:
        path = GOLDEN / name
        if name == "compare-val.json" and not photographs():
            print(f"{name}: left out, Imagenette is not on this machine")
            continue
        made, kept = GOLDENS[name](), path.read_text(encoding="utf-8") if path.exists() else ""
        print(f"{name}: {'the same' if made == kept else 'DIFFERENT'}, {len(made):,} characters", flush=True)
        differ += made != kept
        folder = GOLDEN if arguments.write else ROOT / "out" / "golden"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(made, encoding="utf-8")
    return 0 if arguments.write else min(differ, 1)


if __name__ == "__main__":
    sys.exit(main())
