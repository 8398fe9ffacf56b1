"""Questions that change the model, its attention, its weights or the photo and look again; 0.1 to a few seconds."""

from collections.abc import Iterator

import gradio as gr
import numpy as np

from attention.inference.questions import Curves, Look
from attention.maps.description import describe_map
from attention.models.variants import REFERENCE, variant
from attention.pictures.corruptions import CORRUPTIONS, STRENGTHS
from attention.web import cards
from attention.web.charts import questions
from attention.web.charts.figures import PLACEMENT_COLOURS
from attention.web.tabs.look_closer import views
from attention.web.tabs.look_closer.questions import Asked, Question
from attention.web.texts import class_name, text

SMALLEST_TOP = 0.25  # the least end of the scale of differences, so that small ones stay pale


class AgainstAnother(Question):
    """The signed difference to another model's map, beside the difference that another seed makes."""

    name = "difference"

    def answer(self, asked: Asked, values: dict) -> Iterator[dict]:
        if asked.other in (None, asked.look.name):
            yield {self.html: asked.says("difference_same")}
            return
        names = {"name": asked.title(), "other": asked.title(asked.other)}
        captions = [*names.values(), text(asked.lang, "difference_signed", **names)]
        captions.append(text(asked.lang, "difference_seeds"))
        yield {self.html: _placeholders(asked, captions)}
        image, name, chosen = asked.image, asked.look.name, asked.class_index
        other = asked.examiner.look(image, asked.other, chosen)
        found = asked.examiner.difference(image, name, asked.other, chosen)
        yield {self.html: self._shown(asked, names, captions, other, found)}

    def _shown(self, asked: Asked, names: dict, captions: list[str], other: Look, found) -> str:
        lang, under = asked.lang, asked.under
        where = describe_map(found.values.clip(min=0)).where
        alt = (
            text(lang, "more_nowhere")
            if where == "nowhere"
            else text(lang, "difference_alt", where=text(lang, f"where_{where}"), **names)
        )
        signed = [values for values in (found.values, found.between_seeds) if values is not None]
        top = max(SMALLEST_TOP, *(float(np.abs(values).max()) for values in signed))
        figures = [
            views.activation(lang, under, asked.look.activation, captions[0], names["name"]),
            views.activation(lang, under, other.activation, captions[1], names["other"]),
            views.difference(lang, under, found.values, top, captions[2], alt),
        ]
        if found.between_seeds is not None:
            figures.append(views.difference(lang, under, found.between_seeds, top, captions[3], captions[3]))
        return "".join((
            _verdict(asked, found),
            views.legend(lang, views.NORMALISED),
            views.difference_legend(lang, top),
            views.shots(figures, 4),
            asked.read("difference_read", name=asked.explained),
        ))  # fmt: skip


def _verdict(asked: Asked, found) -> str:
    """Which is larger: the difference between the two models, or between two training runs of one."""
    value = _root_mean_square(found.values)
    if found.between_seeds is None:
        return asked.says("difference_no_seeds", value=value)
    seeds = _root_mean_square(found.between_seeds)
    return asked.says(f"difference_says_{'more' if value > seeds else 'less'}", value=value, seeds=seeds)


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _placeholders(asked: Asked, captions: list[str], line: bool = True) -> str:
    """Empty frames for figures to come, below an empty line where a sentence will stand."""
    blank = '<p class="says">&nbsp;</p>' if line else ""
    return blank + views.shots([views.waiting(asked.under, caption) for caption in captions])


class AttentionOff(Question):
    """Prediction and map with the attention as trained, and with weights that prefer nothing."""

    name = "off"

    def answer(self, asked: Asked, values: dict) -> Iterator[dict]:
        lang = asked.lang
        if variant(asked.look.name).is_control:
            yield {self.html: asked.says("off_none")}
            return
        captions = [text(lang, "off_before"), text(lang, "off_after")]
        yield {self.html: _placeholders(asked, captions)}
        pair = asked.examiner.attention_off(asked.image, asked.look.name, asked.class_index)
        sides = [
            f"<div>{views.heading(caption)}"
            f"{views.activation(lang, asked.under, look.activation, asked.explained, asked.title())}"
            f"{cards.top5_html(lang, look, look.class_index)}</div>"
            for caption, look in zip(captions, pair, strict=True)
        ]
        before, after = map(_probability, pair)
        changed = text(lang, "off_says", name=asked.explained, before=before, after=after)
        says = views.sentence(f"{changed} {_choice_kept(lang, *pair)}")
        legend = views.legend(lang, views.NORMALISED)
        yield {self.html: says + legend + views.shots(sides) + asked.read("off_read")}


