"""The scores of the models' maps: data/results/heatmaps.csv, which map_scoring makes; of each image map_scores/, and
heatmap_differences.csv, made from these: paired differences between a map and three others on the same images
(DIFFERENCES), with 95 % bootstrap intervals over images.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from attention.core.files import write_npz, write_text
from attention.core.paths import RESULTS
from attention.maps import scores
from attention.models.variants import REFERENCE, all_models
from attention.pictures.datasets import dataset

RESULT_FILE = RESULTS / "heatmaps.csv"
DIFFERENCE_FILE = RESULTS / "heatmap_differences.csv"
CONTROLS = ("centre", "random", "edges")
MAPS = ("attention", "activation")
FAITHFULNESS = ("deletion", "insertion")
BOXES = ("pointing", "energy", "box_overlap", "box_found", "max_box")
MASKS = ("pixel_precision", "mask_overlap")
DIFFERENCES = (
    "activation",
    "baseline",
    "centre",
)  # what a map is compared with: the activation of model and baseline, centre
KEY = ["dataset", "model", "map", "score"]
COLUMNS = [*KEY, "images", "value", "low", "high", "threshold", "steps", "dtype", "weights_sha256"]


@dataclass(frozen=True)
class Scored:
    """One score of one map on every image: (N,), or (N, ...) if `statistic` makes the score from their mean."""

    map: str
    score: str
    values: np.ndarray
    statistic: Callable[[np.ndarray], float] = float
    threshold: float | None = None
    dtype: str = "float32"

    def row(self) -> dict:
        low, high = scores.bootstrap(self.values, self.statistic)
        return {
            "map": self.map, "score": self.score, "images": len(self.values), "value": self.statistic(self.values.mean(axis=0)),
            "low": low, "high": high, "threshold": self.threshold, "dtype": self.dtype,
        }  # fmt: skip


def controls_of(dataset_name: str) -> str:
    """The `dataset` of the controls' rows for the images on which a data set's models are scored: its own name, or
    "" if it shares these images with others."""
    return dataset_name if dataset(dataset_name).layout.boxed else ""


def read() -> pd.DataFrame:
    """heatmaps.csv, or an empty frame of its columns. The controls' own rows have the model "" (`controls_of`)."""
    return _or_none(RESULT_FILE, COLUMNS)


def read_differences() -> pd.DataFrame:
    """heatmap_differences.csv: `map` minus `against` on the same images; or an empty frame of its columns."""
    return _or_none(DIFFERENCE_FILE, [*KEY, "against", "images", "difference", "low", "high"])


def _or_none(path: Path, columns: list[str]) -> pd.DataFrame:
    """A table to show: a damaged file counts as empty. Writing uses `_read`, which raises instead."""
    try:
        table = _read(path, columns)
        return table if set(columns) <= set(table.columns) else pd.DataFrame(columns=columns)
    except (OSError, ValueError):
        return pd.DataFrame(columns=columns)


def _read(path: Path, columns: list[str]) -> pd.DataFrame:
    if not path.exists():
        return pd.DataFrame(columns=columns)
    return pd.read_csv(path, keep_default_na=False, na_values={"threshold": [""]})


def threshold(dataset_name: str, model: str, map_name: str, score: str = "box_overlap") -> float | None:
    """The threshold at which a model's map ("attention", "activation") was scored: "box_overlap" for the box, "mask_overlap"
    for the mask; None if it was not."""
    return scores_of(dataset_name, model, map_name).get(score, {}).get("threshold")


def scores_of(dataset_name: str, model: str, map_name: str) -> dict[str, dict]:
    """{score: {"value", "low", "high", "images", "threshold"}} of one map; of a control for model ""."""
    table = read()
    rows = table[(table["dataset"] == dataset_name) & (table["model"] == model) & (table["map"] == map_name)]
    chosen = rows[["score", "value", "low", "high", "images", "threshold"]].set_index("score")
    return chosen.astype(object).where(chosen.notna(), None).to_dict("index")


def by_image_file(dataset_name: str, model: str) -> Path:
    """Where the scores of each image are kept: an array (N,) for each "map/score"."""
    return RESULT_FILE.parent / "map_scores" / dataset_name / f"{model or 'controls'}.npz"


def write(scored: list[Scored], dataset_name: str, model: str, **common) -> None:
    by_image = {f"{one.map}/{one.score}": one.values.astype(np.float32) for one in scored if one.values.ndim == 1}
    write_npz(by_image_file(dataset_name, model), **by_image)
    table = pd.DataFrame([{"dataset": dataset_name, "model": model, **common, **one.row()} for one in scored])
    table["steps"] = table["steps"].where(table["score"].isin(FAITHFULNESS), 0)
    table = pd.concat([_read(RESULT_FILE, COLUMNS), table], ignore_index=True).drop_duplicates(KEY, keep="last")
    order = {name: number for number, name in enumerate(["", *all_models()])}
    table = table.sort_values(
        ["dataset", "model"], key=lambda c: c.map(order) if c.name == "model" else c, kind="stable"
    )
    _save(table.reindex(columns=COLUMNS), RESULT_FILE)
    _save(differences(table), DIFFERENCE_FILE)


def _save(table: pd.DataFrame, path: Path) -> None:
    numbers = [name for name in ("value", "difference", "low", "high") if name in table]
    table = table.assign(**{name: table[name].astype(float).round(6) for name in numbers})
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


def differences(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each score that is kept per image, and each of DIFFERENCES that is another map on the same images."""
    models = list(table[["dataset", "model"]].drop_duplicates().itertuples(index=False, name=None))
    by_image = {model: dict(np.load(by_image_file(*model))) for model in models if by_image_file(*model).exists()}
    rows = []
    for dataset_name, model in by_image:
        for key, values in by_image[dataset_name, model].items():
            map_name, score = key.split("/")
            for against, other in _others(by_image, dataset_name, model, map_name, score).items():
                low, high = scores.bootstrap(values - other)
                found = [against, len(values), np.mean(values - other), low, high]
                rows.append([dataset_name, model, map_name, score, *found])
    return pd.DataFrame(rows, columns=[*KEY, "against", "images", "difference", "low", "high"])


def _others(by_image: dict, dataset_name: str, model: str, map_name: str, score: str) -> dict[str, np.ndarray]:
    """What one map of a model is compared with: {one of DIFFERENCES: scores of the same images}."""
    if map_name not in MAPS:
        return {}
    own = by_image[dataset_name, model]
    of_model = score in FAITHFULNESS  # which depends on the model, so another model's cannot be compared
    found = {"activation": own[f"activation/{score}"]} if map_name != "activation" else {}
    if model != REFERENCE and not of_model and (dataset_name, REFERENCE) in by_image:
        found["baseline"] = by_image[dataset_name, REFERENCE][f"activation/{score}"]
    controls = own if of_model else by_image.get((controls_of(dataset_name), ""), {})
    return found | ({"centre": controls[f"centre/{score}"]} if f"centre/{score}" in controls else {})
