"""The charts of classes behind the accuracy: differences and accuracies of each, and which are mistaken for which.

Cells are transparent tints over the page's background, so that one figure is legible in both themes (benchmarks.css
gives their words the colour of the page's text). No torch, no gradio.
"""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from attention.core import intervals
from attention.models.variants import REFERENCE
from attention.study import committed, predictions
from attention.study.comparison import SEEDS_TO_JUDGE
from attention.web import findings
from attention.web.charts.asked import Asked, percent
from attention.web.charts.figures import LINE_COLOURS, style, tinted
from attention.web.tables import number

MOST_CLASSES = 20  # columns of a chart; of more classes, the most telling are shown
NAMED = 4  # findings that a sentence names one by one
SOME, MUCH = 0.0, 0.55  # opacity of the cells; on the strongest, words still have a contrast of 4.5:1 in both themes
BELOW, ABOVE = "#2166AC", "#B2182B"  # the ends of RdBu, as on maps of differences: blue below 0, red above
DIVERGING = [[0, tinted(BELOW, MUCH)], [0.5, tinted("#FFFFFF", SOME)], [1, tinted(ABOVE, MUCH)]]
RISING = [[0, tinted(LINE_COLOURS[0], SOME)], [1, tinted(LINE_COLOURS[0], MUCH)]]


def _wrapped(asked: Asked, models: list[str]) -> list[str]:
    """Titles on several lines, because there is little room beside a chart."""
    return [asked.title(name).replace(", ", ",<br>").replace("（", "<br>（") for name in models]


def _cells(values, columns, rows, words, hover, scale, low, high, unit) -> go.Figure:
    """A grid of tinted cells with their words: column names above, the first row on top, the scale below."""
    figure = go.Figure(
        go.Heatmap(
            z=values, x=list(columns), y=list(rows), text=words, texttemplate="%{text}", textfont={"size": 13},
            hovertext=hover, hoverinfo="text", hoverongaps=False, colorscale=scale, zmin=low, zmax=high, xgap=2, ygap=2,
            colorbar={
                "orientation": "h", "y": 0, "yanchor": "top", "yref": "paper", "thickness": 10, "len": 0.7, "x": 0,
                "xanchor": "left", "title": {"text": unit, "side": "bottom"}, "outlinewidth": 0,
            },
        )
    )  # fmt: skip
    style(figure)
    figure.update_xaxes(
        side="top", dtick=1, autotickangles=[-40, -90], showgrid=False, automargin=True, fixedrange=True
    )  # every class is named, upright where there is little room
    figure.update_yaxes(autorange="reversed", showgrid=False, automargin=True, fixedrange=True)
    figure.update_layout(height=44 * len(rows) + 220, margin={"l": 8, "r": 24, "t": 8, "b": 80})
    return figure


def classes(asked: Asked) -> tuple[go.Figure, str]:
    """What is chosen in `asked.values`: differences in points on a scale centred at 0, or accuracies in per cent."""
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
    shown = _first(np.argsort(-np.nanmax(np.abs(values), axis=0)))
    finite = values[:, shown][np.isfinite(values[:, shown])]
    top = max(float(np.abs(finite).max()) if finite.size else 0.0, 1.0)
    figure = _cells(
        values[:, shown], _names(asked, shown), _wrapped(asked, models), words[:, shown], hover[:, shown],
        DIVERGING, -top, top, asked.text("classes_unit"),
    )  # fmt: skip
    return figure, asked.say(_some(asked, "classes_largest", shown), _classes_say(asked, every))


def _first(order: np.ndarray) -> list[int]:
    """The first MOST_CLASSES class indices of an order, sorted by number."""
    return sorted(dict.fromkeys(order.tolist()[:MOST_CLASSES]))


