"""The components of the Learn tab, step by step: only their layout, not what they say."""

import gradio as gr

from attention.web.tabs.learn import mechanism as mechanism_views
from attention.web.tabs.learn import views
from attention.web.tabs.learn.views import STEPS

STRAIGHT_TO = (2, 3)  # steps that the first one leads to as well, because Gradio's step marks only lead back
MECHANISM_FIRST = "se"
QUESTIONS = 3
MATHS = [{"left": "$$", "right": "$$", "display": True}]


class Parts:
    """The components of the tab, step by step."""

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
                    gr.Button(min_width=280, scale=0, elem_id=f"learn-straight-{to}") for to in STRAIGHT_TO
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
                min_width=240, elem_id="learn-mechanism",
            )  # fmt: skip
            self.variant = gr.Dropdown(
                [], label=t("learn_variant"), filterable=False, min_width=240, elem_id="learn-variant"
            )
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
            self.code = gr.HTML(padding=False)  # gr.Code fails axe: contrast in the dark, no scrolling by keyboard

    def _placements(self, t) -> None:
        self.placements_heading = gr.HTML(padding=False)
        with gr.Row(equal_height=False):
            with gr.Column(scale=2, min_width=340):
                self.network = gr.HTML(padding=False, elem_id="learn-network")
            with gr.Column(scale=3, min_width=300):
                self.slot = gr.Radio([], label=t("learn_slot"), elem_id="learn-slot")  # filled when the step opens
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