def _probability(look: Look) -> float:
    """The probability of the class that is explained."""
    return float(look.probabilities[look.class_index])


def _first(lang: str, look: Look) -> str:
    return class_name(lang, look.class_names[look.ranking[0]])


def _choice_kept(lang: str, before: Look, after: Look) -> str:
    if before.ranking[0] == after.ranking[0]:
        return text(lang, "off_same", prediction=_first(lang, before))
    return text(lang, "off_changed", before=_first(lang, before), after=_first(lang, after))


class RandomWeights(Question):
    """The map after the weights of one part after the other are shuffled, from the head downwards."""

    name = "random"

    def answer(self, asked: Asked, values: dict) -> Iterator[dict]:
        parts = ["", "head", "stage 4", "stage 3", "stage 2", "stage 1", "stem"]
        if variant(asked.look.name).placement in ("input", "everywhere"):
            parts.append("input")
        figures = {part: views.waiting(asked.under, _part(asked.lang, part)) for part in parts}
        read = asked.read("random_read", name=asked.explained)

        def shown(line: str = "&nbsp;") -> dict:
            grid = views.shots(list(figures.values()), 4)
            return {self.html: f'<p class="says">{line}</p>{views.legend(asked.lang, views.NORMALISED)}{grid}{read}'}

        yield shown()
        for step in asked.examiner.randomised(asked.image, asked.look.name, asked.class_index):
            rho, share = _signed(step.rank_correlation), step.probability
            words = text(asked.lang, "random_caption", rho=rho, probability=share)
            caption = f"{_part(asked.lang, step.part)} · {words}"
            figures[step.part] = views.activation(asked.lang, asked.under, step.activation, caption, asked.title())
            yield shown()
        yield shown(views.escape(text(asked.lang, "random_says", rho=rho)))


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _part(lang: str, part: str) -> str:
    if part.startswith("stage"):
        return text(lang, "random_stage", number=part.split()[1])
    return text(lang, f"random_{part or 'trained'}")


class DeletionInsertion(Question):
    """Does the model need what its maps mark? Both curves of each map beside those of a random map."""

    name = "deletion"
    kinds = ("deletion", "insertion")

    def __init__(self, t):
        self.says = gr.HTML(elem_id="deletion-answer", padding=False)
        self.headings, self.plots = {}, {}
        with gr.Row():
            for kind in self.kinds:
                with gr.Column(min_width=300):
                    self.headings[kind] = gr.HTML(padding=False)
                    self.plots[kind] = gr.Plot(show_label=False, elem_id=f"{kind}-curves")
        self.read = gr.HTML(padding=False)
        self.controls = []
        self.outputs = [self.says, self.read, *self.headings.values(), *self.plots.values()]

    def answer(self, asked: Asked, values: dict) -> Iterator[dict]:
        lang = asked.lang
        yield self.cleared() | {
            self.says: f'<p class="says working">{views.escape(text(lang, "deletion_working"))}</p>',
            self.read: asked.read("deletion_read", name=asked.explained),
            **{self.headings[kind]: views.heading(text(lang, f"{kind}_heading")) for kind in self.kinds},
        }
        found = asked.examiner.deletion_and_insertion(asked.image, asked.look.name, asked.class_index)
        plots = {self.plots[kind]: self._chart(lang, kind, found) for kind in self.kinds}
        yield plots | {self.says: _against_chance(lang, found)}

    def _chart(self, lang: str, kind: str, found: dict[str, Curves]):
        names = {
            map_name: text(lang, "curve_area", name=text(lang, f"curve_{map_name}"), area=getattr(c, f"{kind}_area"))
            for map_name, c in found.items()
        }
        axes = text(lang, f"{kind}_axis"), text(lang, "probability_axis")
        return questions.curves({name: getattr(c, kind) for name, c in found.items()}, names, axes)


