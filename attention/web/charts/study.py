"""The views behind the accuracy: the chart of each, what it says, how to read it, and its source. No gradio here."""

import pandas as pd
import plotly.graph_objects as go

from attention.core.intervals import CONFIDENCE
from attention.models.variants import PLACEMENTS, REFERENCE, VARIANTS
from attention.pictures import datasets
from attention.study import predictions, test_sizes
from attention.study.comparison import CALIBRATION_BINS, SEEDS_TO_JUDGE
from attention.web.chart_lines import lines_html, source
from attention.web.charts import study_figures
from attention.web.charts.asked import Asked, percent
from attention.web.charts.classes import classes, confusion
from attention.web.tables import number
from attention.web.texts import text

VIEWS = ("curves", "classes", "confusion", "calibration", "sizes")
AT_FIRST = 5  # models; more curves would cross too often to be followed


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
        "curves": _curves, "classes": classes, "confusion": confusion, "calibration": _calibration, "sizes": _sizes,
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
        ends = [asked.text("curves_end", name=asked.title(n), accuracy=percent(c.mean[-1])) for n, c in curves.items()]
        return asked.text("curves_single", ends=asked.join(ends)) if ends else ""
    first = REFERENCE if REFERENCE in several else next(iter(several))
    low, high = several[first].low[-1], several[first].high[-1]
    said = asked.text(
        "curves_says", name=asked.title(first), low=percent(low), high=percent(high), seeds=several[first].seeds
    )
    others = {name: curve for name, curve in several.items() if name != first}
    if not others:
        return said
    apart = [asked.title(name) for name, c in others.items() if c.low[-1] > high or c.high[-1] < low]
    overlap = asked.text("curves_overlap", inside=len(others) - len(apart), of=len(others))
    return asked.say(said, overlap, asked.text("curves_apart", names=asked.join(apart)) if apart else "")


# calibration


def _calibration(asked: Asked) -> tuple[go.Figure, str]:
    found = {name: predictions.calibration(asked.dataset, name) for name in asked.models}
    bins = {_seeded(asked, name, one.seeds): one.bins for name, one in found.items()}
    axes = asked.text("calibration_confidence"), asked.text("calibration_accuracy")
    reference = _seeded(asked, REFERENCE, found[REFERENCE].seeds) if REFERENCE in found else ""
    figure = study_figures.reliability(bins, axes, asked.text("calibration_hover"), reference)
    errors = [
        asked.text(
            "calibration_one", name=asked.title(name), error=percent(one.error), low=percent(one.low),
            high=percent(one.high),
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
    figures = {key: percent(row[key]) for key in ("accuracy", "low", "high")}
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
        fields |= {"high": percent(best["accuracy"]), "low": percent(worst["accuracy"])}
        said = asked.text("sizes_says", name=asked.title(REFERENCE), **fields)
    if moves.empty:
        return said
    name, *others = moves.index
    rows = table[table["variant"] == name].sort_values("pixels").to_dict("records")
    parts = [asked.text("sizes_at", pixels=row["pixels"], difference=_size_difference(asked, row)) for row in rows]
    rest = asked.text("sizes_rest", most=number(moves[others[0]], ".1f")) if others else ""
    return asked.say(said, asked.text("sizes_moves", name=asked.title(name), parts=asked.join(parts)), rest)
