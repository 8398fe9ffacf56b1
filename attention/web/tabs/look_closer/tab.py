"""The Look closer tab: the photo of the Compare tab, one model, and questions about its maps.

One event answers whichever question is open. A new request first takes a number (`Turn`), so that an answer that is
still being worked out stops at its next step; then the page sends the last request (trigger_mode "always_last").
"""

from collections.abc import Iterator
from functools import partial

import gradio as gr

from attention.inference.compare import Models
from attention.inference.model_sets import ModelSets
from attention.inference.questions import Examiner
from attention.models.checkpoints import CheckpointError
from attention.models.variants import REFERENCE, UnknownVariant, variant
from attention.pictures.datasets import DataError
from attention.web import theme
from attention.web.board import none_of_these
from attention.web.language import language
from attention.web.published import MOST_NAMED
from attention.web.render import notice
from attention.web.tabs.compare.tab import CONCURRENCY, titled
from attention.web.tabs.look_closer import api, views
from attention.web.tabs.look_closer.box_and_mask import BoxAndMask
from attention.web.tabs.look_closer.questions import Asked, WhereItLooks, WhyThisClass
from attention.web.tabs.look_closer.questions_of_change import (
    AgainstAnother,
    AttentionOff,
    DamagedPhoto,
    DeletionInsertion,
    RandomWeights,
)
from attention.web.texts import class_name, text, title
from attention.web.turn import Turn

QUESTIONS = (
    WhereItLooks,
    WhyThisClass,
    AgainstAnother,
    AttentionOff,
    RandomWeights,
    DeletionInsertion,
    DamagedPhoto,
    BoxAndMask,
)
FIRST_MODEL = "self-attention-stage"  # the one with most to ask, such as where a point looks
OWN_CHOICE = "*"  # the class that the model itself finds most probable; a drop-down takes "" for no choice at all
PROBLEMS = (CheckpointError, DataError, UnknownVariant, ValueError)  # each says in a sentence what to do


class Examiners:
    """`examiners[name]` is the Examiner of a data set's current models."""

    def __init__(self, sets: ModelSets):
        self._sets, self._made = sets, {}

    def __getitem__(self, dataset_name: str) -> Examiner:
        """Raises DataError or CheckpointError, as the sets do."""
        models = self._sets[dataset_name]
        made = self._made.get(dataset_name)
        if made is None or made.models is not models:  # trained anew while the page runs
            made = self._made[dataset_name] = Examiner(models)
        return made


class Parts:
    """The components of the tab: what it is about, then one sub-tab per question."""

    def __init__(self, t):
        self.turn, self.question = gr.State(Turn()), gr.State(QUESTIONS[0].name)
        with gr.Column(elem_id="no-photo") as self.nothing:
            self.empty = gr.HTML(_empty("en"), padding=False)
            self.to_photo = gr.Button(
                t("examine_to_photo"), variant="primary", scale=0, min_width=200, elem_id="to-photo"
            )
        with gr.Column(visible=False, elem_id="examine") as self.body:
            with gr.Row():
                choice = {"filterable": False, "min_width": 240}
                self.model = gr.Dropdown([], label=t("examine_model"), elem_id="examine-model", **choice)
                self.explained = gr.Dropdown([], label=t("examine_class"), elem_id="examine-class", **choice)
                self.other = gr.Dropdown([], label=t("examine_other"), elem_id="examine-other", **choice)
                self.opacity = gr.Slider(0, 100, 80, step=5, label=t("opacity"), min_width=200, elem_id="map-opacity")
            self.says = gr.HTML(elem_id="examine-says", padding=False)
            self.tabs, self.questions = {}, {}
            with gr.Tabs(overflow_behavior="wrap", elem_id="questions"):
                for question in QUESTIONS:
                    with gr.Tab(t(f"question_{question.name}"), id=question.name) as self.tabs[question.name]:
                        self.questions[question.name] = question(t)

    def asked(self) -> list:
        """Components whose change asks the open question again."""
        return [self.model, self.explained, self.other, *(c for q in self.questions.values() for c in q.controls)]

    def outputs(self) -> list:
        own = [self.says, self.explained]
        return own + [output for question in self.questions.values() for output in question.outputs]


def _empty(lang: str) -> str:
    return f'<div class="empty">{views.escape(text(lang, "examine_empty"))}</div>'


def model_choices(lang: str, names: list[str], now: str | None, first: str) -> dict:
    """Choices of models. The current one stays selected, else `first`, else the last, because the model listed first is
    the plain one with least to ask."""
    value = next((name for name in (now, first, *reversed(names)) if name in names), None)
    return gr.update(choices=titled(lang, names), value=value)


def class_choices(lang: str, look, chosen: str) -> dict:
    """The model's own choice, then all classes, the most probable first."""
    own = text(lang, "examine_first_choice", choice=_class(lang, look, look.ranking[0]))
    choices = [(own, OWN_CHOICE)]
    choices += [(_class(lang, look, index), look.class_names[index]) for index in look.ranking]
    return gr.update(choices=choices, value=chosen, filterable=len(look.class_names) > MOST_NAMED)  # many: type to find


def _class(lang: str, look, index: int) -> str:
    name, probability = class_name(lang, look.class_names[index]), float(look.probabilities[index])
    return text(lang, "examine_class_choice", name=name, probability=probability)


