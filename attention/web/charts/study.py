"""The views behind the accuracy: the chart of each, what it says, how to read it, and its source. No gradio here."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from attention.core import intervals
from attention.core.intervals import CONFIDENCE
from attention.models.variants import PLACEMENTS, REFERENCE, VARIANTS
from attention.pictures import datasets
from attention.study import predictions, tables, test_sizes
from attention.study.comparison import CALIBRATION_BINS, SEEDS_TO_JUDGE
from attention.web.chart_lines import lines_html, source
from attention.web.charts import study_figures
from attention.web.findings import JUDGED
from attention.web.tables import number
from attention.web.texts import class_name, text, title

VIEWS = ("curves", "classes", "confusion", "calibration", "sizes")
VALUES = ("difference", "accuracy")
AT_FIRST = 5  # models; more curves would cross too often to be followed
MOST_CLASSES = 20  # columns of a chart; of more classes, the most telling are shown
NAMED = 4  # findings that a sentence names one by one


@dataclass(frozen=True)
class Asked:
    """What a visitor wants to see: data set, models, the figure in each class's cell, and `one` model's confusions."""

    lang: str
    dataset: str
    models: tuple[str, ...]
    values: str = VALUES[0]
    one: str | None = None

    def text(self, key: str, **fields) -> str:
        return text(self.lang, key, **fields)

    def title(self, name: str) -> str:
        return title(self.lang, VARIANTS[name])

    def join(self, parts: list[str]) -> str:
        return self.text("list_and").join(parts)

    def say(self, *sentences: str) -> str:
        return ("" if self.lang == "zh" else " ").join(filter(None, sentences))

    @property
    def classes(self) -> list[str]:
        return [class_name(self.lang, name) for name in datasets.dataset(self.dataset).class_names]


def at_first(seeds: dict[str, int]) -> list[str]:
    """The models chosen at first: the baseline, the first of each placement, then the next ones; only models with
    enough seeds for a verdict, if there are several."""
    several = [name for name in seeds if seeds[name] >= SEEDS_TO_JUDGE]
    names = several if len(several) > 1 else list(seeds)
    of_placement = {p: [name for name in names if VARIANTS[name].placement == p] for p in PLACEMENTS}
    chosen = [REFERENCE] if REFERENCE in names else []
    chosen += [group[0] for p, group in of_placement.items() if group and p != "none"]
    chosen += [name for name in names if name not in chosen]
    return [name for name in VARIANTS if name in chosen[:AT_FIRST]]


def views_of(dataset_name: str) -> list[str]:
    """Those of VIEWS that a data set has figures for."""
    return [view for view in VIEWS if view != "sizes" or len(_by_size(dataset_name))]


def draw(view: str, asked: Asked) -> tuple[go.Figure, str]:
    """A view's figure, and its lines as HTML. Raises ResultsError where a file behind it is damaged."""
    drawn = {
        "curves": _curves, "classes": _classes, "confusion": _confusion, "calibration": _calibration, "sizes": _sizes,
    }  # fmt: skip
    figure, says = drawn[view](asked)
    return figure, lines_html(says, _read(view, asked), _source(view, asked.lang))


def _read(view: str, asked: Asked) -> str:
    if view == "classes" and asked.values == "accuracy":
        return asked.text("classes_read_accuracy")
    if view == "sizes":
        return asked.text("sizes_read", pixels=datasets.dataset(asked.dataset).preprocessing.test_pixels)
    if view == "calibration":
        return asked.text("calibration_read", bins=CALIBRATION_BINS, rare=predictions.RARE, needed=SEEDS_TO_JUDGE)
    return asked.text(f"{view}_read")


def _source(view: str, lang: str) -> str:
    if view == "curves":
        return source(lang, "data/results/curves.csv", "python -m attention results")
    if view == "sizes":
        return source(lang, "data/results/test_sizes.csv", "python -m attention evaluate")
    return source(lang, text(lang, "predictions_files"), "python -m attention publish")


def _wrapped(name: str) -> str:
    """A title on several lines, for where there is little room beside a chart."""
    return name.replace(", ", ",<br>").replace("（", "<br>（")


def _percent(share: float, form: str = ".1f") -> str:
    return number(share, form, 0.01)