def _names(asked: Asked, shown: list[int]) -> list[str]:
    known = asked.classes
    return [known[label] for label in shown]


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
    accuracies = values[0]
    seeds = rows.groupby("variant")["seeds"].first()
    shown = _first(np.argsort(values[0], kind="stable"))
    names, values = _names(asked, shown), values[:, shown]
    words = [[number(value, ".1f") for value in line] for line in values]
    hover = [
        [
            asked.text("classes_hover_accuracy", model=asked.title(model), label=label, accuracy=word, seeds=seeds[model])
            for label, word in zip(names, line, strict=True)
        ]
        for model, line in zip(models, words, strict=True)
    ]  # fmt: skip
    figure = _cells(
        values, names, _wrapped(asked, models), words, hover, RISING, float(values.min()), float(values.max()),
        asked.text("classes_unit_accuracy"),
    )  # fmt: skip
    return figure, asked.say(_some(asked, "classes_lowest", shown), _hardest(asked, models[0], accuracies))


def _hardest(asked: Asked, name: str, accuracies: np.ndarray) -> str:
    images = np.bincount(committed.val_labels(asked.dataset))
    fields = {}
    for end, label in (("low", int(accuracies.argmin())), ("high", int(accuracies.argmax()))):
        low, high = intervals.accuracy_interval(round(accuracies[label] / 100 * images[label]), int(images[label]))
        fields |= {f"{end}_label": asked.classes[label], end: number(accuracies[label], ".1f")}
        fields |= {f"{end}_low": percent(low), f"{end}_high": percent(high)}
    return asked.text("classes_hardest", name=asked.title(name), **fields)


def _classes_say(asked: Asked, every: pd.DataFrame) -> str:
    """What was found for all judged models, shown or not, because the correction covers all of them."""
    judged = findings.judged(every)
    if judged.empty:
        return asked.text("classes_unjudged", needed=SEEDS_TO_JUDGE)
    judged = judged.loc[judged["difference"].abs().sort_values(ascending=False).index]
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


def confusion(asked: Asked) -> tuple[go.Figure, str]:
    """Per cent of each true class (row) that was predicted as each class (column). Only mistakes are tinted, because
    beside the right answers they would all look alike."""
    name = asked.one if asked.one in asked.models else asked.models[0]
    counts = predictions.confusion(asked.dataset, name)
    totals, right = counts.sum(1), np.eye(len(counts), dtype=bool)
    shares = 100 * counts / np.maximum(totals, 1)[:, None]
    pairs = np.unravel_index(np.argsort(-np.where(right, 0, shares), axis=None, kind="stable"), shares.shape)
    shown = _first(np.array(list(dict.fromkeys(np.stack(pairs, 1).ravel().tolist()))))
    names = _names(asked, shown)
    words = [["" if i == j or not counts[i, j] else f"{shares[i, j]:.1f}" for j in shown] for i in shown]
    hover = [
        [
            asked.text(
                "confusion_hover", true=true, predicted=predicted, count=int(counts[i, j]), of=int(totals[i]),
                share=number(shares[i, j], ".1f"),
            )
            for j, predicted in zip(shown, names, strict=True)
        ]
        for i, true in zip(shown, names, strict=True)
    ]  # fmt: skip
    wrong = np.where(right, np.nan, shares)[np.ix_(shown, shown)]
    top, unit = max(float(np.nanmax(wrong)), 1e-9), asked.text("confusion_unit")
    figure = _cells(wrong, names, names, words, hover, RISING, 0, top, unit)
    for label, share in zip(names, np.diag(shares)[shown], strict=True):
        figure.add_annotation(x=label, y=label, text=f"<b>{share:.0f}</b>", showarrow=False)
    figure.update_xaxes(title=asked.text("confusion_predicted"))
    figure.update_yaxes(title=asked.text("confusion_true"))
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
        asked.text("confusion_pair", true=asked.classes[i], predicted=asked.classes[j], share=percent(shares[i, j]))
        for i, j in others
    ]
    return asked.text(
        "confusion_says", name=asked.title(name), seeds=_together(asked, seeds), true=asked.classes[true],
        predicted=asked.classes[predicted], share=percent(shares[true, predicted]), low=percent(low),
        high=percent(high), others=asked.join(pairs),
    )  # fmt: skip


def _together(asked: Asked, seeds: int) -> str:
    return asked.text("seeds_one") if seeds == 1 else asked.text("seeds_together", seeds=seeds)
