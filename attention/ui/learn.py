"""The Learn tab: a walk in five steps through what attention is, on the visitor's own photo.

What a step shows is worked out when it is opened, and again when something in it is chosen: the page's start pays nothing.
"""

from functools import partial

import gradio as gr
from gradio.context import Context

from attention import guess
from attention.checkpoints import CheckpointError
from attention.datasets import DataError
from attention.model_sets import ModelSets
from attention.ui import cards, learn_questions
from attention.ui import learn_mechanism as mechanism_views
from attention.ui import learn_network as network_views
from attention.ui import learn_views as views
from attention.ui.compare import by_placement, titled
from attention.ui.language import language
from attention.ui.texts import text
from attention.uploads import UploadError
from attention.variants import PLACEMENTS, REFERENCE, VARIANTS, UnknownVariant

STRAIGHT_TO = (2, 3)  # steps that the first one leads to as well: gradio's own marks lead back alone
STEPS = ("guess", "ideas", "mechanisms", "placements", "check")
GUESS_FIRST = "attention-pool-head"  # its map is the one that the prediction is made of
MECHANISM_FIRST, SLOT_FIRST = "se", "stages.3.1.attention"
QUESTIONS = 3
PROBLEMS = (CheckpointError, DataError, UploadError, UnknownVariant, ValueError)  # each says in a sentence what to do
MATHS = [{"left": "$$", "right": "$$", "display": True}]
# the button that was pressed is gone with its step: the keyboard goes on from the heading of the new one
FOLLOW = "() => setTimeout(() => document.querySelector('#learn-walk [role=tab][aria-selected=true]')?.focus(), 100)"
RUN_COMPARE = "() => setTimeout(() => document.querySelector('#go')?.click(), 100)"


def component(elem_id: str):
    """A component of another tab, by the id that its style sheet and tests know it by."""
    found = [block for block in Context.root_block.blocks.values() if getattr(block, "elem_id", None) == elem_id]
    if len(found) != 1:
        raise LookupError(f"The page has {len(found)} components with the id {elem_id!r}, where one is needed.")
    return found[0]