# training curves


def _curves(asked: Asked) -> tuple[go.Figure, str]:
    accuracy = {name: predictions.curves(asked.dataset, name, "test_accuracy") for name in asked.models}
    accuracy = {name: curve for name, curve in accuracy.items() if curve}
    loss = {name: predictions.curves(asked.dataset, name, "loss") for name in accuracy}
    panels = {
        asked.text("curves_axis_accuracy"): {_seeded(asked, n, c.seeds): _in_percent(c) for n, c in accuracy.items()},
        asked.text("curves_axis_loss"): {_seeded(asked, n, c.seeds): c for n, c in loss.items()},
    }
    figure = study_figures.training_curves(
        panels, asked.text("curves_axis_epoch"), asked.text("curves_hover"),
        _seeded(asked, REFERENCE, accuracy[REFERENCE].seeds) if REFERENCE in accuracy else "",
    )  # fmt: skip
    return figure, _curves_say(asked, accuracy)


def _seeded(asked: Asked, name: str, seeds: int) -> str:
    return asked.title(name) if seeds > 1 else asked.text("one_seed", name=asked.title(name))


def _in_percent(curve: predictions.Curve) -> predictions.Curve:
    return predictions.Curve(curve.epochs, 100 * curve.mean, 100 * curve.low, 100 * curve.high, curve.seeds)


def _curves_say(asked: Asked, curves: dict[str, predictions.Curve]) -> str:
    """Whether the other models' seeds end in the range of the first model's, which is the baseline if it is shown."""
    several = {name: curve for name, curve in curves.items() if curve.seeds > 1}
    if not several:
        ends = [asked.text("curves_end", name=asked.title(n), accuracy=_percent(c.mean[-1])) for n, c in curves.items()]
        return asked.text("curves_single", ends=asked.join(ends)) if ends else ""
    first = REFERENCE if REFERENCE in several else next(iter(several))
    low, high = several[first].low[-1], several[first].high[-1]
    said = asked.text(
        "curves_says", name=asked.title(first), low=_percent(low), high=_percent(high), seeds=several[first].seeds
    )
    others = {name: curve for name, curve in several.items() if name != first}
    if not others:
        return said
    apart = [asked.title(name) for name, c in others.items() if c.low[-1] > high or c.high[-1] < low]
    overlap = asked.text("curves_overlap", inside=len(others) - len(apart), of=len(others))
    return asked.say(said, overlap, asked.text("curves_apart", names=asked.join(apart)) if apart else "")


# classes


def _classes(asked: Asked) -> tuple[go.Figure, str]:
    every = predictions.class_differences(asked.dataset)
    if asked.values == "accuracy":
        return _class_accuracies(asked, every)
    models = [name for name in asked.models if name != REFERENCE] or list(asked.models)
    rows = every[every["variant"].isin(models)]
    values = _grid(rows, models, "difference")
    words, hover = np.full(values.shape, "", object), np.full(values.shape, "", object)
    for row in rows.to_dict("records"):
        cell = models.index(row["variant"]), row["label"]
        words[cell] = _difference(row)
        hover[cell] = asked.text(
            "classes_hover", model=asked.title(row["variant"]), label=asked.classes[row["label"]], value=_difference(row),
            low=number(row["low"], "+.1f"), high=number(row["high"], "+.1f"), seeds=row["seeds"],
            verdict=asked.text(f"verdict_{row['verdict']}"),
        )  # fmt: skip
    names, shown = (
        [_wrapped(asked.title(name)) for name in models],
        _first(np.argsort(-np.nanmax(np.abs(values), axis=0))),
    )
    figure = study_figures.class_differences(
        values[:, shown], [asked.classes[i] for i in shown], names, words[:, shown], hover[:, shown],
        asked.text("classes_unit"),
    )  # fmt: skip
    return figure, asked.say(_some(asked, "classes_largest", shown), _classes_say(asked, every))


def _first(order: np.ndarray) -> list[int]:
    """The first MOST_CLASSES class indices of an order, sorted by number."""
    return sorted(dict.fromkeys(order.tolist()[:MOST_CLASSES]))


