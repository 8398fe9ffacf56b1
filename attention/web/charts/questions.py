"""Charts of the Look closer tab: curves of deletion and insertion, and of damage. No torch, no gradio."""

import numpy as np
import plotly.graph_objects as go

from attention.web.charts.figures import LINE_COLOURS, style

CURVE_COLOURS = {"activation": LINE_COLOURS[0], "attention": LINE_COLOURS[1], "random": LINE_COLOURS[6]}
CURVE_DASHES = {"activation": "solid", "attention": "dash", "random": "dot"}
DASHES, SYMBOLS = ("solid", "dash", "dot"), ("circle", "diamond", "square")


def curves(lines: dict[str, np.ndarray], names: dict[str, str], axes: tuple[str, str]) -> go.Figure:
    """Deletion or insertion: one line per map, its probabilities (steps + 1,) over 0 to 100 % of the pixels."""
    figure = go.Figure()
    for kind, probabilities in lines.items():
        share = np.linspace(0, 100, len(probabilities))
        figure.add_scatter(
            x=share.tolist(),
            y=(100 * np.asarray(probabilities)).tolist(),
            name=names[kind],
            mode="lines",
            line={"color": CURVE_COLOURS[kind], "width": 3, "dash": CURVE_DASHES[kind]},
            hovertemplate=f"<b>{names[kind]}</b><br>%{{x:.0f}} %: %{{y:.1f}} %<extra></extra>",
        )
    return _percent(figure, axes, [0, 100])


def against_strength(
    lines: dict[str, list[float]], names: dict[str, str], colours: dict[str, str], axes: tuple[str, str]
) -> go.Figure:
    """One line per model: the probability of the class (0 to 1) over strengths 0 to 5, or over those that have run."""
    figure = go.Figure()
    for index, (model, probabilities) in enumerate(lines.items()):
        look = {"color": colours[model], "width": 3, "dash": DASHES[index % 3]}
        figure.add_scatter(
            x=list(range(len(probabilities))),
            y=[100 * probability for probability in probabilities],
            name=names[model],
            mode="lines+markers",
            line=look,
            marker={"size": 9, "symbol": SYMBOLS[index % 3], "color": colours[model]},
            hovertemplate=f"<b>{names[model]}</b><br>%{{x}}: %{{y:.1f}} %<extra></extra>",
        )
    figure = _percent(figure, axes, [-0.15, 5.15])
    return figure.update_xaxes(dtick=1)


def _percent(figure: go.Figure, axes: tuple[str, str], x_range: list[float]) -> go.Figure:
    """A y axis from 0 to 100 %, and the legend above the plot, so that it is near the lines on a phone."""
    figure.update_xaxes(title=axes[0], range=x_range)
    figure.update_yaxes(title=axes[1], range=[-2, 102], dtick=25)
    return style(figure).update_layout(
        height=360,
        margin={"l": 56, "r": 16, "t": 16, "b": 56},
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 13}},
    )