def _against_chance(lang: str, found: dict[str, Curves]) -> str:
    """One sentence per map: its two areas, compared with those of the random map."""
    random, said = found["random"], []
    for name, curves in found.items():
        if name == "random":
            continue
        fewer = round(curves.deletion_area, 2) < round(random.deletion_area, 2)  # rounded as on the page
        better = fewer + (round(curves.insertion_area, 2) > round(random.insertion_area, 2))
        label = text(lang, f"curve_{name}")
        said.append(text(
            lang, "deletion_says", name=label[0].upper() + label[1:], deletion=curves.deletion_area,
            insertion=curves.insertion_area, random_deletion=random.deletion_area,
            random_insertion=random.insertion_area,
            verdict=text(lang, f"deletion_{('neither', 'one', 'both')[better]}"),
        ))  # fmt: skip
    return "".join(map(views.sentence, said))


class DamagedPhoto(Question):
    """Prediction and map as the photo is damaged at five strengths, beside the baseline and another model."""

    name = "damage"

    def __init__(self, t):
        choices = [(t(f"damage_{kind}"), kind) for kind in CORRUPTIONS]
        self.kind = gr.Radio(choices, value=next(iter(CORRUPTIONS)), label=t("damage_kind"), elem_id="damage-kind")
        self.html = gr.HTML(elem_id="damage-answer", padding=False)
        self.plot = gr.Plot(show_label=False, elem_id="damage-chart")
        self.controls, self.outputs = [self.kind], [self.html, self.plot]

    def answer(self, asked: Asked, values: dict) -> Iterator[dict]:
        lang, name = asked.lang, asked.look.name
        captions = [text(lang, "damage_whole")]
        captions += [text(lang, "damage_strength", strength=strength) for strength in STRENGTHS]
        square = views.Ground("", (1, 1))
        figures = [views.waiting(square, f"{caption} · …") for caption in captions]
        read = asked.read("damage_read", model=asked.title(), name=asked.explained)

        def shown(says: str = "&nbsp;") -> str:
            legend = views.legend(lang, views.NORMALISED)
            return f'<p class="says">{says}</p>{legend}{views.shots(figures)}{read}'

        yield {self.html: shown(), self.plot: None}
        names = list(dict.fromkeys([name, REFERENCE, asked.other or name]))
        can_run = [n for n in names if n in asked.examiner.models.names and n not in asked.examiner.models.problems]
        lines: dict[str, list[float]] = {n: [] for n in can_run}
        firsts = []
        steps = asked.examiner.under_corruption(asked.image, can_run, values[self.kind], asked.class_index)
        for step in steps:
            look = step.looks[name]
            words = text(lang, "damage_caption", name=asked.explained, probability=_probability(look))
            caption, under = f"{captions[step.strength]} · {words}", views.ground(step.image)
            figures[step.strength] = views.activation(lang, under, look.activation, caption, asked.title())
            firsts.append(_first(lang, look))
            for model, line in lines.items():
                line.append(float(step.looks[model].probabilities[asked.class_index]))
            yield {self.html: shown()}
        yield {self.html: shown(views.escape(_holds(asked, firsts))), self.plot: self._chart(asked, lines)}

    def _chart(self, asked: Asked, lines: dict[str, list[float]]):
        axes = text(asked.lang, "damage_axis"), text(asked.lang, "damage_probability", name=asked.explained)
        colours = {name: PLACEMENT_COLOURS[variant(name).placement] for name in lines}
        return questions.against_strength(lines, {name: asked.title(name) for name in lines}, colours, axes)


def _holds(asked: Asked, firsts: list[str]) -> str:
    """A sentence: up to which strength the first choice stays that of the undamaged photo."""
    changed = next((strength for strength, first in enumerate(firsts) if first != firsts[0]), None)
    if changed is None:
        return text(asked.lang, "damage_keeps", model=asked.title())
    if changed == 1:
        return text(asked.lang, "damage_first", model=asked.title(), other=firsts[1])
    return text(asked.lang, "damage_holds", model=asked.title(), strength=changed - 1, other=firsts[changed])
