"""Every map of every published model on a few images, on one sheet a data set: to be looked at, not measured.

A row a model (or a module, where all are asked for), two columns an image: its attention, and its class activation map with
what the model says. Weights over channels are bars before the mean of the class that the model chose. A row of attention
maps has one scale, which its label states.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from attention.core.files import write_by_rename
from attention.inference.compare import Models, Result, compare
from attention.maps.attention import AttentionMap
from attention.maps.description import HALF
from attention.maps.display import Scale, activation_scale, attention_map, channel_maps, is_drawable, scale_of
from attention.maps.overlay import overlay
from attention.models.variants import variant
from attention.pictures import samples
from attention.pictures.datasets import dataset
from attention.pictures.reading import read_image
from attention.study import class_means
from attention.web.charts.figures import PLACEMENT_COLOURS, by_mean, channel_rows

IMAGES = 6
CELL, GAP, LABEL, HEAD, LINE = 176, 4, 248, 42, 18  # px
INK, MUTED, SOFT, PAPER = (29, 37, 48), (91, 100, 114), (244, 246, 248), (255, 255, 255)
UNITS = {
    "weight": "weight 0 to 1",
    "times-uniform": "times uniform, 0 to {top:.1f}",
    "times-uniform-log": f"times uniform, {HALF} to {{top:.1f}}, log scale",
}


def default_images(dataset_name: str) -> list[tuple[str, Image.Image]]:
    """(title, image): test images evenly over the classes, or the committed samples where the data set is not at hand."""
    found = samples.photographs(dataset_name) or samples.shown_with(dataset(dataset_name)) or samples.committed()
    index = np.linspace(0, len(found) - 1, min(IMAGES, len(found))).round().astype(int)
    return [(found[i].title, read_image(found[i].path).image) for i in index]


def write(
    dataset_name: str,
    folder: Path,
    images: list[tuple[str, Image.Image]] | None = None,
    every_module: bool = False,
    device: str = "auto",
    tick: Callable[[str], None] = lambda name: None,
) -> Path:
    """<folder>/<dataset>.png, or .modules.png with a row a module. `tick` is told each model that is done.

    Raises CheckpointError, DeviceError, UploadError or WriteError.
    """
    models, images = Models(dataset_name, device), images or default_images(dataset_name)
    photos = [photo.convert("RGB").resize((CELL, CELL), Image.Resampling.LANCZOS) for _, photo in images]
    rows = [_heading([title for title, _ in images])]
    for name in models.names:
        results = [next(compare(photo, [name], models)) for _, photo in images]
        rows += _rows(dataset_name, name, results, photos, every_module)
        tick(name)
    sheet = Image.new("RGB", (rows[0].width, sum(row.height for row in rows)), PAPER)
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    path = folder / f"{dataset_name}{'.modules' if every_module else ''}.png"
    write_by_rename(path, lambda temporary: sheet.save(temporary, "PNG"))
    return path


def _rows(
    dataset_name: str, name: str, results: list[Result], photos: list[Image.Image], every_module: bool
) -> list[Image.Image]:
    """The row of a model, or one a module, where the first has the activation maps."""
    if every_module and results[0].maps:
        shown = [[[result.maps[index]] for result in results] for index in range(len(results[0].maps))]
    else:
        shown = [[[chosen] if (chosen := attention_map(r)) else channel_maps(r) for r in results]]
    means = [class_means.of_class(dataset_name, name, result.top1) for result in results]
    activations = [
        _on_photo(photo, result.activation, activation_scale(result))
        for photo, result in zip(photos, results, strict=True)
    ]
    says = [f"{result.prediction} {result.probabilities[result.top1]:.0%}" for result in results]
    rows = []
    for number, maps in enumerate(shown):
        cells, label = _attention(name, photos, maps, means)
        where = [maps[0][0].path] if every_module and maps[0] else []
        first = (activations, says) if number == 0 else ([], [])
        rows.append(_row([name, *where, *label], cells, *first))
    return rows


def _attention(
    name: str, photos: list[Image.Image], maps: list[list[AttentionMap]], means: list[dict]
) -> tuple[list[Image.Image], list[str]]:
    """A cell an image of the maps that it has, all on one scale, and the lines of the label that say so."""
    if not maps[0]:
        return [_words("no attention")] * len(photos), []
    every = [m for of_image in maps for m in of_image if np.isfinite(m.values).all()]
    if not every:
        return [_words("not finite")] * len(photos), []
    scale = scale_of(every)
    unit = UNITS[scale.unit].format(top=scale.top)
    if every[0].over == "positions":
        return [_on_photo(photo, m.values, scale) for photo, (m,) in zip(photos, maps, strict=True)], [unit]
    colour = PLACEMENT_COLOURS[variant(name).placement]
    cells = [_bars(of_image, of_class, scale, colour) for of_image, of_class in zip(maps, means, strict=True)]
    return cells, ["a bar a channel", unit, *(["line: mean of the class said"] if any(means) else [])]


def _on_photo(photo: Image.Image, values: np.ndarray, scale: Scale) -> Image.Image:
    if not is_drawable(values):
        return _words("all zero" if np.isfinite(values).all() else "not finite")
    return overlay(photo, scale.share(values), 1.0)


def _bars(maps: list[AttentionMap], means: dict[str, np.ndarray], scale: Scale, colour: str) -> Image.Image:
    """What figures.channel_bars shows, as a picture."""
    rows, of_class = [m.values for m in maps], [means[m.path] for m in maps if m.path in means]
    if not all(np.isfinite(values).all() for values in rows):
        return _words("not finite")
    if len(of_class) == len(rows):
        rows, of_class = by_mean(rows, of_class)
    cell = Image.new("RGB", (CELL, CELL), SOFT)
    draw, unit = ImageDraw.Draw(cell), CELL / 100
    for base, _, heights in channel_rows(rows, scale.top):
        for x in range(CELL):
            draw.line((x, base * unit, x, (base - heights[x * len(heights) // CELL]) * unit), colour)
    for base, _, heights in channel_rows(of_class, scale.top):
        points = [(x, (base - heights[x * len(heights) // CELL]) * unit) for x in range(CELL)]
        draw.line(points, INK)
    return cell


def _words(words: str) -> Image.Image:
    cell = Image.new("RGB", (CELL, CELL), SOFT)
    ImageDraw.Draw(cell).text((CELL / 2, CELL / 2), words, MUTED, ImageFont.load_default(13), anchor="mm")
    return cell


def _columns(count: int) -> list[int]:
    """The left edge of each image's pair of cells, and the width of the sheet last."""
    return [LABEL + number * (2 * CELL + 3 * GAP) for number in range(count + 1)]