def _some(asked: Asked, key: str, shown: list[int]) -> str:
    """A sentence on which of many classes are shown; "" where all are."""
    return asked.text(key, shown=len(shown), count=len(asked.classes)) if len(shown) < len(asked.classes) else ""


def _difference(row: dict) -> str:
    star = "*" if row["verdict"] in ("gain", "loss") else ""
    return number(row["difference"], "+.1f") + star


def _grid(rows: pd.DataFrame, models: list[str], column: str) -> np.ndarray:
    """A column of the rows as floats (models, classes), NaN where there is no value."""
    return rows.pivot(index="variant", columns="label", values=column).reindex(models).to_numpy(float)


def _class_accuracies(asked: Asked, every: pd.DataFrame) -> tuple[go.Figure, str]:
    models = list(asked.models)
    rows = every[every["variant"].isin(models)]
    values = 100 * _grid(rows, models, "accuracy")
    seeds = rows.groupby("variant")["seeds"].first()
    hover = [
        [
            asked.text(
                "classes_hover_accuracy", model=asked.title(name), label=label, accuracy=number(value, ".1f"),
                seeds=seeds[name],
            )
            for label, value in zip(asked.classes, line, strict=True)
        ]
        for name, line in zip(models, values, strict=True)
    ]  # fmt: skip
    words = np.array([[number(value, ".1f") for value in line] for line in values], object)
    names, unit = [_wrapped(asked.title(name)) for name in models], asked.text("classes_unit_accuracy")
    shown, hover = _first(np.argsort(values[0], kind="stable")), np.array(hover, object)
    figure = study_figures.class_accuracies(
        values[:, shown], [asked.classes[i] for i in shown], names, words[:, shown], hover[:, shown], unit
    )
    return figure, asked.say(_some(asked, "classes_lowest", shown), _hardest(asked, models[0], values[0]))


def _hardest(asked: Asked, name: str, accuracies: np.ndarray) -> str:
    images = np.bincount(tables.val_labels(asked.dataset))
    fields = {}
    for end, label in (("low", int(accuracies.argmin())), ("high", int(accuracies.argmax()))):
        low, high = intervals.accuracy_interval(round(accuracies[label] / 100 * images[label]), int(images[label]))
        fields |= {f"{end}_label": asked.classes[label], end: number(accuracies[label], ".1f")}
        fields |= {f"{end}_low": _percent(low), f"{end}_high": _percent(high)}
    return asked.text("classes_hardest", name=asked.title(name), **fields)


def _classes_say(asked: Asked, every: pd.DataFrame) -> str:
    """What was found for all judged models, shown or not, because the correction covers all of them."""
    judged = every[every["verdict"].isin(JUDGED)]
    judged = judged[[not VARIANTS[name].is_control for name in judged["variant"]]]
    if judged.empty:
        return asked.text("classes_unjudged", needed=SEEDS_TO_JUDGE)
    order = judged["difference"].abs().sort_values(ascending=False).index
    judged = judged.loc[order]
    size = {"judged": len(judged), "models": judged["variant"].nunique(), "classes": judged["label"].nunique()}
    shown = judged[judged["verdict"].isin(("gain", "loss"))]
    if shown.empty:
        return asked.text("classes_no_effect", **size, **_cell(asked, judged.iloc[0]))
    cells = [asked.text("classes_cell", **_cell(asked, row)) for _, row in shown.head(NAMED).iterrows()]
    if len(shown) > NAMED:
        cells.append(asked.text("classes_more", count=len(shown) - NAMED))
    return asked.text("classes_effects", **size, count=len(shown), cells=asked.join(cells))


def _cell(asked: Asked, row: pd.Series) -> dict[str, str]:
    figures = {key: number(row[of], "+.1f") for key, of in (("value", "difference"), ("low", "low"), ("high", "high"))}
    return {"name": asked.title(row["variant"]), "label": asked.classes[row["label"]]} | figures


# confusions


