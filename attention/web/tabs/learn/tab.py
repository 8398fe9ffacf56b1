"""The Learn tab: a walk in five steps through what attention is, on the visitor's own photo.

parts.py lays it out and steps.py says what a step shows; here it is wired. What a step shows is worked out only when it
is opened, and again when something in it is chosen, so that the page starts no slower.
"""

from functools import partial

import gradio as gr
from gradio.context import Context

from attention.inference.model_sets import ModelSets
from attention.models.variants import PLACEMENTS, REFERENCE, VARIANTS
from attention.web.language import language
from attention.web.render import notice
from attention.web.tabs.compare.parts import by_placement, titled
from attention.web.tabs.learn import mechanism as mechanism_views
from attention.web.tabs.learn import network as network_views
from attention.web.tabs.learn import questions, views
from attention.web.tabs.learn.parts import QUESTIONS, STRAIGHT_TO, Parts
from attention.web.tabs.learn.steps import PROBLEMS, show_step
from attention.web.tabs.learn.views import STEPS
from attention.web.texts import text

# the button that was pressed disappears with its step, so the focus moves to the heading of the new one
FOLLOW = "() => setTimeout(() => document.querySelector('#learn-walk [role=tab][aria-selected=true]')?.focus(), 100)"
RUN_COMPARE = "() => setTimeout(() => document.querySelector('#go')?.click(), 100)"


def component(elem_id: str):
    """A component of another tab, by the id that its style sheet and tests know it by."""
    found = [block for block in Context.root_block.blocks.values() if getattr(block, "elem_id", None) == elem_id]
    if len(found) != 1:
        raise LookupError(f"The page has {len(found)} components with the id {elem_id!r}, where one is needed.")
    return found[0]


def build(sets: ModelSets, t, tab: gr.Tab, photo: gr.Image, dataset: gr.Radio, pages: gr.Tabs) -> None:
    """Lay the tab out and wire it. The tabs Compare and Look closer must exist, because its buttons lead to them."""
    parts = Parts(t)
    light = {"queue": False, "show_progress": "hidden", "trigger_mode": "multiple", "api_visibility": "private"}
    inputs = {photo, dataset, parts.step, *parts.chosen(), *parts.answers}

    def run(values: dict, request: gr.Request) -> dict:
        return show_step(parts, sets, values[photo], values[dataset], values, language(request))

    def run_again(values: dict, request: gr.Request) -> dict:
        """Something in the step was chosen. Lists are not filled again: new elements would lose the focus."""
        shown = run(values, request)
        return {part: value for part, value in shown.items() if part not in (parts.model, parts.mechanism, parts.slot)}

    def place(upload, dataset_name: str, event: gr.SelectData, request: gr.Request):
        """A tap on the photo, in pixels of the picture shown."""
        case = views.case(language(request), upload, sets[dataset_name])
        x, y = event.index if isinstance(event.index, (list, tuple)) and len(event.index) == 2 else (-1, -1)
        if not (0 <= x < case.photo.width and 0 <= y < case.photo.height):
            gr.Warning(text(case.lang, "point_outside"), title="")
            return [gr.skip()] * 2
        return round(100 * x / case.photo.width), round(100 * y / case.photo.height)

    def reveal(upload, dataset_name: str, name: str, across: int, down: int, request: gr.Request) -> str:
        lang = language(request)
        try:
            case = views.case(lang, upload, sets[dataset_name])
            return views.reveal(case, name, across / 100, down / 100)
        except PROBLEMS as error:
            return notice(text(lang, "learn_problem", problem=error))

    # Listeners of one event run in the order in which they are defined, so these run before the step is shown.
    for index, step in enumerate(parts.steps):
        step.select(lambda index=index: index, None, parts.step, **light)
    parts.photo.select(place, [photo, dataset], [parts.across, parts.down], **light)
    shows = {"trigger_mode": "always_last", "show_progress": "hidden", "api_visibility": "private"}
    gr.on([tab.select, *(step.select for step in parts.steps)], run, inputs, parts.outputs(), **shows)
    chosen = [c.input for c in parts.chosen() if c is not parts.mechanism]
    gr.on([parts.photo.select, *chosen], run_again, inputs, parts.outputs(), **shows)
    # without the variant, because it belongs to the mechanism before and Gradio would refuse it
    parts.mechanism.input(run_again, inputs - {parts.variant}, parts.outputs(), **shows)
    parts.reveal.click(
        reveal, [photo, dataset, parts.model, parts.across, parts.down], parts.revealed, show_progress="hidden",
        api_visibility="private",
    )  # fmt: skip
    leads = [
        *zip(parts.backward[1:], range(len(STEPS)), strict=False),
        *zip(parts.forward, range(1, len(STEPS)), strict=False),
    ]
    for button, to in [*leads, *zip(parts.straight, STRAIGHT_TO, strict=True)]:
        button.click(partial(_go, to), None, parts.walk, **light).then(None, None, None, js=FOLLOW)
    for index in range(QUESTIONS):
        _wire_question(parts, sets, dataset, index, light)
    _lead_elsewhere(parts, sets, photo, dataset, pages)


