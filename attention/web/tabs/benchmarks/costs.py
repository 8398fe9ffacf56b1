"""On the Benchmarks tab: the time of each mechanism by itself, in microseconds, and how it grows with resolution."""

from html import escape

import gradio as gr
import pandas as pd

from attention.models.variants import PLACEMENTS, VARIANTS
from attention.study import lookup
from attention.study.latency import PIXELS
from attention.study.lookup import Machine
from attention.web.chart_lines import heading_html, lines_html
from attention.web.charts import figures
from attention.web.language import language
from attention.web.table import threads_text
from attention.web.tables import Cell, Table, column, drawn, figure, of_model
from attention.web.texts import text, title

FIRST = "block"  # the placement that the chart begins with


def wide(table: pd.DataFrame) -> pd.DataFrame:
    """One row per variant: microseconds at each resolution (columns are pixels), `growth` from the lowest to the
    highest, and at 160 px how many modules there are, the time of what they replace, and the time that the whole
    network adds to the baseline's."""
    sides = table.pivot(index="variant", columns="pixels", values="p50_us")
    sides = sides.reindex([name for name in VARIANTS if name in sides.index])
    low, high = sides.columns.min(), sides.columns.max()
    at = table[table["pixels"] == PIXELS].set_index("variant")
    others = {key: at[key] if key in at else float("nan") for key in ("modules", "replaced_us", "in_network_us")}
    return sides.assign(growth=sides[high] / sides[low], **others)


def placements(table: pd.DataFrame) -> list[str]:
    there = {VARIANTS[name].placement for name in table["variant"]} if not table.empty else set()
    return [placement for placement in PLACEMENTS if placement in there]


def chart(lang: str, table: pd.DataFrame, placement: str):
    """The lines of one placement."""
    lines, families = {}, {}
    for name, rows in table.dropna(subset=["p50_us"]).sort_values("pixels").groupby("variant", sort=False):
        if VARIANTS[name].placement == placement:
            words = title(lang, VARIANTS[name])
            lines[words] = rows["pixels"].tolist(), rows["p50_us"].tolist()
            families[words] = VARIANTS[name].info.family
    return figures.cost_against_resolution(lines, families, text(lang, "axis_cost"), "%{x} px: %{y:,.0f} µs")


def costs_table(lang: str, table: pd.DataFrame) -> Table:
    rows = wide(table)
    sides = [name for name in rows.columns if isinstance(name, int)]
    columns = [column(text(lang, f"col_{name}"), f"word {name}") for name in ("model", "placement")]
    columns += [column(text(lang, "col_modules")), *(column(text(lang, "col_at", pixels=side)) for side in sides)]
    columns += [column(text(lang, "col_growth", low=sides[0], high=sides[-1]))]
    columns += [column(text(lang, f"col_{name}")) for name in ("replaced", "in_network")]
    found = tuple(of_model(lang, name, _figures(row, sides), placed=True) for name, row in rows.iterrows())
    return Table(text(lang, "costs_heading"), tuple(columns), found)


def _figures(row: pd.Series, sides: list[int]) -> list[Cell]:
    cells = [
        figure(row["modules"], ".0f"),
        *(figure(row[side], ",.0f") for side in sides),
        figure(row["growth"], ".2f"),
    ]
    return [*cells, figure(row["replaced_us"] or float("nan"), ",.0f"), figure(row["in_network_us"], "+,.0f")]


def says(lang: str, table: pd.DataFrame) -> str:
    """What the table and the chart say, from the same rows."""
    rows = wide(table).dropna(subset=[PIXELS, "growth"])
    if rows.empty:
        return ""
    cost, growth = rows[PIXELS], rows["growth"]
    names = {"least": cost.idxmin(), "most": cost.idxmax(), "steepest": growth.idxmax()}
    return text(
        lang, "costs_says", pixels=PIXELS, low=table["pixels"].min(), high=table["pixels"].max(),
        least_us=cost.min(), most_us=cost.max(), growth=growth.max(),
        **{key: title(lang, VARIANTS[name]) for key, name in names.items()},
    )  # fmt: skip


def render(lang: str, machine: Machine | None, busy: bool) -> tuple:
    """Updates of the heading, the placements to choose from, the chart, and the table with its notes."""
    heading = heading_html(text(lang, "costs_heading"))
    table = lookup.mechanism_costs(machine, busy) if machine else pd.DataFrame()
    if table.empty or table["p50_us"].isna().all():
        why = escape(text(lang, "costs_missing" if table.empty else "costs_busy"))
        hidden = gr.update(visible=False)
        return heading + f'<p class="says">{why}</p>', hidden, hidden, ""
    table = table.dropna(subset=["p50_us"])
    there, first = placements(table), table.iloc[0]
    chosen = FIRST if FIRST in there else there[0]
    choices = [(text(lang, f"placement_{placement}"), placement) for placement in there]
    source = text(
        lang, "costs_source", device=first["device"], threads=threads_text(lang, first["threads"]), dtype=first["dtype"],
        calls=int(table["calls"].min()), pixels=PIXELS,
    )  # fmt: skip
    notes = lines_html(says(lang, table), text(lang, "costs_read"), source)
    return (
        heading,
        gr.update(choices=choices, value=chosen, visible=True),
        gr.update(value=chart(lang, table, chosen), visible=True),
        notes + drawn(lang, costs_table(lang, table)),
    )


def build(t, machine_of, machine: gr.Dropdown, busy: gr.Checkbox):
    """Lay the section out; returns (render, its outputs). `machine_of` gives the Machine of a choice."""
    heading = gr.HTML(elem_id="costs-heading", padding=False)
    placement = gr.Radio([], label=t("costs_placement"), visible=False, elem_id="costs-placement")
    plot = gr.Plot(show_label=False, visible=False, elem_id="cost-resolution")
    below = gr.HTML(elem_id="costs-table", padding=False)

    def choose(chosen: str, key: str | None, with_busy: bool, request: gr.Request):
        return chart(language(request), lookup.mechanism_costs(machine_of(key), with_busy), chosen)

    placement.input(
        choose, [placement, machine, busy], plot, api_visibility="private", show_progress="hidden",
        trigger_mode="always_last",
    )  # fmt: skip
    return render, [heading, placement, plot, below]