def _confusion(asked: Asked) -> tuple[go.Figure, str]:
    name = asked.one if asked.one in asked.models else asked.models[0]
    counts = predictions.confusion(asked.dataset, name)
    totals = counts.sum(1, keepdims=True)
    shares = 100 * counts / np.maximum(totals, 1)
    words = np.where(np.eye(len(counts), dtype=bool) | (counts == 0), "", np.vectorize("{:.1f}".format)(shares))
    hover = [
        [
            asked.text(
                "confusion_hover", true=true, predicted=predicted, count=int(counts[i, j]), of=int(totals[i, 0]),
                share=number(shares[i, j], ".1f"),
            )
            for j, predicted in enumerate(asked.classes)
        ]
        for i, true in enumerate(asked.classes)
    ]  # fmt: skip
    axes = asked.text("confusion_true"), asked.text("confusion_predicted")
    mistakes = np.where(np.eye(len(counts), dtype=bool), 0, shares)
    pairs = np.unravel_index(np.argsort(-mistakes, axis=None, kind="stable"), mistakes.shape)
    shown = _first(np.array(list(dict.fromkeys(np.stack(pairs, 1).ravel().tolist()))))
    cells = np.ix_(shown, shown)
    figure = study_figures.confusion(
        shares[cells], [asked.classes[i] for i in shown], words[cells], np.array(hover, object)[cells], axes,
        asked.text("confusion_unit"),
    )  # fmt: skip
    return figure, asked.say(_some(asked, "confusion_most", shown), _confusion_says(asked, name, counts))


def _confusion_says(asked: Asked, name: str, counts: np.ndarray) -> str:
    """The mistakes that are the largest share of their class's photographs."""
    seeds, totals = len(predictions.by_seed(asked.dataset, name)), counts.sum(1)
    shares = np.where(np.eye(len(counts), dtype=bool), 0, counts / np.maximum(totals, 1)[:, None])
    if not shares.any():
        return asked.text("confusion_perfect", name=asked.title(name))
    worst = [np.unravel_index(place, shares.shape) for place in np.argsort(-shares, axis=None, kind="stable")[:3]]
    (true, predicted), *others = worst
    images = int(totals[true]) // seeds
    low, high = intervals.accuracy_interval(round(shares[true, predicted] * images), images)
    pairs = [
        asked.text("confusion_pair", true=asked.classes[i], predicted=asked.classes[j], share=_percent(shares[i, j]))
        for i, j in others
    ]
    return asked.text(
        "confusion_says", name=asked.title(name), seeds=_together(asked, seeds), true=asked.classes[true],
        predicted=asked.classes[predicted], share=_percent(shares[true, predicted]), low=_percent(low),
        high=_percent(high), others=asked.join(pairs),
    )  # fmt: skip


def _together(asked: Asked, seeds: int) -> str:
    return asked.text("seeds_one") if seeds == 1 else asked.text("seeds_together", seeds=seeds)


# calibration


def _calibration(asked: Asked) -> tuple[go.Figure, str]:
    found = {name: predictions.calibration(asked.dataset, name) for name in asked.models}
    bins = {_seeded(asked, name, one.seeds): one.bins for name, one in found.items()}
    axes = asked.text("calibration_confidence"), asked.text("calibration_accuracy")
    reference = _seeded(asked, REFERENCE, found[REFERENCE].seeds) if REFERENCE in found else ""
    figure = study_figures.reliability(bins, axes, asked.text("calibration_hover"), reference)
    errors = [
        asked.text(
            "calibration_one", name=asked.title(name), error=_percent(one.error), low=_percent(one.low),
            high=_percent(one.high),
        )
        for name, one in found.items()
    ]  # fmt: skip
    said = asked.text("calibration_says", errors=asked.join(errors))
    return figure, asked.say(said, _direction(asked, found), _against_baseline(asked))


def _direction(asked: Asked, found: dict[str, predictions.Calibration]) -> str:
    under = sum(one.accuracy > one.confidence for one in found.values())
    key = {0: "calibration_over", len(found): "calibration_under"}.get(under, "calibration_mixed")
    return asked.text(key, under=under, of=len(found)) if key == "calibration_mixed" else asked.text(key)


