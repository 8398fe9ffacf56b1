"""The page as it will be when the study is done: made-up results of every variant on two data sets, twelve models.

python tests/browser/study.py FOLDER PORT writes them into FOLDER, in place of what is committed, and serves the page.
"""

import itertools
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.torch import save_file

from attention.core.files import sha256, write_json, write_npz
from attention.models import checkpoints
from attention.models.variants import PLACEMENTS, REFERENCE, VARIANTS, build_model
from attention.pictures.datasets import SWEPT
from attention.study import committed, lookup, map_scores, tables, test_sizes
from attention.study.comparison import SEEDS_TO_JUDGE

VERDICTS = ("gain", "loss", "equivalent", "undecided")
MODELS = 12
CLASSES, PER_CLASS, EPOCHS = 10, 40, 8


def _compared(number: int, seeds: int, difference: float) -> dict:
    judged = seeds >= SEEDS_TO_JUDGE
    return {
        "difference_points": difference,
        "difference_low_points": difference - 0.6,
        "difference_high_points": difference + 0.6,
        "p_holm": 0.01 if judged else None,
        "verdict": VERDICTS[number % len(VERDICTS)] if judged else "not judged yet",
        "detectable_points": 0.7 + 0.02 * number if judged else None,
    }


def accuracy(dataset: str) -> pd.DataFrame:
    """A row a variant: the first sixteen with five seeds, the others with one. No number means anything."""
    random, rows = np.random.default_rng(len(dataset)), []
    for number, variant in enumerate(VARIANTS.values()):
        seeds, difference = (5 if number < 16 else 1), round(float(random.normal(0, 0.8)), 4) + 0.0
        value = (0.91 if dataset == "imagenette" else 0.79) + (variant.name != REFERENCE) * difference / 100
        half = 0.003 if seeds > 1 else 0.009
        row = {
            "dataset": dataset, "variant": variant.name, "mechanism": variant.mechanism, "placement": variant.placement,
            "recipe": "cpu", "recipe_hash": "0", "seed": 0, "seeds": seeds, "images": 3925, "accuracy": value,
            "low": value - half, "high": value + half, "interval": "seeds" if seeds > 1 else "images",
            "epochs": 16, "seconds_an_epoch": 40 + number, "peak_memory_mb": 900, "training_device": "a processor",
            "timed_on": "a processor", "timed_threads": 1, "timed_precision": "bfloat16", "training_threads": 1, "precision": "bfloat16", "weights_sha256": "0",
        }  # fmt: skip
        compared = {"verdict": "reference"} if variant.name == REFERENCE else _compared(number, seeds, difference)
        rows.append(row | compared)
    return pd.DataFrame(rows)


def latency(device_type: str, fastest_ms: float, batch_size: int = 1, busy: bool = False) -> pd.DataFrame:
    """Every fifth row is busy; all are with `busy`."""
    random = np.random.default_rng(1)
    rows = [
        {
            "variant": name, "device": f"a {device_type}", "device_type": device_type, "dtype": "float32",
            "batch_size": batch_size, "pixels": 160, "threads": 2 if device_type == "cpu" else 0, "calls": 200,
            "p50_ms": round(p50, 3), "p90_ms": round(p50 * 1.1, 3), "images_per_second": round(1e3 * batch_size / p50, 1),
            "parameters": 2_000_000 + 999 * number, "multiply_adds": 360_000_000 + number, "working_memory_mb": 2.5,
            "busy": busy or number % 5 == 4, "measured": "2026-01-01",
        }
        for number, name in enumerate(VARIANTS)
        for p50 in [batch_size * fastest_ms * (1 + (number > 0) * float(random.gamma(2, 0.25)))]
    ]  # fmt: skip
    return pd.DataFrame(rows)


def latencies() -> pd.DataFrame:
    """A processor at two batches, and a GPU that was never quiet."""
    return pd.concat([latency("cpu", 12.0), latency("cpu", 10.0, 8), latency("cuda", 1.0, busy=True)])