def _heading(titles: list[str]) -> Image.Image:
    *edges, width = _columns(len(titles))
    head = Image.new("RGB", (width, HEAD), PAPER)
    draw, small = ImageDraw.Draw(head), ImageFont.load_default(12)
    for left, title in zip(edges, titles, strict=True):
        draw.text((left, 2), title, INK, ImageFont.load_default(15))
        draw.text((left, 23), "attention", MUTED, small)
        draw.text((left + CELL + GAP, 23), "activation, normalised per image", MUTED, ImageFont.load_default(11))
    return head


def _row(label: list[str], cells: list[Image.Image], activations: list[Image.Image], says: list[str]) -> Image.Image:
    *edges, width = _columns(len(cells))
    row = Image.new("RGB", (width, CELL + GAP + LINE), PAPER)
    draw, small = ImageDraw.Draw(row), ImageFont.load_default(12)
    for line, words in enumerate(label):
        draw.text((4, 4 + 19 * line), words, MUTED if line else INK, small if line else ImageFont.load_default(15))
    for left, cell in zip(edges, cells, strict=True):
        row.paste(cell, (left, 0))
    for left, activation, said in zip(edges, activations, says, strict=bool(activations)):
        row.paste(activation, (left + CELL + GAP, 0))
        draw.text((left + CELL + GAP, CELL + 1), said, MUTED, small)
    return row
