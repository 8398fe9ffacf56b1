"""Diagrams as SVG strings: the steps of a module, the network with its slots, histograms and kernels. No torch, no gradio.

Words come from the caller. Colours are the page's CSS variables, with values of their own where there is no page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from attention.maps.overlay import DIFFERENCE_SCALE, colour_table
from attention.web.charts.figures import PLACEMENT_COLOURS

STRONG, MUTED = "var(--strong,#1d2530)", "var(--muted,#5b6472)"
HAIR, SOFT, PAPER = "var(--hair,#dfe3e8)", "var(--soft,#f4f6f8)", "var(--background-fill-primary,#fff)"


def svg(width: float, height: float, title: str, description: str, body: str, name: str) -> str:
    """A picture at its natural size, with the two texts that stand for it. `name` is unlike any other's on the page."""
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
    """One step: what it is, its shape, where its inputs come from, each with what to write at the line ("" for nothing).

    `tone` is "plain", "end" (what goes in and comes out), "weights" (attention weights) or "learned" (a parameter).
    """

    title: str
    note: str
    sources: tuple[tuple[int, str], ...] = ()
    tone: str = "plain"


BOX_WIDTH, BOX_HEIGHT, ACROSS, DOWN = 168, 44, 182, 76  # px: a box and a passing line fit a phone


def ranks(boxes: Sequence[Box]) -> list[int]:
    """The row of each box, below all that it reads; what is learned stands right above its first reader."""
    rows = []
    for box in boxes:
        rows.append(max((rows[source] + 1 for source, _ in box.sources), default=0))
    for index, box in enumerate(boxes):
        if box.tone == "learned":
            rows[index] = max(0, min(rows[j] for j, b in enumerate(boxes) if index in dict(b.sources)) - 1)
    return rows


Node = tuple[int, int]  # a box (its index) or the place where its line passes on the way down, and the row of that
NARROW = 0.5  # the room that a passing line takes, where a box takes 1
SWEEPS = 6
STIFF = 3.0  # how many times more an end that passes costs to bend than one at a box


class _Layout:
    """Where boxes and passing lines stand: few crossings (the barycentre method), then lines as straight as there is room."""

    def __init__(self, boxes: Sequence[Box]):
        self.rows = ranks(boxes)
        chains = [
            [(source, row) for row in range(self.rows[source], self.rows[target])] + [(target, self.rows[target])]
            for target, box in enumerate(boxes)
            for source, _ in box.sources
        ]
        self.edges = {pair for chain in chains for pair in zip(chain, chain[1:], strict=False)}
        nodes = {(i, row) for i, row in enumerate(self.rows)} | {node for chain in chains for node in chain}
        self.levels = [sorted(n for n in nodes if n[1] == row) for row in range(max(self.rows) + 1)]
        self._order()
        self.column = self._place()

    def is_box(self, node: Node) -> bool:
        return self.rows[node[0]] == node[1]

    def _neighbours(self, node: Node) -> tuple[list[Node], list[Node]]:
        """Those above and those below."""
        return [a for a, b in self.edges if b == node], [b for a, b in self.edges if a == node]

    def _order(self) -> None:
        best, fewest = self.levels, self._crossings(self.levels)
        levels = [list(level) for level in self.levels]
        for sweep in range(SWEEPS):
            below = sweep % 2
            place = {node: i for level in levels for i, node in enumerate(level)}
            for level in reversed(levels) if below else levels:

                def centre(node: Node, place=place, below=below) -> float:
                    found = [place[n] for n in self._neighbours(node)[below]]
                    return float(np.mean(found)) if found else place[node]

                level.sort(key=centre)
                place |= {node: i for i, node in enumerate(level)}
            if (crossings := self._crossings(levels)) < fewest:
                best, fewest = [list(level) for level in levels], crossings
        self.levels = best

    def _crossings(self, levels: list[list[Node]]) -> int:
        place = {node: i for level in levels for i, node in enumerate(level)}
        edges = [(a[1], place[a], place[b]) for a, b in self.edges]
        return sum(r == s and (a - c) * (b - d) < 0 for r, a, b in edges for s, c, d in edges) // 2

    def _place(self) -> dict[Node, float]:
        """Columns without changing the order of a row: the least bent lines, long ones above all (Gansner et al. 1993, IV).

        A linear programme over the columns and each edge's way across.
        """
        from scipy.optimize import linprog  # late: the page starts without it

        nodes = [node for level in self.levels for node in level]
        edges, number = sorted(self.edges), {node: i for i, node in enumerate(nodes)}
        rows: list[tuple[dict[int, float], float]] = []  # what the sum of these is at most
        for level in self.levels:
            for a, b in zip(level, level[1:], strict=False):
                room = sum(1.0 if self.is_box(node) else NARROW for node in (a, b)) / 2
                rows.append(({number[a]: 1, number[b]: -1}, -room))
        for e, (a, b) in enumerate(edges):
            for sign in (1, -1):
                rows.append(({number[a]: sign, number[b]: -sign, len(nodes) + e: -1}, 0.0))
        matrix = np.zeros((len(rows), len(nodes) + len(edges)))
        for line, (terms, _) in zip(matrix, rows, strict=True):
            line[list(terms)] = list(terms.values())
        costs = [0.0] * len(nodes) + [STIFF ** sum(not self.is_box(node) for node in pair) for pair in edges]
        found = linprog(costs, matrix, [most for _, most in rows], bounds=(0, None))
        return dict(zip(nodes, found.x.tolist(), strict=False))


