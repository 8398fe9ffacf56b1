"""Charts with Plotly and bars as SVG, from plain arrays and tables. No torch, no gradio."""

import base64
import io
from functools import lru_cache
from html import escape
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from PIL import Image
from plotly.colors import sample_colorscale

PLACEMENT_COLOURS = {  # Okabe-Ito, which colour-blind readers can tell apart; always beside the placement's name
    "none": "#6B7280",
    "input": "#E69F00",
    "block": "#0072B2",
    "stage": "#009E73",
    "head": "#CC79A7",
    "everywhere": "#D55E00",
}
FAMILY_SYMBOLS = {
    "": "circle",  # the controls: grey already says that there is no attention
    "channel": "circle",
    "spatial": "square",
    "combined": "diamond",
    "self-attention": "triangle-up",
    "pooling": "star",
}


@lru_cache
def ramp(scale_name: str) -> str:
    """The colours of a scale from low to high, as stops of a CSS gradient."""
    return ", ".join(sample_colorscale(scale_name, [0, 0.25, 0.5, 0.75, 1]))


_ENCODED = {"P": ("png", {"compress_level": 1}), "RGB": ("jpeg", {"quality": 85})}


def data_uri(image: Image.Image) -> str:
    """The picture as a data: URI, in the suitable format that is fastest to encode.

    A palette image stays lossless (PNG), a photo becomes a JPEG, other layers keep their transparency (WebP).
    """
    buffer = io.BytesIO()
    kind, options = _ENCODED.get(image.mode, ("webp", {"quality": 82, "method": 2}))
    image.save(buffer, kind.upper(), **options)
    return f"data:image/{kind};base64," + base64.b64encode(buffer.getvalue()).decode()


Bars = tuple[
    float, float, np.ndarray
]  # of one module in a square of 100: base line, room above it, heights of the bars


def channel_rows(rows: list[np.ndarray], top: float) -> list[Bars]:
    """The bars of each module's weights (C,), one module below the other; a weight of `top` fills the room."""
    height, gap = 100 / max(len(rows), 1), 2.0
    room = height - gap
    return [
        ((index + 1) * height - gap / 2, room, np.clip(weights / top, 0, 1) * room)
        for index, weights in enumerate(rows)
    ]


