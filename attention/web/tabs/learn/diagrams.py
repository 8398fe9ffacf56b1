"""Diagrams as SVG strings: the steps of a module, the network with its slots, histograms and kernels. No torch, no gradio.

Words come from the caller. Colours are the page's CSS variables, with default values for use outside the page.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from attention.maps.overlay import DIFFERENCE_SCALE, colour_table
from attention.web.charts.figures import PLACEMENT_COLOURS

STRONG, MUTED = "var(--ink,#14181f)", "var(--ink-2,#4b5563)"
HAIR, SOFT, PAPER = "var(--line,#e3e6eb)", "var(--wash,#f5f6f8)", "var(--paper,#fff)"


def svg(width: float, height: float, title: str, description: str, body: str, name: str) -> str:
    """An SVG at its natural size, with title and description for screen readers. `name` is unique on the page."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" aria-labelledby="{name}-title {name}-desc" font-size="13">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>{body}</svg>'
    )


def _text(x: float, y: float, words: str, colour: str = STRONG, anchor: str = "middle", extra: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{extra}>{escape(words)}</text>'


# the steps of a module


@dataclass(frozen=True)
class Box:
    """One step: what it is, its shape, and its inputs as (index of a box, label of the line to it, "" for none).

    `tone` is "plain", "end" (what goes in and comes out), "weights" (attention weights) or "learned" (a parameter).
    """

    title: str
    note: str
    sources: tuple[tuple[int, str], ...] = ()
    tone: str = "plain"


BOX_WIDTH, BOX_HEIGHT, ACROSS, PASSING, DOWN = 168, 44, 182, 136, 76  # px: a box and a passing line fit a phone


def ranks(boxes: Sequence[Box]) -> list[int]:
    """The row of each box: below all that it reads; a learned parameter stands directly above its first reader."""
    rows = []
    for box in boxes:
        rows.append(max((rows[source] + 1 for source, _ in box.sources), default=0))
    for index, box in enumerate(boxes):
        if box.tone == "learned":
            rows[index] = max(0, min(rows[j] for j, b in enumerate(boxes) if index in dict(b.sources)) - 1)
    return rows


def columns(boxes: Sequence[Box], rows: list[int]) -> list[int]:
    """The column of each box, row by row: the leftmost column of its inputs, or the next free one to the right of it.

    A column is taken down to the row of the last step that reads its box, because the line passes there. Of steps in
    one row the one that is read last stands on the left, so that its line does not cross lines that end earlier.
    """
    last = [max((rows[j] for j, b in enumerate(boxes) if i in dict(b.sources)), default=0) for i in range(len(boxes))]
    found: dict[int, int] = {}

    def wanted(index: int) -> int:
        return min((found[source] for source, _ in boxes[index].sources), default=0)

    for row in range(max(rows) + 1):
        taken = {column for index, column in found.items() if last[index] > row}
        here = [index for index in range(len(boxes)) if rows[index] == row]
        for index in sorted(here, key=lambda i: (not boxes[i].sources, wanted(i), -last[i])):
            found[index] = next(column for column in itertools.count(wanted(index)) if column not in taken)
            taken.add(found[index])
    return [found[index] for index in range(len(boxes))]


def _centres(rows: list[int], column: list[int]) -> list[float]:
    """The centre of each column in px: closer to the column before if no row has a box in both."""
    held, centres = set(zip(column, rows, strict=True)), [BOX_WIDTH / 2 + 4]
    for right in range(1, max(column) + 1):
        beside = any({(right - 1, row), (right, row)} <= held for row in rows)
        centres.append(centres[-1] + (ACROSS if beside else PASSING))
    return centres


def _line(x: float, y: float, bend: float, to_x: float, to_y: float) -> str:
    """A line straight down from (x, y) to `bend`, past the boxes of other columns, then curved to (to_x, to_y)."""
    middle = (bend + to_y) / 2
    path = f"M{x:.1f} {y:.1f}L{x:.1f} {bend:.1f}C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}"
    return f'<path d="{path}" fill="none" stroke="{MUTED}" stroke-width="1.5"/>'


def flow(boxes: Sequence[Box], title: str, description: str, colour: str, name: str) -> str:
    """A module from top to bottom, one box per step. `colour` marks the boxes that make attention weights."""
    rows = ranks(boxes)
    column, half = columns(boxes, rows), BOX_HEIGHT / 2
    centres = _centres(rows, column)
    x = [centres[at] for at in column]
    y = [row * DOWN + half + 4 for row in rows]
    lines, said_at = [], []
    for target, box in enumerate(boxes):
        top = y[target] - half
        bend = top - DOWN + BOX_HEIGHT
        for source, said in box.sources:
            lines.append(_line(x[source], y[source] + half, bend, x[target], top))
            if said:
                said_at.append(((bend + top) / 2, (x[source] + x[target]) / 2, said))
    drawn = [_box(box, *at, colour) for box, *at in zip(boxes, x, y, strict=True)]
    width, height = centres[-1] + BOX_WIDTH / 2 + 4, max(rows) * DOWN + BOX_HEIGHT + 8
    return svg(width, height, title, description, "".join([*lines, *drawn, *_labels(said_at)]), name)


def _label_width(words: str) -> float:
    return 6.6 * len(words) + 8


def _labels(said_at: list[tuple[float, float, str]]) -> list[str]:
    """The labels of lines, from (y, x, words); each is moved to the right if it would cover the one before."""
    drawn, free = [], {}
    for y, x, words in sorted(said_at):
        half = _label_width(words) / 2
        x = max(x, free.get(y, -half) + half)
        free[y] = x + half
        drawn.append(_label(x, y, words))
    return drawn


def _label(x: float, y: float, words: str) -> str:
    width = _label_width(words)
    return f'<rect x="{x - width / 2:.1f}" y="{y - 9:.1f}" width="{width:.1f}" height="18" fill="{PAPER}"/>' + _text(
        x, y + 4, words, MUTED, extra=' font-size="12"'
    )


def _box(box: Box, x: float, y: float, colour: str) -> str:
    look = {
        "plain": f'fill="{PAPER}" stroke="{HAIR}" stroke-width="1.5"',
        "end": f'fill="{SOFT}" stroke="{MUTED}" stroke-width="1.5"',
        "weights": f'fill="{PAPER}" stroke="{colour}" stroke-width="4"',
        "learned": f'fill="{PAPER}" stroke="{MUTED}" stroke-width="1.5" stroke-dasharray="4 3"',
    }[box.tone]
    radius = BOX_HEIGHT / 2 if box.tone == "end" else 6
    return (
        f'<g class="step {box.tone}"><rect x="{x - BOX_WIDTH / 2:.1f}" y="{y - BOX_HEIGHT / 2:.1f}" width="{BOX_WIDTH}" '
        f'height="{BOX_HEIGHT}" rx="{radius:.0f}" {look}/>'
        + _text(x, y - 3, box.title)
        + _text(x, y + 14, box.note, MUTED, extra=' font-size="12"')
        + "</g>"
    )


# the network


@dataclass(frozen=True)
class Part:
    """A part of the network, or a slot if it has a `placement`; `stage` groups blocks; `inside`: it is in a block."""

    path: str
    title: str
    note: str
    placement: str | None = None
    stage: str = ""
    inside: bool = False


WIDE, ROW, SLOT = 336, 52, 10


def network(parts: Sequence[Part], chosen: str, title: str, description: str, name: str) -> str:
    """The network from top to bottom. A slot is a ring in its placement's colour, its path in `data-slot`; the
    `chosen` one is filled."""
    y, last_y, body, frames = 4.0, 4.0, [], {}
    for part in parts:
        if part.inside:  # of the block that was drawn last
            body.append(_slot(part, WIDE - 32, last_y + (ROW - 8) / 2, chosen, False))
        elif part.placement:
            body.append(_slot(part, WIDE / 2, y + 14, chosen, True))
            y += 36
        else:
            if part.stage and part.stage not in frames:
                body.append(_text(14, y + 18, part.stage, MUTED, "start", ' font-size="12"'))
                frames[part.stage] = (y, y)
                y += 26
            body.append(_part(part, 12 if part.stage else 0, y))
            last_y, y = y, y + ROW
            if part.stage:
                frames[part.stage] = (frames[part.stage][0], y + 2)
                y += 0 if part is not _last_of(parts, part.stage) else 10
    spine = f'<path d="M{WIDE / 2} 8V{y - 12:.0f}" stroke="{MUTED}" stroke-width="1.5"/>'
    drawn = "".join(
        f'<rect x="1" y="{top:.0f}" width="{WIDE - 2}" height="{bottom - top:.0f}" rx="8" fill="{SOFT}" stroke="{HAIR}"/>'
        for top, bottom in frames.values()
    )
    return svg(WIDE, y, title, description, drawn + spine + "".join(body), name)


def _last_of(parts: Sequence[Part], stage: str) -> Part:
    return [part for part in parts if part.stage == stage and not part.inside][-1]


def _part(part: Part, inset: float, y: float) -> str:
    return (
        f'<rect x="{inset + 1}" y="{y:.0f}" width="{WIDE - 2 * inset - 2}" height="{ROW - 8}" rx="6" fill="{PAPER}" '
        f'stroke="{HAIR}" stroke-width="1.5"/>'
        + _text(inset + 14, y + 27, part.title, anchor="start")
        + _text(WIDE / 2 + 34, y + 27, part.note, MUTED, extra=' font-size="12"')
    )


def _slot(part: Part, x: float, y: float, chosen: str, labelled: bool) -> str:
    colour = PLACEMENT_COLOURS[part.placement]
    fill = colour if part.path == chosen else PAPER
    words = _text(x + 18, y + 4, part.title, anchor="start", extra=' font-size="12"') if labelled else ""
    return (
        f'<g class="slot" data-slot="{escape(part.path)}" data-chosen="{str(part.path == chosen).lower()}">'
        f"<title>{escape(part.title)}</title>"
        f'<circle cx="{x:.0f}" cy="{y:.0f}" r="16" fill="transparent"/>'
        f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{SLOT}" fill="{fill}" stroke="{colour}" stroke-width="3"/>{words}</g>'
    )


# numbers


def histogram(values: np.ndarray, title: str, name: str, bins: int = 25) -> str:
    """The histogram of an array of any shape, from its smallest to its largest value, with a line at 0."""
    values = values.ravel()
    low, high = float(values.min()), float(values.max())
    counts, _ = np.histogram(values, bins, (low, high if high > low else low + 1))
    step, top = 150 / bins, counts.max()
    bars = "".join(
        f'<rect x="{i * step:.2f}" y="{30 - 28 * count / top:.2f}" width="{step * 0.85:.2f}" height="{28 * count / top:.2f}" '
        f'fill="{MUTED}"/>'
        for i, count in enumerate(counts)
        if count
    )
    zero = 150 * -low / (high - low) if low < 0 < high else -1
    line = f'<path d="M{zero:.1f} 0V32" stroke="{STRONG}"/>' if zero >= 0 else ""
    return svg(150, 32, title, f"{low:.3g} … {high:.3g}".replace("-", "−"), bars + line, name)


def kernels(values: np.ndarray, title: str, name: str, side: int = 14) -> str:
    """Kernels (n, h, w) side by side, one square per number, on a diverging scale centred at 0 that they share."""
    count, height, width = values.shape
    top = float(np.abs(values).max()) or 1.0
    colours = colour_table(DIFFERENCE_SCALE)[np.clip((values / top + 1) * 127.5, 0, 255).astype(int)]
    gap, cells = 10, []
    for k in range(count):
        for row in range(height):
            for column in range(width):
                red, green, blue = colours[k, row, column]
                x, y = k * (width * side + gap) + column * side, row * side
                cells.append(f'<rect x="{x}" y="{y}" width="{side}" height="{side}" fill="rgb({red},{green},{blue})"/>')
    total = count * (width * side + gap) - gap
    return svg(total, height * side, title, f"±{top:.3g}", "".join(cells), name)
