"""The chart of accuracy against latency, with its hover texts, its key and its lines. No gradio here."""

from html import escape

import pandas as pd
import plotly.graph_objects as go

from attention.models.variants import PLACEMENTS, REFERENCE, VARIANTS
from attention.study.comparison import comparable, pareto_front
from attention.web.chart_lines import lines_html, source
from attention.web.charts.figures import FAMILY_SYMBOLS, PLACEMENT_COLOURS, style
from attention.web.matrix import MARKS
from attention.web.table import group_words, shown
from attention.web.tables import number
from attention.web.texts import text, title


def _family(name: str) -> str:
    return VARIANTS[name].info.family if VARIANTS[name].info else ""


def _hover(lang: str, row: dict) -> str:
    """The hover text of a point: its row of the table."""
    words = {column: escape(word) for column, word in shown(lang, row).items()}

    def line(column: str, more: str = "") -> str:
        return f"<br>{escape(text(lang, f'col_{column}'))}: {words[column]}{more}"

    family = _family(row["variant"])
    place = words["placement"] + (f" · {escape(text(lang, f'family_{family}'))}" if family else "")
    return (
        f"<b>{words['model']}</b><br>{place}"
        + line("accuracy", f" ({words['interval']})")
        + line("seeds")
        + line("difference", f" ({words['difference_interval']})")
        + line("verdict")
        + line("p50")
        + line("p90")
        + line("throughput")
    )


def front(table: pd.DataFrame) -> pd.DataFrame:
    """The timed rows whose accuracies may be ranked; `on_front` marks those on the Pareto front."""
    timed = table.dropna(subset=["p50_ms"])
    rows = timed[comparable(timed["seeds"])] if "seeds" in timed else timed[:0]
    return rows.assign(on_front=pareto_front(rows["accuracy"], rows["p50_ms"]))


def chart(lang: str, table: pd.DataFrame) -> go.Figure:
    """Accuracy against latency for the rows that have a latency, all from one device, and their Pareto front."""
    families = {name: _family(name) for name in VARIANTS}
    titles = {name: title(lang, variant) for name, variant in VARIANTS.items()}
    hovers = {row["variant"]: _hover(lang, row) for row in table.to_dict("records")}
    measured = table.dropna(subset=["p50_ms"]).iloc[0]
    latency = text(lang, "axis_latency", batch=int(measured["batch_size"]), device=measured["device"])
    first, below = latency.split("<br>")  # the second line is long, and has to fit on a phone
    axes = (f'{first}<br><span style="font-size:12px">{below}</span>', text(lang, "axis_accuracy"))
    competing = front(table)
    on_front = list(competing.loc[competing["on_front"], "variant"])
    return accuracy_against_latency(table, families, titles, hovers, axes, REFERENCE, on_front)


def chart_key(lang: str, table: pd.DataFrame) -> str:
    """What the chart's colours and markers stand for, in words."""
    variants = [VARIANTS[name] for name in table.dropna(subset=["p50_ms"])["variant"]]
    placements, families = {v.placement for v in variants}, {_family(v.name) for v in variants}
    parts = [
        f'<span data-placement="{name}"><span class="dot"></span>{escape(text(lang, f"placement_{name}"))}</span>'
        for name in PLACEMENTS
        if name in placements
    ]
    parts += [
        f'<span><span class="mark" aria-hidden="true">{mark}</span>{escape(text(lang, f"family_{name}"))}</span>'
        for name, mark in MARKS.items()
        if name in families
    ]
    marks = (("○", "key_control"), ("⊙", "key_one_seed"), ("┄", "key_front"))
    parts += [
        f'<span><span class="mark" aria-hidden="true">{mark}</span>{escape(text(lang, key))}</span>'
        for mark, key in marks
    ]
    return f'<p class="key">{"".join(parts)}</p>'