def by_mean(rows: list[np.ndarray], means: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Both sorted by falling means, module by module, so that the means fall evenly and what differs stands out."""
    orders = [np.argsort(-mean, kind="stable") for mean in means]
    return tuple([values[order] for values, order in zip(of, orders, strict=True)] for of in (rows, means))


def channel_bars(
    rows: list[np.ndarray],
    top: float,
    colour: str,
    label: str,
    mark: float | None = None,
    means: list[np.ndarray] | None = None,
) -> str:
    """Channel weights as an SVG: one row per module, one bar per channel, all on the fixed scale 0 to `top`.

    If `means` are given, a line shows them and the channels are sorted by them; else a thin line marks the weight
    `mark` in each row, if that is given. `label` is read out by screen readers.
    """
    if means:
        rows, means = by_mean(rows, means)
    parts = []
    for base, room, heights in channel_rows(rows, top):
        parts.append(f'<polygon points="0,{base:.2f} {_steps(base, heights)} 100,{base:.2f}" fill="{colour}"/>')
        if mark is not None and not means:
            y = base - room * mark / top
            parts.append(f'<path d="M0 {y:.2f}H100" stroke="currentColor" stroke-width=".25" opacity=".5"/>')
    for base, _, heights in channel_rows(means or [], top):
        parts.append(
            f'<polyline points="{_steps(base, heights)}" fill="none" stroke="currentColor" stroke-width="1.5" '
            'vector-effect="non-scaling-stroke"/>'
        )
    return (
        f'<svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="{escape(label)}">'
        + "".join(parts)
        + "</svg>"
    )


def _steps(base: float, heights: np.ndarray) -> str:
    """The outline of a row of bars, from left to right."""
    step = 100 / len(heights)
    return " ".join(f"{i * step:.2f},{base - h:.2f} {(i + 1) * step:.2f},{base - h:.2f}" for i, h in enumerate(heights))


def tinted(colour: str, opacity: float) -> str:
    """#RRGGBB -> rgba(): the same colour with an opacity."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def style(figure: go.Figure) -> go.Figure:
    """Gives a figure the look of all charts: plain, transparent, in a mid-tone legible on light and dark pages."""
    grid = "rgba(128,128,128,0.22)"
    figure.update_layout(
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={
            "family": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans CJK SC', sans-serif",
            "size": 14,
            "color": "#808894",
        },
        margin={"l": 64, "r": 24, "t": 24, "b": 56},
        hoverlabel={"font": {"size": 13}, "bgcolor": "#f4f6f8"},
        showlegend=False,
    )
    figure.update_xaxes(gridcolor=grid, zeroline=False, linecolor=grid)
    figure.update_yaxes(gridcolor=grid, zeroline=False, linecolor=grid)
    return figure


def accuracy_against_compute(table: pd.DataFrame, names: dict[str, str], axes: tuple[str, str]) -> go.Figure:
    """The rows of leaderboard.csv: the published ones as a line, ours as points with their 95 % intervals.

    `names` says what to call "published" and "here"; `axes` are the two axis titles. The compute axis is logarithmic.
    """
    figure = go.Figure()
    published = table[table["source"] == "published"].sort_values("training_multiply_adds")
    ours = table[table["source"] != "published"]
    for rows, name, colour, mode in (
        (published, "published", "#6B7280", "lines+markers"),
        (ours, "here", "#0072B2", "markers"),
    ):
        intervals = None
        if rows["low"].notna().any():
            intervals = {
                "type": "data",
                "array": (rows["high"] - rows["accuracy"]) * 100,
                "arrayminus": (rows["accuracy"] - rows["low"]) * 100,
                "width": 4,
            }
        figure.add_scatter(
            x=rows["training_multiply_adds"],
            y=rows["accuracy"] * 100,
            error_y=intervals,
            mode=mode,
            name=names[name],
            customdata=rows["epochs"],
            marker={"size": 11, "color": colour, "symbol": "circle" if name == "published" else "diamond"},
            hovertemplate=f"<b>{names[name]}</b><br>%{{y:.2f}} %<br>%{{x:.3s}}<br>%{{customdata}}<extra></extra>",
        )
    ticks = [50, 100, 200, 500, 1000, 2000]
    figure.update_xaxes(
        title=axes[0], type="log", tickvals=[t * 1e12 for t in ticks], ticktext=[f"{t:,}" for t in ticks]
    )
    figure.update_yaxes(title=axes[1])
    figure = style(figure)
    figure.update_layout(height=360, showlegend=True, legend={"orientation": "h", "y": 1.12, "x": 0})
    return figure


# cost against resolution

LINE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6B7280")  # Okabe-Ito
DASHES = ("solid", "dash", "dot")  # one for each round of colours


def cost_against_resolution(
    lines: dict[str, tuple[list[int], list[float]]], families: dict[str, str], axis: str, hover: str
) -> go.Figure:
    """One line per name: microseconds against image sides in px, both axes logarithmic; the marker shows the family.

    `hover` is a template with %{x} and %{y}; the name stands in bold before it.
    """
    figure = go.Figure()
    for index, (name, (sides, microseconds)) in enumerate(lines.items()):
        colour = LINE_COLOURS[index % len(LINE_COLOURS)]
        figure.add_scatter(
            x=sides,
            y=microseconds,
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 2, "dash": DASHES[index // len(LINE_COLOURS) % len(DASHES)]},
            marker={"symbol": FAMILY_SYMBOLS[families[name]], "size": 9, "color": colour},
            hovertemplate=f"<b>{name}</b><br>{hover}<extra></extra>",
        )
    every = sorted({side for sides, _ in lines.values() for side in sides})
    figure.update_xaxes(type="log", tickvals=every, ticktext=[f"{side} px" for side in every])  # a title would lie
    figure.update_yaxes(title=axis, type="log", dtick=1)  # under the legend on a phone
    style(figure).update_layout(
        height=480,
        showlegend=True,
        legend={"orientation": "h", "y": -0.14, "yanchor": "top", "x": 0, "font": {"size": 13}},
    )
    return figure


# estimates with their intervals


class Dot(NamedTuple):
    """An estimate with its interval; `kind` is one of DOT_SYMBOLS, and a control's mark is hollow."""

    kind: str
    value: float
    low: float
    high: float
    colour: str
    hover: str


DOT_SYMBOLS = {
    "activation": "circle",
    "attention": "diamond",
    "centre": "circle-open",
    "random": "square-open",
    "edges": "triangle-up-open",
}
DOT_PIXELS = 17  # height of a line; a name above its dots takes as much


def intervals(groups: dict[str, list[Dot]], axis: str) -> go.Figure:
    """One line per dot, with its value after its interval; at any width, a group's name stands above its dots."""
    figure, line = go.Figure(), 0.0
    for name, dots in groups.items():
        figure.add_annotation(
            x=0, xref="paper", xanchor="left", y=line, text=f"<b>{name}</b>", showarrow=False, font={"size": 13}
        )  # fmt: skip
        for dot in dots:
            line += 1
            figure.add_scatter(
                x=[dot.value],
                y=[line],
                error_x={
                    "type": "data",
                    "array": [dot.high - dot.value],
                    "arrayminus": [dot.value - dot.low],
                    "thickness": 1.5,
                    "width": 0,
                    "color": dot.colour,
                },
                mode="markers",
                marker={
                    "symbol": DOT_SYMBOLS[dot.kind],
                    "size": 10,
                    "color": dot.colour,
                    "line": {"width": 2, "color": dot.colour},
                },
                hovertemplate=f"{dot.hover}<extra></extra>",
            )
            figure.add_scatter(
                x=[dot.high],
                y=[line],
                mode="text",
                text=[f" {dot.value:.3f}"],
                textposition="middle right",
                textfont={"size": 12},
                hoverinfo="skip",
            )
        line += 1.5
    dots = [dot for group in groups.values() for dot in group]
    left, right = min(dot.low for dot in dots), max(dot.high for dot in dots)
    room = max(right - left, 0.02)
    figure.update_xaxes(title=axis, range=[left - 0.05 * room, right + 0.2 * room], nticks=7)
    figure.update_yaxes(range=[line, -1], showgrid=False, showticklabels=False, fixedrange=True)
    style(figure).update_layout(height=round(DOT_PIXELS * (line + 1)) + 80, margin={"l": 8, "r": 8, "t": 8, "b": 56})
    return figure
