"""Diagrams are well-formed, say what they show, and put no box on another."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from attention.web.tabs.learn import diagrams
from attention.web.tabs.learn.diagrams import Box, Part

SVG = "{http://www.w3.org/2000/svg}"
CHAIN = [Box("X", "3", (), "end"), Box("Conv", "3", ((0, ""),)), Box("Add", "3", ((1, "9"), (0, "")))]
WIDE = [
    Box("X", "3", (), "end"), *(Box(f"branch {i}", "3", ((0, "3 × 3"),)) for i in range(5)), Box("γ", "1", (), "learned"),
    Box("Sum", "3", tuple((i, "100 × 100 × 100") for i in range(7)), "weights"),
]  # fmt: skip

NESTED = [
    Box("X", "3", (), "end"), Box("Key", "3", ((0, ""),)), Box("Value", "3", ((0, ""),)), Box("Scale", "3", ((1, "9"),)),
    Box("Product", "9", ((3, ""), (1, ""))), Box("Sum", "3", ((2, ""), (4, ""))), Box("Add", "3", ((0, ""), (5, ""))),
]  # fmt: skip


def parsed(svg: str) -> ElementTree.Element:
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    said = {part.get("id"): part.text for part in root if part.tag in (f"{SVG}title", f"{SVG}desc")}
    assert [said[name] for name in root.get("aria-labelledby").split()] and all(said.values())
    return root


def rectangles(root) -> list[tuple[float, float, float, float]]:
    found = [group.find(f"{SVG}rect") for group in root.iter(f"{SVG}g") if "step" in group.get("class", "")]
    return [tuple(float(r.get(key)) for key in ("x", "y", "width", "height")) for r in found]


def overlap(a, b) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]


@pytest.mark.parametrize("boxes", [CHAIN, WIDE, CHAIN[:1]], ids=["chain", "wide", "one"])
def test_a_box_a_step_none_on_another_and_all_inside(boxes):
    root = parsed(diagrams.flow(boxes, "A & <B>", "steps", "#0072B2", "test"))
    found = rectangles(root)
    assert len(found) == len(boxes)
    assert not any(overlap(a, b) for i, a in enumerate(found) for b in found[:i])
    width, height = float(root.get("width")), float(root.get("height"))
    assert all(x >= 0 and y >= 0 and x + w <= width and y + h <= height for x, y, w, h in found)


def test_what_reads_stands_below_what_it_reads():
    rows = diagrams.ranks(WIDE)
    assert all(rows[source] < rows[i] for i, box in enumerate(WIDE) for source, _ in box.sources)
    assert rows[6] == rows[7] - 1, "what is learned stands right above its reader"


@pytest.mark.parametrize("boxes", [CHAIN, WIDE, NESTED], ids=["chain", "wide", "nested"])
def test_a_line_past_boxes_crosses_none(boxes):
    """It goes straight down to the gap above its end, and bends there."""
    svg = diagrams.flow(boxes, "t", "d", "#000", "test")
    lines = re.findall(r'd="M([\d.]+) ([\d.]+)L[\d.]+ ([\d.]+)C[^"]* ([\d.]+)"', svg)
    assert len(lines) == sum(len(box.sources) for box in boxes)
    found = rectangles(parsed(svg))
    for x, y, bend, end in (map(float, line) for line in lines):
        assert bend < end and not any(overlap((x, y, 0.1, bend - y), box) for box in found)
        assert not any(bend < top + height and top < end for _, top, _, height in found), "no box in the gap"


def test_labels_at_one_height_lie_beside_each_other():
    root = parsed(diagrams.flow(WIDE, "t", "d", "#000", "test"))
    labels = [r for r in root if r.tag == f"{SVG}rect"]
    places = [tuple(float(r.get(key)) for key in ("x", "y", "width", "height")) for r in labels]
    assert len(places) == 12 and not any(overlap(a, b) for i, a in enumerate(places) for b in places[:i])


def test_slots_of_the_network_can_be_found_and_the_chosen_one_is_filled():
    parts = [
        Part("photo", "Photo", "3"), Part("input", "Input", "3", "input"), Part("b", "Block", "48", stage="Stage 1"),
        Part("b.attention", "In the block", "48", "block", inside=True), Part("fc", "Classifier", "10"),
    ]  # fmt: skip
    root = parsed(diagrams.network(parts, "b.attention", "The network", "parts", "test"))
    slots = {group.get("data-slot"): group for group in root.iter(f"{SVG}g") if group.get("data-slot")}
    assert set(slots) == {"input", "b.attention"}
    fills = {path: group.findall(f"{SVG}circle")[1].get("fill") for path, group in slots.items()}
    assert fills["b.attention"] == diagrams.PLACEMENT_COLOURS["block"] != fills["input"]


def test_a_histogram_counts_and_marks_zero():
    root = parsed(diagrams.histogram(np.array([-1.0, 0.5, 0.5, 3.0]), "w", "test"))
    heights = [float(bar.get("height")) for bar in root.iter(f"{SVG}rect")]
    assert sorted(heights) == [14, 14, 28]
    assert root.find(f"{SVG}path").get("d").startswith("M37.5 ")
    parsed(diagrams.histogram(np.zeros(3), "all alike", "test"))


def test_kernels_are_centred_at_zero():
    root = parsed(diagrams.kernels(np.array([[[-2.0, 0.0, 2.0]]]), "k", "test"))
    colours = [tuple(map(int, re.findall(r"\d+", cell.get("fill")))) for cell in root.iter(f"{SVG}rect")]
    blue, middle, red = colours
    assert blue[2] > blue[0] and red[0] > red[2] and min(middle) > 230