def chart_says(lang: str, table: pd.DataFrame) -> str:
    """Who is on the front, whether that means anything, and who is slowest: from the same rows."""
    timed = table.dropna(subset=["p50_ms"])
    if REFERENCE not in set(timed["variant"]):
        return ""
    reference = timed[timed["variant"] == REFERENCE].iloc[0]
    slowest = timed.loc[timed["p50_ms"].idxmax()]
    said = [*_front_says(lang, table)]
    said.append(
        text(
            lang, "chart_slowest", slowest=title(lang, VARIANTS[slowest["variant"]]),
            slowdown=slowest["p50_ms"] / reference["p50_ms"],
        )
    )  # fmt: skip
    return ("" if lang == "zh" else " ").join(said)


def _front_says(lang: str, table: pd.DataFrame) -> list[str]:
    rows = front(table)
    members = rows[rows["on_front"]].sort_values("p50_ms")
    if len(rows) < 2:
        return []
    named = [
        text(
            lang, "chart_member", name=title(lang, VARIANTS[row["variant"]]),
            accuracy=number(row["accuracy"], ".2f", 0.01), p50=number(row["p50_ms"], ".2f"),
        )
        for row in members.to_dict("records")
    ]  # fmt: skip
    said = [text(lang, "chart_front", group=group_words(lang, rows), members=text(lang, "list_and").join(named))]
    gains = "verdict" in members and (members["verdict"] == "gain").any()
    return said if gains else [*said, text(lang, "chart_no_gain")]


def chart_lines(lang: str, table: pd.DataFrame) -> str:
    """What the chart says, how to read it, and its sources."""
    where = source(lang, text(lang, "chart_files"), text(lang, "chart_commands"))
    return lines_html(chart_says(lang, table), text(lang, "chart_read"), where)


# the figure


PLOT_PIXELS = (640, 380)  # the smallest plot whose points are named; page.css hides the names on narrower screens
SIDES = ("middle right", "middle left", "top right", "bottom right", "top left", "bottom left")
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels


def _name_box(x: float, y: float, name: str, side: str) -> Box:
    """The box of a name of 14 px beside a marker at (x, y); Chinese characters are as wide as they are high."""
    width = sum(14 if ord(character) > 0x2E80 else 7.5 for character in name)
    left = x + 9 if side.endswith("right") else x - 9 - width
    top = y + {"middle": -9, "top": -25, "bottom": 7}[side.split()[0]]
    return left, top, left + width, top + 18


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def place_names(centres: list[tuple[float, float]], bars: list[Box], names: dict[int, str]) -> dict[int, str]:
    """On which side of its marker each name goes, as {index of the point: side}; earlier names choose first.

    All in pixels. A name covers no other name and no marker and stays inside the plot; of the free sides it takes the
    one that crosses the fewest error bars. A name without room is left out, but is still shown on hover.
    """
    markers = [(x - 8, y - 8, x + 8, y + 8) for x, y in centres]
    placed: dict[int, tuple[str, Box]] = {}
    for index, name in names.items():
        free = []
        for side in SIDES:
            box = _name_box(*centres[index], name, side)
            inside = box[0] >= 0 and box[1] >= 0 and box[2] <= PLOT_PIXELS[0] and box[3] <= PLOT_PIXELS[1]
            taken = [other for _, other in placed.values()] + markers[:index] + markers[index + 1 :]
            if inside and not any(_overlap(box, other) for other in taken):
                free.append((sum(_overlap(box, bar) for bar in bars), side, box))
        if free:
            _, side, box = min(free, key=lambda candidate: candidate[0])
            placed[index] = side, box
    return {index: side for index, (side, _) in placed.items()}


def _named(table: pd.DataFrame, reference: str, front: list[str]) -> list[int]:
    """The rows whose names are written: the reference, the front, the best, the worst, the slowest and the fastest."""
    accuracy, latency = table["accuracy"], table["p50_ms"]
    extremes = [accuracy.idxmax(), accuracy.idxmin(), latency.idxmax(), latency.idxmin()]
    first = [*table.index[table["variant"] == reference], *table.index[table["variant"].isin(front)]]
    return list(dict.fromkeys([*first, *extremes]))