def mechanisms() -> pd.DataFrame:
    """Costs of the modules alone on the processor, at three resolutions."""
    random, rows = np.random.default_rng(2), []
    for number, variant in enumerate(v for v in VARIANTS.values() if not v.is_control):
        cost_us, growth = 40 * float(random.gamma(2, 4)), float(random.uniform(0.5, 4))
        for pixels in (128, 160, 224):
            p50 = round(cost_us * (pixels / 128) ** growth, 1)
            rows.append(
                {
                    "variant": variant.name, "mechanism": variant.mechanism, "device": "a cpu", "device_type": "cpu",
                    "dtype": "float32", "batch_size": 1, "pixels": pixels, "threads": 2, "modules": 1, "calls": 200,
                    "p50_us": p50, "replaced_us": 8.0 * (variant.placement == "head"), "added_us": p50,
                    "busy": number % 7 == 6, "measured": "2026-01-01",
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def curves(dataset: str) -> pd.DataFrame:
    """A row a run and epoch of the models that have predictions."""
    random, rows = np.random.default_rng(3), []
    for name, seed in runs():
        for epoch in range(1, EPOCHS + 1):
            accuracy = 0.9 - 0.7 / epoch + float(random.normal(0, 0.01))
            rows.append(
                {
                    "dataset": dataset, "recipe": "cpu", "variant": name, "seed": seed, "epoch": epoch, "pixels": 128,
                    "loss": round(0.5 + 1.5 / epoch, 5), "train_accuracy": round(accuracy, 5),
                    "test_accuracy": round(accuracy, 5), "seconds": 1.0,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def runs() -> list[tuple[str, int]]:
    """(variant, seed) of every run that has predictions: three seeds of each model but the last two."""
    return [(name, seed) for name in models() for seed in range(1 if name in models()[-2:] else 3)]


def probabilities(name: str, seed: int) -> np.ndarray:
    """(images, classes) float16: right on about four of five images, and surer of some than of others."""
    random = np.random.default_rng([len(name), sum(map(ord, name)), seed])
    labels = np.repeat(np.arange(CLASSES), PER_CLASS)
    said = np.where(random.random(len(labels)) < 0.8, labels, random.integers(CLASSES, size=len(labels)))
    sure = random.uniform(0.3, 0.98, len(labels))
    rows = np.repeat(((1 - sure) / (CLASSES - 1))[:, None], CLASSES, 1)
    rows[np.arange(len(labels)), said] = sure
    return rows.astype(np.float16)


def write_predictions(folder: Path) -> None:
    """predictions/, labels/ and curves.csv of both data sets."""
    labels = np.repeat(np.arange(CLASSES, dtype=np.uint8), PER_CLASS)
    for dataset in SWEPT:
        write_npz(folder / "labels" / f"{dataset}.npz", labels=labels)
        for name, seed in runs():
            path = folder / "predictions" / dataset / "cpu" / f"{name}-seed{seed}.npz"
            write_npz(path, probabilities=probabilities(name, seed))
    pd.concat([curves(dataset) for dataset in SWEPT]).to_csv(folder / "curves.csv", index=False)


def made_up_map_scores() -> tuple[pd.DataFrame, pd.DataFrame]:
    """heatmaps.csv and heatmap_differences.csv of Imagenette's models and of the maps that know nothing."""
    random, rows, differences = np.random.default_rng(4), [], []
    located, faithful = (*map_scores.BOXES, *map_scores.MASKS), map_scores.FAITHFULNESS
    asked = [("", "", map_scores.CONTROLS, located)]
    for name in models():
        own = map_scores.MAPS if VARIANTS[name].mechanism else ("activation",)
        asked += [("imagenette", name, own, located), ("imagenette", name, (*own, *map_scores.CONTROLS), faithful)]
    for dataset, model, maps, scores in asked:
        for map_name in maps:
            for score in scores:
                value, key = round(float(random.uniform(0.3, 0.7)), 6), [dataset, model, map_name, score]
                images, threshold = (200, None) if score in faithful else (367, 0.25)
                rows.append([*key, images, value, value - 0.02, value + 0.02, threshold, 16, "float32", "made up"])
                if model and map_name in map_scores.MAPS:
                    by = round(float(random.normal(0, 0.05)), 6)
                    differences.append([*key, "centre", images, by, by - 0.03, by + 0.03])
    columns = [*map_scores.KEY, "against", "images", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=map_scores.COLUMNS), pd.DataFrame(differences, columns=columns)


def models() -> list[str]:
    """The twelve that have a checkpoint, from every placement."""
    by_turn = [[v.name for v in VARIANTS.values() if v.placement == placement] for placement in PLACEMENTS]
    turns = [names[turn] for turn in range(max(map(len, by_turn))) for names in by_turn if turn < len(names)]
    return [name for name in VARIANTS if name in turns[:MODELS]]


def write(folder: Path) -> None:
    """Every file of results that the page reads, and checkpoints/ with untrained weights."""
    pd.concat([accuracy(name) for name in SWEPT]).to_csv(folder / "accuracy.csv", index=False)
    latencies().to_csv(folder / "latency.csv", index=False)
    mechanisms().to_csv(folder / "mechanisms_latency.csv", index=False)
    write_predictions(folder)
    for table, name in zip(made_up_map_scores(), ("heatmaps", "heatmap_differences"), strict=True):
        table.to_csv(folder / f"{name}.csv", index=False)
    test_sizes.RESULT_FILE, random = folder / "test_sizes.csv", np.random.default_rng(7)
    for name, pixels in itertools.product(models(), (96, 160)):
        right, baseline = random.random((2, 400)) < 0.9
        test_sizes.record("imagenette", name, pixels, "0", right, baseline)
    entries = {}
    for name in models():
        file = folder / "checkpoints" / "imagenette" / f"{name}.safetensors"
        file.parent.mkdir(parents=True, exist_ok=True)
        state = build_model(name).state_dict()
        save_file({k: v.half().contiguous() if v.is_floating_point() else v for k, v in state.items()}, file)
        entries[name] = {"file": file.name, "sha256": sha256(file), "accuracy": 0.1, "recipe": "cpu", "seed": 0}
    write_json(folder / "checkpoints" / "imagenette" / "manifest.json", {"dataset": "imagenette", "models": entries})


def serve(folder: Path, port: str) -> int:
    import torch

    import app
    from attention.web.tabs.benchmarks import live

    torch.set_num_threads(1)  # beside a browser, two threads that wait for each other take ten times as long
    live.CALLS, live.WARM_UPS = 30, 1
    lookup.ACCURACY_FILE, lookup.LATENCY_FILE = folder / "accuracy.csv", folder / "latency.csv"
    lookup.MECHANISMS_FILE = folder / "mechanisms_latency.csv"
    committed.PREDICTIONS, committed.LABELS = folder / "predictions", folder / "labels"
    tables.CURVES_FILE = folder / "curves.csv"
    map_scores.RESULT_FILE = folder / "heatmaps.csv"
    map_scores.DIFFERENCE_FILE = folder / "heatmap_differences.csv"
    checkpoints.CHECKPOINTS = folder / "checkpoints"
    return app.main(["--port", port, "--device", "cpu", "--dataset", "imagenette"])


if __name__ == "__main__":
    write(Path(sys.argv[1]))
    sys.exit(serve(Path(sys.argv[1]), sys.argv[2]))