def says(lang: str, look, models: Models) -> str:
    """What the model says about the photo, which class is explained if it is another, and whether none may fit."""
    first = look.ranking[0]
    name, own = title(lang, variant(look.name)), class_name(lang, look.class_names[first])
    words = [text(lang, "examine_says", model=name, prediction=own, probability=float(look.probabilities[first]))]
    if look.class_index != first:
        other, probability = look.class_names[look.class_index], float(look.probabilities[look.class_index])
        words.append(text(lang, "examine_explained", name=class_name(lang, other), probability=probability))
    foreign = none_of_these(lang, models.dataset)[0] if models.looks_foreign([look]) else ""
    aside = f'<p class="aside">{views.escape(foreign)}</p>' if foreign else ""
    return f'<p class="summary" aria-live="polite">{views.escape(" ".join(words))}</p>{aside}'


def answers(parts: Parts, examiners: Examiners, upload, dataset_name: str, values: dict, lang: str) -> Iterator[dict]:
    """Yields what the model says, then the open question's answer; a sentence where it cannot be given."""
    question = parts.questions[values[parts.question]]
    try:
        examiner, chosen = examiners[dataset_name], values[parts.explained] or OWN_CHOICE
        names = examiner.models.dataset.class_names
        look = examiner.look(
            upload.image,
            values[parts.model],
            api.class_index("" if chosen == OWN_CHOICE else chosen, names, lang),
        )
        yield {parts.says: says(lang, look, examiner.models), parts.explained: class_choices(lang, look, chosen)}
        yield from question.answer(Asked(lang, upload.image, look, values[parts.other], examiner), values)
    except PROBLEMS as error:
        problem = notice(text(lang, "examine_problem", problem=error))
        yield {parts.says: problem} | question.cleared()


def build(sets: ModelSets, t, tab: gr.Tab, photo: gr.Image, dataset: gr.Radio, pages: gr.Tabs):
    """Lay the tab out and wire it; returns (handler of a language, outputs) for the page's load event."""
    parts, examiners = Parts(t), Examiners(sets)
    where = parts.questions[WhereItLooks.name]

    def enter(upload, dataset_name: str, turn: Turn, model, other, explained, request: gr.Request):
        """The visitor comes to the tab: photo and data set may have changed since last time."""
        turn.take()
        lang, there = language(request), upload is not None
        try:
            models = sets[dataset_name]
        except (CheckpointError, DataError):  # `run`, which follows, tells the visitor
            return [gr.update(visible=not there), gr.update(visible=there), *[gr.skip()] * 3]
        return [
            gr.update(visible=not there),
            gr.update(visible=there),
            model_choices(lang, models.names, model, FIRST_MODEL),
            model_choices(lang, models.names, other, REFERENCE),
            gr.skip() if explained in (*models.dataset.class_names, OWN_CHOICE, None) else None,
        ]

    def place(upload, dataset_name: str, turn: Turn, event: gr.SelectData, request: gr.Request):
        """A click on the photo, in pixels of the picture shown."""
        turn.take()
        width, height = views.shown_photo(sets[dataset_name].part(upload.image)).size if upload else (0, 0)
        x, y = event.index if isinstance(event.index, (list, tuple)) and len(event.index) == 2 else (-1, -1)
        if not (0 <= x < width and 0 <= y < height):
            gr.Warning(text(language(request), "point_outside"), title="")
            return [gr.skip()] * 3
        return "point", int(100 * x / width), int(100 * y / height)

    def run(values: dict, request: gr.Request):
        upload, turn = values[photo], values[parts.turn]
        if upload is None or values[parts.model] is None:
            return
        yield from turn.follow(answers(parts, examiners, upload, values[dataset], values, language(request)))

    def open_question(name: str, turn: Turn) -> str:
        turn.take()
        return name

    light = {"queue": False, "show_progress": "hidden", "trigger_mode": "multiple", "api_visibility": "private"}
    entered = [parts.nothing, parts.body, parts.model, parts.other, parts.explained]
    asking = [tab.select, where.photo.select, *(one.input for one in parts.asked())]
    # Listeners of one event run in the order in which they are defined, so these run before the answer.
    tab.select(enter, [photo, dataset, parts.turn, parts.model, parts.other, parts.explained], entered, **light)
    where.photo.select(place, [photo, dataset, parts.turn], [where.look_from, where.across, where.down], **light)
    gr.on([one.input for one in parts.asked()], Turn.take, parts.turn, None, **light)
    for name, sub_tab in parts.tabs.items():
        sub_tab.select(partial(open_question, name), parts.turn, parts.question, **light)
        asking.append(sub_tab.select)
    gr.on(
        asking, run, {photo, dataset, parts.turn, parts.question, *parts.asked()}, parts.outputs(),
        trigger_mode="always_last", concurrency_id=CONCURRENCY, concurrency_limit=1, show_progress="hidden",
        api_visibility="private",
    )  # fmt: skip
    parts.opacity.input(None, parts.opacity, js=theme.SET_MAP_OPACITY, api_visibility="private")
    parts.to_photo.click(lambda: gr.Tabs(selected="compare"), None, pages, **light)
    api.build(examiners, photo, sets.default_name)

    def on_load(lang: str):
        return [_empty(lang)]

    return on_load, [parts.empty]