def _sides(table: pd.DataFrame, titles: dict[str, str], named: list[int], x_range: list, y_range: list) -> dict:
    """place_names for a table whose points lie in these ranges of the axes."""
    width, height = PLOT_PIXELS
    x = (table["p50_ms"] - x_range[0]) / (x_range[1] - x_range[0]) * width
    high, y, low = (
        (y_range[1] - 100 * table[key]) / (y_range[1] - y_range[0]) * height for key in ("high", "accuracy", "low")
    )
    bars = list(zip(x - 3, high, x + 3, low, strict=True))
    return place_names(list(zip(x, y, strict=True)), bars, {i: titles[table["variant"][i]] for i in named})


def accuracy_against_latency(
    table: pd.DataFrame,
    families: dict[str, str],
    titles: dict[str, str],
    hovers: dict[str, str],
    axes: tuple[str, str],
    reference: str,
    front: list[str] | None = None,
) -> go.Figure:
    """One point per variant, with its 95 % interval. Colour shows the placement and the marker the family; a hollow
    marker is a control, a hollow one with a dot has one seed.

    `table` has variant, placement, accuracy, low, high (fractions), p50_ms, and seeds where they are known. `hovers`
    are the hover texts, `axes` the two axis titles. A line of steps joins the variants of `front`. Only a few points
    are named, where there is room.
    """
    figure = go.Figure()
    table = table.dropna(subset=["p50_ms"]).reset_index(drop=True)
    x_range, y_range = _ranges(table)
    sides = _sides(table, titles, _named(table, reference, front or []), x_range, y_range)
    for index, row in table.iterrows():
        colour = PLACEMENT_COLOURS[row["placement"]]
        symbol = FAMILY_SYMBOLS[families[row["variant"]]] + _filling(row, families[row["variant"]])
        figure.add_scatter(
            x=[row["p50_ms"]],
            y=[row["accuracy"] * 100],
            error_y={
                "type": "data",
                "array": [(row["high"] - row["accuracy"]) * 100],
                "arrayminus": [(row["accuracy"] - row["low"]) * 100],
                "thickness": 1,
                "width": 3,
                "color": colour + "99",  # behind names and points
            },
            mode="markers+text" if index in sides else "markers",
            text=[titles[row["variant"]]],
            textposition=sides.get(index),
            marker={"symbol": symbol, "size": 12, "color": colour, "line": {"width": 2, "color": colour}},
            cliponaxis=False,
            hovertemplate=hovers[row["variant"]] + "<extra></extra>",
        )
    if front:
        _add_front(figure, table[table["variant"].isin(front)].sort_values("p50_ms"), x_range[1])
    figure.update_xaxes(title=axes[0], range=x_range)
    figure.update_yaxes(title=axes[1], range=y_range)
    figure.update_layout(height=480)
    return style(figure).update_layout(margin={"b": 76})  # the title below has two lines


def _filling(row: pd.Series, family: str) -> str:
    """How a marker is filled: hollow for a control, hollow with a dot for one seed. Unknown seeds count as one."""
    if not row.get("seeds", 1) > 1:
        return "-open-dot"
    return "" if family else "-open"


def _add_front(figure: go.Figure, rows: pd.DataFrame, right: float) -> None:
    """Draw steps through the front, the fastest first, and on to the right: what lies below and right is beaten."""
    figure.add_scatter(
        x=[*rows["p50_ms"], right],
        y=[*rows["accuracy"] * 100, rows["accuracy"].iloc[-1] * 100],
        mode="lines",
        line={"shape": "hv", "dash": "dot", "width": 2, "color": "#808894"},
        hoverinfo="skip",
    )


def _ranges(table: pd.DataFrame) -> tuple[list[float], list[float]]:
    """The ranges of both axes, around the data with all intervals. They leave out zero, which would crowd the points.

    On the left is room for the name of the fastest model, which is usually the reference.
    """
    left, right = table["p50_ms"].min(), table["p50_ms"].max()
    low, high = 100 * table["low"].min(), 100 * table["high"].max()
    across, up = max(right - left, 1), max(high - low, 1)
    return [left - 0.14 * across, right + 0.06 * across], [low - 0.06 * up, high + 0.06 * up]
