"""How a Result is shown: which map stands for a model, on which scale, as layers, files and JSON. No torch, no gradio."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from attention.figures import heat_layer, overlay

TOP = 5  # classes listed a model
SHOWN_PIXELS = 480  # the longer side of pictures on the page


@dataclass(frozen=True)
class Scale:
    """What the brightest colour of a map stands for. `unit` is "weight", "times-uniform" or "normalised"."""

    top: float
    unit: str


def attention_map(result):
    """The map over positions that stands for a model, the deepest one; None for models that weigh no positions."""
    spatial = [m for m in result.maps if m.over == "positions"]
    return spatial[-1] if spatial else None


def channel_maps(result) -> list:
    """The weights over channels, in the order of the network."""
    return [m for m in result.maps if m.over == "channels"]


def scale_of(maps: list) -> Scale:
    """One scale for maps of one kind: gates always 0 to 1; softmax weights 0 to their maximum, at least twice uniform."""
    if maps[0].kind == "gate":
        return Scale(1.0, "weight")
    return Scale(max(2.0, float(max(m.values.max() for m in maps))), "times-uniform")


def activation_scale(result) -> Scale:
    """A class activation map has no unit of its own, so it is normalised per image."""
    return Scale(float(result.activation.max()), "normalised")


def shown_photo(image: Image.Image) -> Image.Image:
    """The upload at the size of a card; its shape is kept, and the map is stretched as the squashing squeezed."""
    factor = SHOWN_PIXELS / max(image.size)
    size = tuple(max(1, round(side * factor)) for side in image.size)
    return image.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def attention_layer(result, size: tuple[int, int]) -> Image.Image | None:
    chosen = attention_map(result)
    return None if chosen is None else heat_layer(chosen.values, scale_of([chosen]).top, *size)


def activation_layer(result, size: tuple[int, int]) -> Image.Image:
    return heat_layer(result.activation, activation_scale(result).top, *size)


def where_it_lies(values: np.ndarray) -> str:
    """Which of nine fields of the picture holds the map's centre of mass: "top-left" to "bottom-right", or "centre"."""
    total = float(values.sum())
    if total <= 0:
        return "nowhere"
    rows, columns = np.indices(values.shape)
    y = float((values * (rows + 0.5)).sum() / total / values.shape[0])
    x = float((values * (columns + 0.5)).sum() / total / values.shape[1])
    vertical = "top" if y < 0.44 else "bottom" if y > 0.56 else ""
    horizontal = "left" if x < 0.44 else "right" if x > 0.56 else ""
    return "-".join(part for part in (vertical, horizontal) if part) or "centre"


def result_as_json(result) -> dict:
    """Plain numbers for scripts: top 5 with probabilities, milliseconds of this call, and in what it ran."""
    return {
        "model": result.name,
        "top5": [
            {"class": result.class_names[i], "probability": round(float(result.probabilities[i]), 6)}
            for i in result.ranking[:TOP]
        ],
        "latency_ms": round(result.latency_ms, 3),
        "dtype": result.dtype,
        "device": result.device,
    }


def save_overlays(image: Image.Image, results: list, folder: Path, stem: str) -> list[Path]:
    """Write <stem>.<model>.activation.png and, where the model weighs positions, .attention.png; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    photo, written = shown_photo(image), []
    for result in results:
        chosen = attention_map(result)
        pictures = {"activation": (result.activation, activation_scale(result).top)}
        if chosen is not None:
            pictures["attention"] = (chosen.values, scale_of([chosen]).top)
        for kind, (values, top) in pictures.items():
            written.append(folder / f"{stem}.{result.name}.{kind}.png")
            overlay(photo, values, top).save(written[-1])
    return written
