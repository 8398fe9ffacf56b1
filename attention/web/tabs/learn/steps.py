"""What each step of the Learn tab shows, as {component: value}: worked out when it is opened or something in it is chosen."""

import gradio as gr

from attention.inference.model_sets import ModelSets
from attention.maps import pointing
from attention.models.checkpoints import CheckpointError
from attention.models.variants import UnknownVariant
from attention.pictures.datasets import DataError
from attention.pictures.reading import UploadError
from attention.web.render import notice
from attention.web.tabs.compare.tab import titled
from attention.web.tabs.learn import mechanism as mechanism_views
from attention.web.tabs.learn import network as network_views
from attention.web.tabs.learn import questions, views
from attention.web.tabs.learn.parts import MECHANISM_FIRST, QUESTIONS, STRAIGHT_TO, Parts
from attention.web.tabs.learn.views import STEPS
from attention.web.texts import text

GUESS_FIRST = "attention-pool-head"  # its prediction is made from its map
SLOT_FIRST = "stages.3.1.attention"
PROBLEMS = (CheckpointError, DataError, UploadError, UnknownVariant, ValueError)  # each says in a sentence what to do


def guess_step(parts: Parts, case: views.Case, values: dict) -> dict:
    names = views.guessable(case.names)
    name = next((n for n in (values[parts.model], GUESS_FIRST, *names) if n in names), None)
    point = values[parts.across] / 100, values[parts.down] / 100
    return {
        parts.ask: views.ask(case, name),
        parts.photo: pointing.marked(case.photo, *point),
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


def check_step(parts: Parts, case: views.Case, values: dict) -> dict:
    """The questions; what was answered before stays answered."""
    shown = {parts.check_heading: views.heading(case.says("learn_check_heading"))}
    made = questions.questions(case.lang, case.dataset_name, case.models.device.type)
    for index in range(QUESTIONS):
        question = made[index] if index < len(made) else None
        answers = [(words, str(number)) for number, words in enumerate(question.answers)] if question else []
        value = values.get(parts.answers[index])
        value = value if value in dict(answers).values() else None
        shown |= {
            parts.asked[index]: questions.question_html(question) if question else "",
            parts.answers[index]: gr.update(choices=answers, value=value, visible=question is not None),
            parts.replies[index]: question.reply(case.lang, int(value)) if value else "",
            parts.shows[index]: gr.update(visible=value is not None),
        }
    return shown


ANSWERS = (guess_step, ideas_step, mechanisms_step, placements_step, check_step)


def show_step(parts: Parts, sets: ModelSets, upload, dataset_name: str, values: dict, lang: str) -> dict:
    """The values of the open step and the sentence above the walk; only a sentence where the step cannot be shown."""
    try:
        case = views.case(lang, upload, sets[dataset_name])
        shown = ANSWERS[values[parts.step]](parts, case, values)
    except PROBLEMS as error:
        return {parts.lead: notice(text(lang, "learn_problem", problem=error))}
    names = [text(lang, f"learn_step_{name}") for name in STEPS]
    for index, name in enumerate(names):
        if index:
            shown[parts.forward[index - 1]] = text(lang, "learn_next", step=name)
        shown[parts.backward[index]] = text(lang, "learn_back")
    for button, to in zip(parts.straight, STRAIGHT_TO, strict=True):
        shown[button] = text(lang, "learn_straight", step=names[to])
    return shown | {parts.lead: views.lead(lang, case)}