def _against_baseline(asked: Asked) -> str:
    """Whose calibration error differs from the baseline's, corrected over all judged models, shown or not."""
    others = [name for name in asked.models if name != REFERENCE]
    judged = predictions.calibration_differences(asked.dataset)
    shown = judged[judged["variant"].isin(others)]
    told = shown["p_holm"] < 1 - CONFIDENCE
    groups = {
        "better": shown[told & (shown["difference"] < 0)],
        "worse": shown[told & (shown["difference"] > 0)],
        "same": shown[~told],
    }
    found = [
        asked.text(
            f"calibration_{kind}", names=asked.join([_error_difference(asked, row) for _, row in rows.iterrows()])
        )
        for kind, rows in groups.items()
        if len(rows)
    ]
    said = asked.text("calibration_judged", count=len(judged), found=asked.join(found)) if found else ""
    waiting = asked.text("calibration_unjudged", needed=SEEDS_TO_JUDGE) if len(shown) < len(others) else ""
    return asked.say(said, waiting)


def _error_difference(asked: Asked, row: pd.Series) -> str:
    figures = {key: number(row[key], "+.1f", 0.01) for key in ("difference", "low", "high")}
    return asked.text("calibration_difference", name=asked.title(row["variant"]), **figures)


# the size of the test images


def _by_size(dataset_name: str) -> pd.DataFrame:
    """A data set's rows of test_sizes.csv; none unless there are several sizes to compare."""
    rows = test_sizes.read(dataset_name)
    return rows if not rows.empty and rows["pixels"].nunique() > 1 else rows[:0]


def _sizes(asked: Asked) -> tuple[go.Figure, str]:
    table = _by_size(asked.dataset)
    moves = _moves(table)
    names = dict.fromkeys([*asked.models, *moves.index[:1]])  # the one that the sentence names is always drawn
    rows = {name: table[table["variant"] == name] for name in names}
    rows = {name: of_model for name, of_model in rows.items() if len(of_model)}
    figure = study_figures.test_sizes(
        {asked.title(name): of_model for name, of_model in rows.items()},
        {asked.title(name): [_size_hover(asked, row) for row in of_model.to_dict("records")] for name, of_model in rows.items()},
        (asked.text("sizes_axis"), asked.text("curves_axis_accuracy")), asked.title(REFERENCE),
    )  # fmt: skip
    return figure, _sizes_say(asked, table, moves)


def _moves(table: pd.DataFrame) -> pd.Series:
    """How far a model's difference to the baseline moves from size to size, in points, for models with attention: the
    largest first."""
    moves = table.groupby("variant")["difference_points"].agg(lambda points: points.max() - points.min()).dropna()
    return moves[[not VARIANTS[name].is_control for name in moves.index]].sort_values(ascending=False)


def _size_hover(asked: Asked, row: dict) -> str:
    figures = {key: _percent(row[key]) for key in ("accuracy", "low", "high")}
    said = asked.text("sizes_hover", name=asked.title(row["variant"]), pixels=row["pixels"], **figures)
    return said if pd.isna(row["difference_points"]) else f"{said}<br>{_size_difference(asked, row)}"


def _size_difference(asked: Asked, row: dict) -> str:
    ends = {"difference": "", "low": "_low", "high": "_high"}
    figures = {key: number(row[f"difference{end}_points"], "+.1f") for key, end in ends.items()}
    return asked.text("sizes_difference", **figures)


def _sizes_say(asked: Asked, table: pd.DataFrame, moves: pd.Series) -> str:
    """The baseline's best size, and the model with attention whose difference to it changes most with size."""
    own = table[table["variant"] == REFERENCE].sort_values("accuracy")
    said = ""
    if len(own):
        best, worst = own.iloc[-1], own.iloc[0]
        fields = {"best": best["pixels"], "worst": worst["pixels"]}
        fields |= {"high": _percent(best["accuracy"]), "low": _percent(worst["accuracy"])}
        said = asked.text("sizes_says", name=asked.title(REFERENCE), **fields)
    if moves.empty:
        return said
    name, *others = moves.index
    rows = table[table["variant"] == name].sort_values("pixels").to_dict("records")
    parts = [asked.text("sizes_at", pixels=row["pixels"], difference=_size_difference(asked, row)) for row in rows]
    rest = asked.text("sizes_rest", most=number(moves[others[0]], ".1f")) if others else ""
    return asked.say(said, asked.text("sizes_moves", name=asked.title(name), parts=asked.join(parts)), rest)
