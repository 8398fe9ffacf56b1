"""A map in one sentence, in English or Chinese: alt text, and the line under a picture."""

import numpy as np

from attention.maps.attention import AttentionMap
from attention.maps.description import describe_channels, describe_map, mean_distance
from attention.web.texts import class_name, text

EVEN = 0.4  # if half of a map's mass takes this share of the picture, at most 0.5, it is called almost even
LIKE = ((0.6, "much"), (0.3, "somewhat"), (-0.3, "little"), (-0.6, "unlike"))  # least rank correlations with the prior


def sentence(language: str, shown: AttentionMap | np.ndarray, kind: str = "attention") -> str:
    """One map in a sentence. `kind` is "attention" or "activation"; an AttentionMap over channels is described too."""
    if isinstance(shown, AttentionMap) and shown.over == "channels":
        return channels(language, [shown])
    values = shown.values if isinstance(shown, AttentionMap) else shown
    if not np.isfinite(values).all():
        return text(language, "words_not_finite")
    words = describe_map(values)
    if words.constant:
        key = "words_empty" if words.where == "nowhere" else "words_alike"
        return text(language, f"{key}_{kind}", level=float(values.mean()))
    spread = text(language, f"words_{'even' if words.half_area >= EVEN else 'half'}", area=_percent(words.half_area))
    like = next((name for least, name in LIKE if words.centre_correlation >= least), "reverse")
    prior = text(language, f"words_{like}", correlation=words.centre_correlation)
    return text(language, "words_map", where=text(language, f"where_{words.where}"), spread=spread, prior=prior)


def channels(language: str, maps: list[AttentionMap]) -> str:
    """Channel weights of one kind in a sentence, those of one module or of several together."""
    values = [m.values for m in maps]
    if not all(np.isfinite(v).all() for v in values):
        return text(language, "words_not_finite")
    words = describe_channels(values)
    if words.constant:
        return text(language, "words_alike_channels", level=words.mean)
    figures = {"low": words.low, "high": words.high, "mean": words.mean, "below": words.below_half}
    return text(language, f"words_channels_{maps[0].kind}", channels=words.channels, **figures)


def bars(language: str, maps: list[AttentionMap], unit: str, chosen: str, means: list[np.ndarray]) -> str:
    """The legend of channel bars: their scale, and how far they are from the means of the class that was chosen."""
    if not means:
        return text(language, "channel_bars", unit=unit, mark=text(language, f"bars_mark_{maps[0].kind}"))
    distance = mean_distance([m.values for m in maps], means)
    name = class_name(language, chosen)
    return text(language, "channel_bars_mean", unit=unit, name=name, distance=distance)


def _percent(share: float) -> str:
    """A share in per cent, without decimals; below 1 % with one significant digit."""
    return f"{100 * share:.0f}" if share >= 0.01 else f"{100 * share:.1g}"
