"""HTML of the Learn tab's network with its slots: what passes a slot, and what the study puts there. No gradio here."""

from html import escape

from attention.models.parts import Station, occupants, stations
from attention.models.variants import REFERENCE, VARIANTS
from attention.pictures.preprocessing import STUDY
from attention.study import lookup
from attention.web.table import verdict
from attention.web.tables import is_missing, number
from attention.web.tabs.learn import diagrams
from attention.web.tabs.learn.diagrams import Part
from attention.web.tabs.learn.mechanism import shape_text
from attention.web.tabs.learn.views import Case, heading
from attention.web.tabs.look_closer import views
from attention.web.texts import text, title


def network() -> tuple[Station, ...]:
    return stations(STUDY.test_pixels)


def slots() -> list[Station]:
    return [station for station in network() if station.placement]


def slot(path: str) -> Station:
    """Raises KeyError for a path that is no slot."""
    return {station.path: station for station in slots()}[path]


def _stage(path: str) -> int:
    return int(path.split(".")[1]) + 1


def slot_title(lang: str, station: Station) -> str:
    if station.kind == "attention":
        return text(lang, "learn_slot_block", stage=_stage(station.path), block=int(station.path.split(".")[2]) + 1)
    if station.kind == "stage_attention":
        return text(lang, "learn_slot_stage", stage=_stage(station.path))
    return text(lang, f"learn_slot_{station.kind}")


def choices(lang: str) -> list[tuple[str, str]]:
    return [(slot_title(lang, station), station.path) for station in slots()]


def _part(lang: str, station: Station) -> Part:
    shape = shape_text(station.shape)
    if station.placement:
        return Part(
            station.path, slot_title(lang, station), shape, station.placement, inside=station.placement == "block"
        )
    if station.kind == "block":
        words = text(lang, "learn_part_block", block=int(station.path.split(".")[2]) + 1)
        return Part(station.path, words, shape, stage=text(lang, "learn_part_stage", stage=_stage(station.path)))
    return Part(station.path, text(lang, f"learn_part_{station.kind}"), shape)


def key(lang: str) -> str:
    """The key to the colours of the placements."""
    placements = dict.fromkeys(station.placement for station in slots())
    names = "".join(
        f'<span data-placement="{name}"><span class="dot"></span>{escape(text(lang, f"placement_{name}"))}</span>'
        for name in placements
    )
    return f'<p class="key">{names}</p>'


def diagram(lang: str, chosen: str) -> str:
    first = slots()[0].shape
    parts = [Part("photo", text(lang, "learn_part_photo"), shape_text(first)), *(_part(lang, s) for s in network())]
    said = ", ".join(f"{part.title} ({part.note})" for part in parts)
    return key(lang) + diagrams.network(
        parts, chosen, text(lang, "learn_network_title"), text(lang, "learn_network_desc", parts=said), "learn-network"
    )


def ask(lang: str) -> str:
    return heading(text(lang, "learn_placements_heading")) + views.reading(text(lang, "learn_placements_ask"))


def models_of(case: Case, placement: str) -> list[str]:
    """The models on the page with attention in a placement, after the baseline; empty where there is none."""
    names = [name for name in case.names if name in VARIANTS and VARIANTS[name].placement == placement]
    return [name for name in case.names if name == REFERENCE] + names if names else []


def slot_html(case: Case, path: str) -> str:
    """What passes a slot, what it is for, and the variants that fill it."""
    station = slot(path)
    vector = len(station.shape) == 1
    said = [
        case.says("learn_slot_vector" if vector else "learn_slot_passes", shape=shape_text(station.shape)),
        case.says("learn_slot_average" if station.kind == "pool" else "learn_slot_empty"),
    ]
    listed = case.says("learn_slot_variants", dataset=case.dataset_title)
    chip = f'<span class="chip">{escape(case.says(f"placement_{station.placement}"))}</span>'
    return (
        f'<div data-placement="{station.placement}"><div class="learn-head"><h3>{escape(slot_title(case.lang, station))}</h3>{chip}</div>'
        f"{views.sentence(case.says(f'learn_slot_what_{station.placement}'))}{views.reading(' '.join(said))}"
        f"<h4>{escape(listed)}</h4><ul>{_rows(case, path)}</ul>{_missing(case, station)}</div>"
    )


def _missing(case: Case, station: Station) -> str:
    return "" if models_of(case, station.placement) else views.reading(case.says("learn_slot_no_models"))


def _rows(case: Case, path: str) -> str:
    table = lookup.summary(case.dataset_name, case.models.device.type)
    rows = {row["variant"]: row for row in table.to_dict("records")}
    return "".join(f"<li>{escape(_row(case, name, rows.get(name)))}</li>" for name in occupants()[path])


def _row(case: Case, name: str, row: dict | None) -> str:
    named = title(case.lang, VARIANTS[name])
    if row is None or is_missing(row.get("difference_points")):
        return case.says("learn_slot_row_untrained", title=named)
    difference = number(row["difference_points"], "+.2f")
    return case.says("learn_slot_row", title=named, difference=difference, verdict=verdict(case.lang, row))
