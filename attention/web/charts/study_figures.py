"""Charts of what lies behind a model's accuracy: training curves, calibration, image sizes. No torch, no gradio."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from attention.web.charts.figures import DASHES, LINE_COLOURS, PLACEMENT_COLOURS, style, tinted

SYMBOLS = ("square", "diamond", "triangle-up", "star", "cross", "x")
SHOWN = 0.75  # share of the epochs shown at first, the later ones
LEGEND = {"orientation": "h", "y": -0.14, "yanchor": "top", "x": 0, "font": {"size": 13}}


def _looks(names: Sequence[str], reference: str) -> dict[str, tuple[str, str, str]]:
    """Colour, dash and symbol of each model: the reference is grey, and no two of the first eighteen others are alike."""
    looks = {reference: (PLACEMENT_COLOURS["none"], "solid", "circle")}
    for index, name in enumerate(name for name in names if name != reference):
        looks[name] = LINE_COLOURS[index % 6], DASHES[index // 6 % len(DASHES)], SYMBOLS[index % len(SYMBOLS)]
    return looks


# training


def training_curves(
    panels: Mapping[str, Mapping[str, object]], epoch: str, hover: str, reference: str = ""
) -> go.Figure:
    """One panel per quantity, below each other over the same epochs; one line per model, with a band from its lowest to
    its highest seed where it has several.

    `panels` is {axis title: {model: Curve}} (predictions.Curve), `epoch` the title of the axis below, `hover` a template.
    The view begins after a quarter of the training, where the lines part; a double click shows all of it.
    """
    figure = make_subplots(rows=len(panels), cols=1, shared_xaxes=True, vertical_spacing=0.06)
    for number, (axis, curves) in enumerate(panels.items(), 1):
        looks = _looks(list(curves), reference)
        for name, curve in curves.items():
            _add_curve(figure, number, name, curve, looks[name], hover)
        figure.update_yaxes(title=axis, range=_later([(c.low, c.high) for c in curves.values()]), row=number, col=1)
    last = max((curve.epochs[-1] for curves in panels.values() for curve in curves.values()), default=1)
    figure.update_xaxes(range=[last * (1 - SHOWN), last], row=len(panels), col=1)
    figure.update_xaxes(title=epoch, row=len(panels), col=1)
    style(figure).update_layout(height=320 * len(panels), showlegend=True, legend=LEGEND | {"y": -0.1})
    return figure


def _add_curve(figure: go.Figure, row: int, name: str, curve, look: tuple[str, str, str], hover: str) -> None:
    colour, dash, _ = look
    if curve.seeds > 1:
        figure.add_scatter(
            x=[*curve.epochs, *curve.epochs[::-1]], y=[*curve.low, *curve.high[::-1]], mode="lines",
            fill="toself", fillcolor=tinted(colour, 0.18), line={"width": 0}, hoverinfo="skip",
            showlegend=False, legendgroup=name, name=name, row=row, col=1,
        )  # fmt: skip
    figure.add_scatter(
        x=curve.epochs, y=curve.mean, mode="lines", name=name, legendgroup=name, showlegend=row == 1,
        line={"color": colour, "width": 2, "dash": dash}, row=row, col=1,
        customdata=np.stack([curve.low, curve.high], 1), hovertemplate=f"<b>{name}</b><br>{hover}<extra></extra>",
    )  # fmt: skip


def _later(ends: list[tuple[np.ndarray, np.ndarray]]) -> list[float] | None:
    """The y range that fits the curves in the part that is shown first; None without curves."""
    later = [values[int(len(values) * (1 - SHOWN)) :] for pair in ends for values in pair]
    if not later:
        return None
    low, high = min(float(v.min()) for v in later), max(float(v.max()) for v in later)
    room = 0.05 * max(high - low, 1e-9)
    return [low - room, high + room]


# calibration


def reliability(bins: Mapping[str, pd.DataFrame], axes: tuple[str, str], hover: str, reference: str = "") -> go.Figure:
    """Accuracy against confidence, in per cent: one line per model over its bins (predictions.Calibration.bins) with
    their 95 % intervals; on the diagonal, confidence equals the share of right answers. `hover` is a template."""
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 100], y=[0, 100], mode="lines", line={"color": "#808894", "dash": "dot", "width": 1.5},
        showlegend=False, hoverinfo="skip",
    )  # fmt: skip
    looks = _looks(list(bins), reference)
    for name, table in bins.items():
        colour, dash, symbol = looks[name]
        figure.add_scatter(
            x=100 * table["confidence"], y=100 * table["accuracy"], name=name, mode="lines+markers",
            error_y={
                "type": "data", "array": 100 * (table["high"] - table["accuracy"]),
                "arrayminus": 100 * (table["accuracy"] - table["low"]),
                "thickness": 1, "width": 0, "color": tinted(colour, 0.6),
            },
            line={"color": colour, "width": 2, "dash": dash}, marker={"symbol": symbol, "size": 8, "color": colour},
            customdata=np.stack([table["images"], 100 * table["low"], 100 * table["high"]], 1),
            hovertemplate=f"<b>{name}</b><br>{hover}<extra></extra>",
        )  # fmt: skip
    left = min([100 * float(table["confidence"].min()) for table in bins.values()], default=0)
    figure.update_xaxes(title=axes[0], range=[max(0, left - 4), 101])
    figure.update_yaxes(title=axes[1], range=[0, 101])
    style(figure).update_layout(height=520, showlegend=True, legend=LEGEND)
    return figure


# the size of the test images


def test_sizes(
    rows: Mapping[str, pd.DataFrame], hover: Mapping[str, Sequence[str]], axes: tuple[str, str], reference: str = ""
) -> go.Figure:
    """Accuracy in per cent against the side of the test images: one line per model over its rows of test_sizes.csv."""
    figure, looks = go.Figure(), _looks(list(rows), reference)
    for name, table in rows.items():
        colour, dash, symbol = looks[name]
        figure.add_scatter(
            x=table["pixels"], y=100 * table["accuracy"], name=name, mode="lines+markers",
            line={"color": colour, "width": 2, "dash": dash}, marker={"symbol": symbol, "size": 9, "color": colour},
            hovertext=list(hover[name]), hoverinfo="text",
        )  # fmt: skip
    figure.update_xaxes(
        title=axes[0], tickvals=sorted({int(side) for table in rows.values() for side in table["pixels"]})
    )
    figure.update_yaxes(title=axes[1])
    style(figure).update_layout(height=480, showlegend=True, legend=LEGEND)
    return figure
