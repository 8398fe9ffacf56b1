"""A comparison as it goes on: the result area again after every model, for the page and for the report. No gradio here."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import uuid4

import numpy as np
from PIL import Image

from attention.inference.compare import Models, Result, compare
from attention.maps.display import shown_photo
from attention.models.variants import REFERENCE
from attention.pictures import reading
from attention.study import class_means
from attention.web import board, cards
from attention.web.charts.figures import data_uri
from attention.web.measured import measured
from attention.web.texts import text

EVERY_SECONDS = 0.25  # a board holds all its pictures, so a quick comparison is not sent a model at a time


def reference_of(names: list[str], pinned: str = "") -> str | None:
    """The model that the others are held against: the one that is pinned, else the baseline, else the first one."""
    return next((name for name in (pinned, REFERENCE, *names) if name in names), None)


def compare_stream(
    upload, names: list[str], models: Models, lang: str, pinned: str = "", picked: str = "", live: bool = True
) -> Iterator[str | None]:
    """The result area as HTML: skeletons, then cards in place; None after a model that the next board will show too.

    `pinned` names the reference, `picked` the class that every card explains ("": its own first choice).
    """
    if upload is None:
        yield board.empty(lang)
        return
    if not names:
        yield cards.notice(text(lang, "no_models"))
        return
    classes, photo, run = models.dataset.class_names, shown_photo(models.part(upload.image)), uuid4().hex[:8]
    runnable = [name for name in names if name not in models.problems]
    setting = cards.Setting(
        lang, photo, data_uri(photo), reference_of(runnable, pinned), live=live, device=models.device.type
    )
    class_index = classes.index(picked) if picked in classes else None
    table = measured(models.dataset.name, models.device.type)
    shown = {name: cards.skeleton(setting, name, table[name], len(classes)) for name in runnable}
    shown |= {name: cards.failed(setting, name, problem) for name, problem in models.problems.items() if name in names}
    below = "".join(cards.notice(reading.NOTICES[lang][code]) for code in models.notices(upload))
    below += board.unknown_class(lang, picked) if picked and class_index is None else ""
    below += board.legend(setting, picked if class_index is not None else None)
    done, foreign = [], None

    def drawn() -> str:
        complete = len(done) == len(runnable)
        says = board.summary(lang, done) if complete and done else ""
        above = board.head(setting, says, foreign) + below
        return board.board(lang, [shown[name] for name in names], above, models.dataset.title, run, complete)

    yield drawn()
    order = sorted(runnable, key=lambda name: (name != setting.reference, name != REFERENCE))
    others, sent = None, time.monotonic()
    for result in compare(upload.image, order, models, class_index):
        done.append(result)
        if result.name == setting.reference:
            setting, others = replace(setting, held_against=result), _maps_of(result, upload.image, models)
        if len(done) == len(runnable):
            foreign = board.none_of_these(lang, models.dataset) if models.looks_foreign(done) else None
        means = class_means.of_class(models.dataset.name, result.name, result.top1)
        shown[result.name] = cards.card(setting, result, table[result.name], means, others(result.explained))
        if len(done) == len(runnable) or time.monotonic() - sent >= EVERY_SECONDS:
            yield drawn()
            sent = time.monotonic()
        else:
            yield None


def _maps_of(result: Result, image: Image.Image, models: Models) -> Callable[[int], np.ndarray]:
    """The class activation maps of one model, by class; it runs again for a class that it has not explained yet."""
    maps = {result.explained: result.activation}

    def of_class(index: int) -> np.ndarray:
        if index not in maps:
            maps[index] = next(compare(image, [result.name], models, index)).activation
        return maps[index]

    return of_class