class Parts:
    """The components of the tab, a step after the other."""

    def __init__(self, t):
        self.step = gr.State(0)
        self.steps, self.forward, self.backward, self.straight = [], [], [], []
        with gr.Column(elem_id="learn"):
            self.lead = gr.HTML(views.lead("en"), padding=False)
            with gr.Walkthrough(selected=0, elem_id="learn-walk") as self.walk:
                layouts = (self._guess, self._ideas, self._mechanisms, self._placements, self._check)
                for index, (name, lay_out) in enumerate(zip(STEPS, layouts, strict=True)):
                    with gr.Step(t(f"learn_step_{name}"), id=index, elem_id=f"learn-{name}") as step:
                        lay_out(t)
                        self._buttons(index)
                    self.steps.append(step)

    def _buttons(self, index: int) -> None:
        with gr.Row(elem_classes="learn-nav"):
            back = gr.Button(visible=index > 0, min_width=120, scale=0, elem_id=f"learn-back-{index}")
            more = gr.Button(
                visible=index + 1 < len(STEPS), variant="primary", min_width=300, scale=0, elem_id=f"learn-next-{index}"
            )
            if index == 0:
                self.straight = [
                    gr.Button(min_width=220, scale=0, elem_id=f"learn-straight-{to}") for to in STRAIGHT_TO
                ]
        self.backward.append(back)
        self.forward.append(more)

    def _guess(self, t) -> None:
        self.ask = gr.HTML(padding=False, elem_id="learn-ask")
        with gr.Row(equal_height=False):
            with gr.Column(scale=1, min_width=280):
                self.photo = gr.Image(
                    label=t("learn_guess_photo"), interactive=False, buttons=[], type="pil", elem_id="learn-photo",
                    alt_text="The photo, to tap on",
                )  # fmt: skip
                self.across = gr.Slider(0, 100, 50, step=1, label=t("point_across"), elem_id="learn-across")
                self.down = gr.Slider(0, 100, 50, step=1, label=t("point_down"), elem_id="learn-down")
                self.model = gr.Dropdown([], label=t("learn_guess_model"), filterable=False, elem_id="learn-model")
                self.reveal = gr.Button(t("learn_reveal"), variant="primary", elem_id="learn-reveal")
            with gr.Column(scale=2, min_width=300):
                self.revealed = gr.HTML(padding=False, elem_id="learn-revealed")

    def _ideas(self, t) -> None:
        self.ideas_heading = gr.HTML(padding=False)
        self.ideas, self.here = {}, {}
        with gr.Row(equal_height=False):
            for name in views.IDEAS:
                with gr.Column(min_width=300, elem_classes="idea"):
                    self.ideas[name] = gr.Markdown(latex_delimiters=MATHS, elem_classes="maths")
                    self.here[name] = gr.HTML(padding=False)
        self.honest = gr.HTML(padding=False)

    def _mechanisms(self, t) -> None:
        self.mechanisms_heading = gr.HTML(padding=False)
        with gr.Row():
            self.mechanism = gr.Dropdown(
                mechanism_views.choices("en"), value=MECHANISM_FIRST, label=t("learn_mechanism"), filterable=False,
                elem_id="learn-mechanism",
            )  # fmt: skip
            self.variant = gr.Dropdown([], label=t("learn_variant"), filterable=False, elem_id="learn-variant")
        with gr.Row(equal_height=False):
            with gr.Column(scale=3, min_width=300):
                self.head = gr.HTML(padding=False, elem_id="learn-mechanism-head")
                self.formula = gr.Markdown(latex_delimiters=MATHS, elem_classes="maths", elem_id="learn-formula")
                with gr.Row():
                    self.compare = gr.Button(t("learn_compare"), min_width=160, elem_id="learn-compare")
                    self.closer = gr.Button(t("learn_closer"), min_width=120, elem_id="learn-closer")
                self.weighed = gr.HTML(padding=False, elem_id="learn-weighed")
            with gr.Column(scale=4, min_width=300):
                self.diagram = gr.HTML(padding=False, elem_id="learn-diagram")
        self.numbers = gr.HTML(padding=False, elem_id="learn-numbers")
        with gr.Accordion(t("learn_code"), open=False, elem_id="learn-code"):
            self.code = gr.HTML(
                padding=False
            )  # gr.Code falls short of axe: contrast in the dark, scrolling by keyboard

    def _placements(self, t) -> None:
        self.placements_heading = gr.HTML(padding=False)
        with gr.Row(equal_height=False):
            with gr.Column(scale=2, min_width=340):
                self.network = gr.HTML(padding=False, elem_id="learn-network")
            with gr.Column(scale=3, min_width=300):
                self.slot = gr.Radio([], label=t("learn_slot"), elem_id="learn-slot")  # the network is looked at later
                self.slot_says = gr.HTML(padding=False, elem_id="learn-slot-says")
                self.compare_slot = gr.Button(
                    t("learn_slot_compare"), variant="primary", elem_id="learn-compare-placement"
                )

    def _check(self, t) -> None:
        self.check_heading = gr.HTML(padding=False)
        self.asked, self.answers, self.replies, self.shows = [], [], [], []
        for index in range(QUESTIONS):
            with gr.Column(elem_classes="question"):
                self.asked.append(gr.HTML(padding=False))
                self.answers.append(
                    gr.Radio([], show_label=False, label=t("learn_step_check"), elem_id=f"learn-answer-{index}")
                )
                self.replies.append(gr.HTML(padding=False, elem_id=f"learn-reply-{index}"))
                self.shows.append(
                    gr.Button(
                        t("learn_check_show"), visible=False, scale=0, min_width=160, elem_id=f"learn-show-{index}"
                    )
                )

    def chosen(self) -> list:
        """Components whose change asks the open step again."""
        return [self.model, self.across, self.down, self.mechanism, self.variant, self.slot]

    def outputs(self) -> list:
        found = [
            part
            for value in vars(self).values()
            for part in (value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value])
        ]
        left_alone = (self.walk, self.step, *self.steps)
        return [part for part in found if part not in left_alone]


# a step's content, as {component: value}


def guess_step(parts: Parts, case: views.Case, values: dict) -> dict:
    names = views.guessable(case.names)
    name = next((n for n in (values[parts.model], GUESS_FIRST, *names) if n in names), None)
    point = values[parts.across] / 100, values[parts.down] / 100
    return {
        parts.ask: views.ask(case, name),
        parts.photo: guess.marked(case.photo, *point),
        parts.model: gr.update(choices=titled(case.lang, names), value=name),
        parts.reveal: gr.update(interactive=name is not None),
        parts.revealed: views.waiting(case.lang),
    }


def ideas_step(parts: Parts, case: views.Case, values: dict) -> dict:
    shown = {parts.ideas[name]: views.idea(case.lang, name) for name in views.IDEAS}
    shown |= {parts.here[name]: views.idea_here(case, name) for name in views.IDEAS}
    heading = views.heading(case.says("learn_ideas_heading"))
    return shown | {parts.ideas_heading: heading, parts.honest: views.honest(case.lang)}


