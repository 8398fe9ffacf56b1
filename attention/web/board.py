"""A comparison in progress: a new Board after every model, for the page and the report. templates/board.html draws it.

No gradio and no HTML here.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from uuid import uuid4

import numpy as np
from PIL import Image

from attention.inference import out_of_distribution
from attention.inference.compare import Models, Result, compare
from attention.maps.display import TOP, shown_photo
from attention.maps.overlay import DIFFERENCE_SCALE, SCALE_NAME
from attention.models.variants import REFERENCE
from attention.models.variants import variant as variant_of
from attention.pictures import reading
from attention.pictures.datasets import Dataset
from attention.pictures.reading import Upload
from attention.study import class_means
from attention.web import cards
from attention.web.cards import DIFFERENCE_TOP, Card, Frame
from attention.web.charts.figures import data_uri, ramp
from attention.web.measured import measured
from attention.web.texts import class_name, text, title

EVERY_SECONDS = 0.25  # a board holds all its pictures, so quick models are not sent one by one
NAMED = 3  # models that the summary names one by one; more are counted


@dataclass(frozen=True)
class LegendLine:
    """The colour scale of one of cards.KINDS: its two ends, its colours as CSS gradient stops, and what it shows."""

    kind: str
    low: str
    high: str
    ramp: str
    says: str


@dataclass(frozen=True)
class Board:
    """The whole result area. `run` identifies the comparison; cards are sorted only when it is `complete`.

    `live`: its buttons work, as on the page but not in a file. `is_picked`: every card explains the same class.
    """

    cards: tuple[Card, ...]
    photo: str  # a data: URI
    dataset_title: str
    run: str
    live: bool
    rows: int  # classes on a card
    legend: tuple[LegendLine, ...]
    notices: tuple[str, ...] = ()
    is_picked: bool = False
    unknown_class: str = ""  # the sentence about a picked class that these models do not have
    summary: str = ""
    foreign_how: str = ""  # how the page can tell that none of these classes is shown
    complete: bool = False


def reference_of(names: list[str], pinned: str = "") -> str | None:
    """The model that the others are compared with: the pinned one, else the baseline, else the first one."""
    return next((name for name in (pinned, REFERENCE, *names) if name in names), None)


def boards(
    upload: Upload, names: list[str], models: Models, lang: str, pinned: str = "", picked: str = "", live: bool = True
) -> Iterator[Board | None]:
    """Yields a board of skeletons, then boards with more and more cards; None where a card can wait for the next board.

    `pinned` names the reference, `picked` the class that every card explains ("": its own first choice).
    """
    photo, runnable = shown_photo(models.part(upload.image)), [name for name in names if name not in models.problems]
    frame = Frame(lang, photo.size, reference_of(runnable, pinned), device=models.device.type)
    shown = _waiting(frame, names, models)
    board = _empty(frame, data_uri(photo), upload, models, picked, live)
    yield replace(board, cards=tuple(shown.values()), complete=not runnable)
    order = sorted(runnable, key=lambda name: (name != frame.reference, name != REFERENCE))
    results, others, sent = [], None, time.monotonic()
    class_index = models.dataset.class_names.index(picked) if board.is_picked else None
    for result in compare(upload.image, order, models, class_index):
        results.append(result)
        if result.name == frame.reference:
            frame, others = replace(frame, held_against=result), _maps_of(result, upload.image, models)
        means = class_means.of_class(models.dataset.name, result.name, result.top1)
        shown[result.name] = cards.done(frame, shown[result.name], result, means, others(result.explained))
        if len(results) == len(runnable):
            yield replace(board, cards=tuple(shown.values()), complete=True, **_together(frame, results, models))
        elif time.monotonic() - sent >= EVERY_SECONDS:
            yield replace(board, cards=tuple(shown.values()))
            sent = time.monotonic()
        else:
            yield None


def _waiting(frame: Frame, names: list[str], models: Models) -> dict[str, Card]:
    table = measured(models.dataset.name, models.device.type)
    return {
        name: cards.failed(frame, name, models.problems[name])
        if name in models.problems
        else cards.skeleton(frame, name, table[name])
        for name in names
    }


def _empty(frame: Frame, photo: str, upload: Upload, models: Models, picked: str, live: bool) -> Board:
    """The board around the cards, before any model has answered."""
    lang, classes = frame.language, models.dataset.class_names
    is_picked = picked in classes
    return Board(
        (), photo, models.dataset.title, uuid4().hex[:8], live, min(TOP, len(classes)),
        legend(lang, picked if is_picked else None),
        tuple(reading.NOTICES[lang][code] for code in models.notices(upload)), is_picked,
        text(lang, "class_unknown", name=class_name(lang, picked)) if picked and not is_picked else "",
    )  # fmt: skip


def _together(frame: Frame, results: list[Result], models: Models) -> dict[str, str]:
    """The summary of all models, after `none_of_these` where the picture probably shows no class of theirs."""
    says = summary(frame.language, results)
    if not models.looks_foreign(results):
        return {"summary": says}
    none, how = none_of_these(frame.language, models.dataset)
    return {"summary": frame.join(none, says), "foreign_how": how}


def _maps_of(result: Result, image: Image.Image, models: Models) -> Callable[[int], np.ndarray]:
    """A function from a class to one model's map of it; the model runs again for a class not explained yet."""
    maps = {result.explained: result.activation}

    def of_class(index: int) -> np.ndarray:
        if index not in maps:
            maps[index] = next(compare(image, [result.name], models, index)).activation
        return maps[index]

    return of_class


