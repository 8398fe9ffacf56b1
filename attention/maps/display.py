"""How a Result is shown: which map stands for a model, on which scale; layers, files and JSON. No torch, no gradio."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from attention.core.files import write_by_rename
from attention.maps.description import HALF
from attention.maps.overlay import heat_tile, overlay

TOP = 5  # classes listed a model
SHOWN_PIXELS = 480  # the longer side of pictures on the page


@dataclass(frozen=True)
class Scale:
    """What the brightest colour of a map, or a full bar, stands for: `top` of `unit`.

    "weight": a gate, from 0 to 1. "times-uniform-log": softmax weights over positions, on a logarithmic scale from half
    the uniform weight, because they reach a hundred times uniform and on a linear scale all but one position would look
    the same. "times-uniform": softmax weights over channels, bars from 0. "normalised": no unit, from 0 to this map's
    own maximum.
    """

    top: float
    unit: str

    @property
    def mark(self) -> float:
        """Where a line helps to read bars: at half of an open gate, or at the uniform weight."""
        return HALF if self.unit == "weight" else 1.0

    def share(self, values: np.ndarray) -> np.ndarray:
        """Values -> 0 to 1 of the scale; what lies outside is clipped."""
        if self.unit == "times-uniform-log":
            return np.clip(np.log2(np.maximum(values, HALF) / HALF) / np.log2(self.top / HALF), 0, 1)
        return np.clip(values / max(self.top, 1e-12), 0, 1)


def attention_map(result):
    """The map that is shown for a model: the deepest one over positions; None for models that weigh no positions."""
    spatial = [m for m in result.maps if m.over == "positions"]
    return spatial[-1] if spatial else None


def channel_maps(result) -> list:
    """The weights over channels, in the order of the network."""
    return [m for m in result.maps if m.over == "channels"]


def scale_of(maps: list) -> Scale:
    """One scale for finite maps of one kind: gates 0 to 1, softmax weights to their maximum, at least twice uniform."""
    if maps[0].kind == "gate":
        return Scale(1.0, "weight")
    unit = "times-uniform-log" if maps[0].over == "positions" else "times-uniform"
    return Scale(max(2.0, float(max(m.values.max() for m in maps))), unit)


def activation_scale(result) -> Scale:
    """A class activation map has no unit of its own, so it is normalised per image."""
    return Scale(float(result.activation.max()), "normalised")


def signed_difference(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """One class activation map minus another, (h, w) in -1 to 1: each is divided by its own maximum first."""
    return _of_maximum(values) - _of_maximum(others)


def _of_maximum(values: np.ndarray) -> np.ndarray:
    top = float(values.max())
    return values / top if top > 0 else values


def is_drawable(values: np.ndarray) -> bool:
    """Whether a map shows anything: one that is not finite, or all zeros, would look like an empty but valid map."""
    return bool(np.isfinite(values).all() and values.any())


def layer(values: np.ndarray, scale: Scale, size: tuple[int, int]) -> Image.Image:
    """A map (h, w) on its scale, to stretch over the photo. Raises ValueError for one that is not finite."""
    return heat_tile(scale.share(values), 1.0, *size)


def shown_photo(image: Image.Image) -> Image.Image:
    """The upload at the size of a card, in its own shape; the page stretches the map over it."""
    factor = SHOWN_PIXELS / max(image.size)
    size = tuple(max(1, round(side * factor)) for side in image.size)
    return image.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def result_as_json(result) -> dict:
    """Plain numbers for scripts: top 5 with probabilities, milliseconds of this call, dtype and device."""
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


def maps_to_draw(result) -> dict[str, tuple[np.ndarray, Scale]]:
    """The maps of a result that can be drawn, "activation" and, where the model weighs positions, "attention"."""
    chosen = attention_map(result)
    maps = {"activation": result.activation} | ({} if chosen is None else {"attention": chosen.values})
    scales = {"activation": lambda: activation_scale(result), "attention": lambda: scale_of([chosen])}
    return {kind: (values, scales[kind]()) for kind, values in maps.items() if is_drawable(values)}


def maps_left_out(result) -> list[str]:
    """The kinds of maps that a result has but that cannot be drawn."""
    kinds = ["activation"] + ([] if attention_map(result) is None else ["attention"])
    return [kind for kind in kinds if kind not in maps_to_draw(result)]


def save_overlays(image: Image.Image, results: list, folder: Path, stem: str) -> list[Path]:
    """Write <stem>.<model>.activation.png and, where the model weighs positions, .attention.png; returns the paths.

    A map that shows nothing (is_drawable) has no picture. Raises WriteError.
    """
    photo, written = shown_photo(image), []
    for result in results:
        for kind, (values, scale) in maps_to_draw(result).items():
            drawn = overlay(photo, scale.share(values), 1.0)
            written.append(folder / f"{stem}.{result.name}.{kind}.png")
            write_by_rename(written[-1], lambda path, drawn=drawn: drawn.save(path, "PNG"))
    return written