def mechanisms_step(parts: Parts, case: views.Case, values: dict) -> dict:
    mechanism = values[parts.mechanism] or MECHANISM_FIRST
    page = mechanism_views.open_page(case, mechanism, values.get(parts.variant))
    can_run = page.variant in case.names
    return {
        parts.mechanisms_heading: mechanism_views.intro_html(case.lang),
        parts.mechanism: gr.update(choices=mechanism_views.choices(case.lang), value=mechanism),
        parts.variant: gr.update(choices=mechanism_views.variant_choices(case.lang, mechanism), value=page.variant),
        parts.head: mechanism_views.head_html(page),
        parts.formula: f"#### {case.says('learn_formula')}\n\n{views.formula(page.info.formula)}",
        parts.compare: gr.update(visible=can_run),
        parts.closer: gr.update(visible=can_run),
        parts.weighed: mechanism_views.weighed_html(page),
        parts.diagram: mechanism_views.diagram_html(page),
        parts.numbers: mechanism_views.numbers_html(page),
        parts.code: mechanism_views.code_html(page),
    }


def placements_step(parts: Parts, case: views.Case, values: dict) -> dict:
    path = values[parts.slot] or SLOT_FIRST
    can_compare = bool(network_views.models_of(case, network_views.slot(path).placement))
    return {
        parts.placements_heading: network_views.ask(case.lang),
        parts.network: network_views.diagram(case.lang, path),
        parts.slot: gr.update(choices=network_views.choices(case.lang), value=path),
        parts.slot_says: network_views.slot_html(case, path),
        parts.compare_slot: gr.update(interactive=can_compare),
    }


def asked_of(case: views.Case) -> list[learn_questions.Question]:
    return learn_questions.questions(case.lang, case.dataset_name, case.models.device.type)


def check_step(parts: Parts, case: views.Case, values: dict) -> dict:
    shown = {parts.check_heading: views.heading(case.says("learn_check_heading"))}
    made = asked_of(case)
    for index in range(QUESTIONS):
        question = made[index] if index < len(made) else None
        answers = [(words, str(number)) for number, words in enumerate(question.answers)] if question else []
        shown |= {
            parts.asked[index]: learn_questions.question_html(question) if question else "",
            parts.answers[index]: gr.update(choices=answers, value=None, visible=question is not None),
            parts.replies[index]: "",
            parts.shows[index]: gr.update(visible=False),
        }
    return shown


ANSWERS = (guess_step, ideas_step, mechanisms_step, placements_step, check_step)


def show_step(parts: Parts, sets: ModelSets, upload, dataset_name: str, values: dict, lang: str) -> dict:
    """The open step, with the sentence over the walk; one sentence where it cannot be shown."""
    try:
        case = views.case(lang, upload, sets[dataset_name])
        shown = ANSWERS[values[parts.step]](parts, case, values)
    except PROBLEMS as error:
        return {parts.lead: cards.notice(text(lang, "learn_problem", problem=error))}
    names = [text(lang, f"learn_step_{name}") for name in STEPS]
    for index, name in enumerate(names):
        if index:
            shown[parts.forward[index - 1]] = text(lang, "learn_next", step=name)
        shown[parts.backward[index]] = text(lang, "learn_back")
    for button, to in zip(parts.straight, STRAIGHT_TO, strict=True):
        shown[button] = text(lang, "learn_straight", step=names[to])
    return shown | {parts.lead: views.lead(lang, case)}


def build(sets: ModelSets, t, tab: gr.Tab, photo: gr.Image, dataset: gr.Radio, pages: gr.Tabs) -> None:
    """Lay the tab out and wire it. The tabs Compare and Look closer are there already: its buttons lead to them."""
    parts = Parts(t)
    light = {"queue": False, "show_progress": "hidden", "trigger_mode": "multiple", "api_visibility": "private"}
    inputs = {photo, dataset, parts.step, *parts.chosen()}

    def run(values: dict, request: gr.Request) -> dict:
        return show_step(parts, sets, values[photo], values[dataset], values, language(request))

    def run_again(values: dict, request: gr.Request) -> dict:
        """Something in the step was chosen. New choices would be new elements, from which the keyboard's focus is gone."""
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
            return cards.notice(text(lang, "learn_problem", problem=error))

    # Listeners of one event run in the order in which they are defined: these before the step is shown.
    for index, step in enumerate(parts.steps):
        step.select(lambda index=index: index, None, parts.step, **light)
    parts.photo.select(place, [photo, dataset], [parts.across, parts.down], **light)
    shows = {"trigger_mode": "always_last", "show_progress": "hidden", "api_visibility": "private"}
    gr.on([tab.select, *(step.select for step in parts.steps)], run, inputs, parts.outputs(), **shows)
    chosen = [c.input for c in parts.chosen() if c is not parts.mechanism]
    gr.on([parts.photo.select, *chosen], run_again, inputs, parts.outputs(), **shows)
    # without the variant: it is one of the mechanism before, which gradio would refuse
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
    """The reply to an answer, and the button to where the page shows it."""

    def asked(lang: str, dataset_name: str) -> learn_questions.Question:
        return learn_questions.questions(lang, dataset_name, sets[dataset_name].device.type)[index]

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
    """The buttons that open Compare or Look closer on what stands here; a sample that was shown here goes along."""
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