def _wire_question(parts: Parts, sets: ModelSets, dataset: gr.Radio, index: int, light: dict) -> None:
    """Wire the reply to an answer, and the button that leads to where the page shows it."""

    def asked(lang: str, dataset_name: str) -> questions.Question:
        return questions.questions(lang, dataset_name, sets[dataset_name].device.type)[index]

    def answer(dataset_name: str, chosen: str, request: gr.Request):
        lang = language(request)
        return asked(lang, dataset_name).reply(lang, int(chosen)), gr.update(visible=True)

    def show(dataset_name: str, request: gr.Request) -> list:
        lang = language(request)
        question = asked(lang, dataset_name)
        walk = gr.Walkthrough(selected=question.step)
        if question.variant is None:
            return [walk, gr.skip(), gr.skip()]
        mechanism = VARIANTS[question.variant].mechanism
        choices = mechanism_views.variant_choices(lang, mechanism)
        return [walk, mechanism, gr.update(choices=choices, value=question.variant)]

    replied, led = [parts.replies[index], parts.shows[index]], [parts.walk, parts.mechanism, parts.variant]
    parts.answers[index].input(answer, [dataset, parts.answers[index]], replied, **light)
    parts.shows[index].click(show, dataset, led, **light).then(None, None, None, js=FOLLOW)


def _go(step: int) -> gr.Walkthrough:
    return gr.Walkthrough(selected=step)


def _lead_elsewhere(parts: Parts, sets: ModelSets, photo: gr.Image, dataset: gr.Radio, pages: gr.Tabs) -> None:
    """Wire the buttons that open Compare or Look closer with what is shown here, the sample photo included."""
    groups = {placement: component(f"models-{placement}") for placement in PLACEMENTS}
    look_model = component("examine-model")
    private = {"show_progress": "hidden", "api_visibility": "private"}

    def photo_there(upload, dataset_name: str):
        return gr.skip() if upload is not None else views.sample_photo(dataset_name)[0]

    def choose(names: list[str], upload, dataset_name: str) -> list:
        there = by_placement(sets[dataset_name].names)
        chosen = [[n for n in there.get(placement, []) if n in names] for placement in PLACEMENTS]
        return [*chosen, photo_there(upload, dataset_name), gr.Tabs(selected="compare")]

    def compare_one(upload, dataset_name: str, name: str) -> list:
        return choose([REFERENCE, name], upload, dataset_name)

    def compare_placement(upload, dataset_name: str, path: str, request: gr.Request) -> list:
        case = views.case(language(request), upload, sets[dataset_name])
        return choose(network_views.models_of(case, network_views.slot(path).placement), upload, dataset_name)

    def look_closer(upload, dataset_name: str, name: str, request: gr.Request) -> list:
        choices = titled(language(request), sets[dataset_name].names)
        return [gr.update(choices=choices, value=name), photo_there(upload, dataset_name), gr.Tabs(selected="examine")]

    there = [*groups.values(), photo, pages]
    for button, act, about in (
        (parts.compare, compare_one, parts.variant),
        (parts.compare_slot, compare_placement, parts.slot),
    ):
        button.click(act, [photo, dataset, about], there, **private).then(None, None, None, js=RUN_COMPARE)
    parts.closer.click(look_closer, [photo, dataset, parts.variant], [look_model, photo, pages], **private)