# what is said above the cards


def summary(lang: str, results: list) -> str:
    """Who agrees and who differs, in one sentence."""
    groups: dict[str, list[str]] = {}
    for result in results:
        groups.setdefault(result.prediction, []).append(title(lang, variant_of(result.name)))
    if len(results) == 1:
        only = results[0]
        name = title(lang, variant_of(only.name))
        return text(lang, "only", name=name, prediction=class_name(lang, only.prediction))
    if len(groups) == 1:
        return text(lang, "agree", count=len(results), prediction=class_name(lang, results[0].prediction))
    between, semicolon = ("、", "；") if lang == "zh" else ("; ", ", ")  # English names hold commas
    says = []
    for prediction, names in sorted(groups.items(), key=lambda item: -len(item[1])):
        who = between.join(names) if len(names) <= NAMED else text(lang, "several", count=len(names))
        says.append(text(lang, "says", names=who, prediction=class_name(lang, prediction)))
    return text(lang, "differ", groups=semicolon.join(says))


def none_of_these(lang: str, dataset: Dataset) -> tuple[str, str]:
    """What is said about a picture that probably shows no class of the data set: a line, and how the page can tell."""
    count, noticed = len(dataset.class_names), out_of_distribution.noticed(dataset.name)
    long = text(lang, "foreign", count=count)
    if noticed is not None:
        long += ("" if lang == "zh" else " ") + text(lang, "foreign_misses", noticed=round(100 * noticed))
    return text(lang, "foreign_short", count=count), long


def legend(lang: str, picked: str | None) -> tuple[LegendLine, ...]:
    """The colour scales for all cards; the page shows the one for the maps that it shows.

    `picked` is the class that every card explains, None where each explains its own first choice.
    """
    activation = text(lang, "legend_activation")
    if picked is not None:
        activation = text(lang, "legend_picked", name=class_name(lang, picked))
    ends, scale = (text(lang, "legend_low"), text(lang, "legend_high")), ramp(SCALE_NAME)
    return (
        LegendLine("attention", *ends, scale, text(lang, "legend_attention")),
        LegendLine("activation", *ends, scale, activation),
        LegendLine(
            "difference", f"−{DIFFERENCE_TOP:g}", f"+{DIFFERENCE_TOP:g}", ramp(DIFFERENCE_SCALE),
            text(lang, "legend_difference"),
        ),
    )  # fmt: skip
