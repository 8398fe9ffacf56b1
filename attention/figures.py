"""Pictures and charts from plain arrays and tables: overlays with NumPy and Pillow, charts with Plotly. No torch, no gradio."""

import base64
import io

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from PIL import Image
from plotly.colors import get_colorscale, sample_colorscale

PLACEMENT_COLOURS = {  # Okabe-Ito: told apart by colour-blind readers; always beside the placement's name
    "none": "#6B7280",
    "input": "#E69F00",
    "block": "#0072B2",
    "stage": "#009E73",
    "head": "#CC79A7",
    "everywhere": "#D55E00",
}
FAMILY_SYMBOLS = {
    "": "circle-open",
    "channel": "circle",
    "spatial": "square",
    "combined": "diamond",
    "self-attention": "triangle-up",
    "pooling": "star",
}
SCALE_NAME = "inferno"
_LUT = np.array(
    [
        [int(channel) for channel in colour[4:-1].split(",")]
        for colour in sample_colorscale(get_colorscale(SCALE_NAME), np.linspace(0, 1, 256).tolist())
    ],
    np.uint8,
)


def upsample(values: np.ndarray, width: int, height: int) -> np.ndarray:
    """(h, w) -> (height, width) float32, smooth between positions and never outside the map's own range."""
    resized = Image.fromarray(values.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized)


def heat_layer(values: np.ndarray, top: float, width: int, height: int) -> Image.Image:
    """A map (h, w) -> an RGBA picture to lay over the photo: 0 is transparent, `top` and above is the brightest.

    The opacity grows with the value, so that the photo stays visible where nothing is looked at.
    """
    if not np.isfinite(values).all():
        raise ValueError("The map holds values that are not finite")
    share = np.clip(upsample(values, width, height) / max(top, 1e-12), 0, 1)
    index = (share * 255).round().astype(np.uint8)
    alpha = (np.clip(share * 1.25, 0, 1) * 255).round().astype(np.uint8)
    return Image.fromarray(np.dstack([_LUT[index], alpha]), "RGBA")


def overlay(photo: Image.Image, values: np.ndarray, top: float, opacity: float = 0.75) -> Image.Image:
    """The photo with a map over it, at the photo's own size."""
    layer = heat_layer(values, top, *photo.size)
    layer.putalpha(layer.getchannel("A").point(lambda alpha: round(alpha * opacity)))
    return Image.alpha_composite(photo.convert("RGBA"), layer).convert("RGB")


def data_uri(image: Image.Image) -> str:
    """The picture as a data: address: WebP keeps transparency and is small."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=82, method=2)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def channel_bars(rows: list[np.ndarray], top: float, colour: str, label: str) -> str:
    """Channel weights as an SVG: a row a module, a bar a channel, all on the fixed scale 0 to `top`.

    A thin line marks `top` / 2 in each row. `label` is read out by screen readers.
    """
    height, gap, width = 100 / max(len(rows), 1), 2.0, 100.0
    parts = []
    for index, weights in enumerate(rows):
        base, room = (index + 1) * height - gap / 2, height - gap
        step = width / len(weights)
        heights = np.clip(weights / top, 0, 1) * room
        points = " ".join(
            f"{i * step:.2f},{base - h:.2f} {(i + 1) * step:.2f},{base - h:.2f}" for i, h in enumerate(heights)
        )
        parts.append(f'<polygon points="0,{base:.2f} {points} {width},{base:.2f}" fill="{colour}"/>')
        middle = base - room / 2
        parts.append(f'<path d="M0 {middle:.2f}H{width}" stroke="currentColor" stroke-width=".25" opacity=".5"/>')
    return (
        f'<svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="{label}">'
        + "".join(parts)
        + "</svg>"
    )


def style(figure: go.Figure) -> go.Figure:
    """The one template: quiet, transparent, a mid-tone font that is legible on light and dark pages."""
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
        hoverlabel={"font": {"size": 13}},
        showlegend=False,
    )
    figure.update_xaxes(gridcolor=grid, zeroline=False, linecolor=grid)
    figure.update_yaxes(gridcolor=grid, zeroline=False, linecolor=grid)
    return figure


def accuracy_against_latency(
    table: pd.DataFrame, families: dict[str, str], titles: dict[str, str], axes: tuple[str, str]
) -> go.Figure:
    """A point a variant, with its 95 % interval over test images; hollow markers, since each is one seed so far.

    `table` has variant, placement, accuracy, low, high (fractions), p50_ms and p90_ms; `axes` are the two axis titles.
    """
    figure = go.Figure()
    for row in table.dropna(subset=["p50_ms"]).itertuples():
        symbol = FAMILY_SYMBOLS[families[row.variant]].removesuffix("-open") + "-open"
        figure.add_scatter(
            x=[row.p50_ms],
            y=[row.accuracy * 100],
            error_y={
                "type": "data",
                "array": [(row.high - row.accuracy) * 100],
                "arrayminus": [(row.accuracy - row.low) * 100],
                "thickness": 1,
                "width": 3,
            },
            mode="markers+text",
            text=[titles[row.variant]],
            textposition="middle right",
            marker={"symbol": symbol, "size": 13, "color": PLACEMENT_COLOURS[row.placement], "line": {"width": 2.5}},
            cliponaxis=False,
            hovertemplate=(
                f"<b>{titles[row.variant]}</b><br>{row.accuracy:.2%} ({row.low:.2%} – {row.high:.2%})"
                f"<br>p50 {row.p50_ms:.2f} ms, p90 {row.p90_ms:.2f} ms<extra></extra>"
            ),
        )
    slowest = float(table["p50_ms"].max())
    figure.update_xaxes(title=axes[0], range=[0, slowest * 1.35])  # from 0, with room for the names on the right
    figure.update_yaxes(title=axes[1])
    return style(figure)