def _line(points: list[tuple[float, float]]) -> str:
    """Through the points from above to below: straight where a box may be beside it, bent between two rows."""
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x, y), (to_x, to_y) in zip(points, points[1:], strict=False):
        middle = (y + to_y) / 2
        path += (
            f"L{to_x:.1f} {to_y:.1f}"
            if x == to_x
            else f"C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}"
        )
    return f'<path d="{path}" fill="none" stroke="{MUTED}" stroke-width="1.5"/>'


def _route(source: int, target: int, rows: list[int], spot) -> list[tuple[float, float]]:
    x, y = spot((source, rows[source]))
    points = [(x, y + BOX_HEIGHT / 2)]
    for row in range(rows[source] + 1, rows[target]):
        x, y = spot((source, row))
        points += [(x, y - BOX_HEIGHT / 2), (x, y + BOX_HEIGHT / 2)]
    x, y = spot((target, rows[target]))
    return [*points, (x, y - BOX_HEIGHT / 2)]


def flow(boxes: Sequence[Box], title: str, description: str, colour: str, name: str) -> str:
    """A module from above to below, a box a step. `colour` marks the boxes that make attention weights."""
    layout = _Layout(boxes)
    rows, half = layout.rows, BOX_WIDTH / 2
    edges = [
        (layout.column[node] * ACROSS - room, layout.column[node] * ACROSS + room)
        for node in layout.column
        for room in [half if layout.is_box(node) else 24]
    ]
    left, right = min(a for a, _ in edges), max(b for _, b in edges)
    width, height = right - left + 8, max(rows) * DOWN + BOX_HEIGHT + 8

    def spot(node: Node) -> tuple[float, float]:
        return layout.column[node] * ACROSS - left + 4, node[1] * DOWN + BOX_HEIGHT / 2 + 4

    lines, said_at = [], []
    for target, box in enumerate(boxes):
        for source, said in box.sources:
            points = _route(source, target, rows, spot)
            lines.append(_line(points))
            (x, y), (to_x, to_y) = points[-2:]
            if said:
                said_at.append(((y + to_y) / 2, (x + to_x) / 2, said))
    drawn = [_box(box, *spot((i, rows[i])), colour) for i, box in enumerate(boxes)]
    return svg(width, height, title, description, "".join([*lines, *drawn, *_labels(said_at)]), name)


def _label_width(words: str) -> float:
    return 6.6 * len(words) + 8


def _labels(said_at: list[tuple[float, float, str]]) -> list[str]:
    """What is said at lines (y, x), moved to the right where it would lie on the one before."""
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
    """A part of the network, or a slot (`placement` given) on the way; `stage` groups the blocks of one, `inside` of a block."""

    path: str
    title: str
    note: str
    placement: str | None = None
    stage: str = ""
    inside: bool = False


WIDE, ROW, SLOT = 336, 52, 10


def network(parts: Sequence[Part], chosen: str, title: str, description: str, name: str) -> str:
    """The network from above to below. A slot is a ring in its placement's colour, `data-slot` its path; `chosen` is filled."""
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
    """How numbers of any shape are spread from their smallest to their largest: a bar a bin, a line at 0."""
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
    """Kernels (n, h, w) side by side, a square a number, on the diverging scale centred at 0 that they share."""
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
