"""HTML of the first steps of the Learn tab: the photo they are about, the guess and its reveal, and what attention is."""

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from html import escape

from PIL import Image

from attention.inference.compare import Models, Result
from attention.maps import pointing
from attention.maps.display import attention_map, channel_maps, is_drawable, scale_of, shown_photo
from attention.models import checkpoints
from attention.models.variants import variant
from attention.pictures import reading, samples
from attention.web import sentences
from attention.web.tabs.look_closer import views
from attention.web.texts import class_name, text, title

STEPS = ("guess", "ideas", "mechanisms", "placements", "check")
IDEAS = {  # what attention is: the article's formula, and models for the numbers, the first choice first
    "sum": (r"a_i = \frac{\exp e_i}{\sum_j \exp e_j}, \quad z = \sum_i a_i x_i", ("attention-pool-head",)),
    "gate": (r"Y = A \odot X, \qquad Y = c \odot X", ("se-block", "cbam-block")),
    "pairs": (r"A = \mathrm{softmax}(Q^\top K), \quad Y = \gamma\,(A X) + X", ("self-attention-stage",)),
}


def formula(latex: str) -> str:
    """A formula as Markdown, which gr.Markdown typesets with KaTeX; its lines are separated by two backslashes."""
    rows = latex.replace(r" \\ ", r" \\[4pt] ")
    return f"$$\\begin{{array}}{{l}} {rows} \\end{{array}}$$"


@dataclass(frozen=True)
class Case:
    """What the tab is about: a photo, how to call it, and the models of the data set that is chosen."""

    lang: str
    image: Image.Image
    called: str
    models: Models

    @cached_property
    def photo(self) -> Image.Image:
        return shown_photo(self.models.part(self.image))

    @cached_property
    def prepared(self):
        return self.models.prepare(self.image)

    @property
    def dataset_name(self) -> str:
        return self.models.dataset.name

    @property
    def dataset_title(self) -> str:
        return self.models.dataset.title

    @property
    def names(self) -> list[str]:
        """The models that can run."""
        return [name for name in self.models.names if name not in self.models.problems]

    def run(self, name: str) -> Result:
        return self.models.run(name, self.prepared)

    def says(self, key: str, **fields) -> str:
        return text(self.lang, key, **fields)

    def title(self, name: str) -> str:
        return title(self.lang, variant(name))


def sample_photo(dataset_name: str) -> tuple[Image.Image, samples.Sample]:
    """The first sample that can be read; a rendering is always there."""
    for sample in [*samples.all_samples(dataset_name), *samples.committed()]:
        with suppress(reading.UploadError):
            return reading.read_image(sample.path).image, sample
    raise reading.UploadError("There is no sample picture here. Choose a photo on the Compare tab.")


def case(lang: str, upload, models: Models) -> Case:
    """The visitor's photo, or a sample where there is none. Raises UploadError where there is no sample either."""
    if upload is not None:
        return Case(lang, upload.image, text(lang, "learn_photo_yours"), models)
    image, sample = sample_photo(models.dataset.name)
    name = sample.title_zh if lang == "zh" and sample.kind != "photograph" else class_name(lang, sample.title)
    return Case(lang, image, text(lang, "learn_photo_sample", title=name), models)


def lead(lang: str, case_: Case | None = None) -> str:
    """A sentence on the tab and the photo it is about, with the names of the steps for learn.js."""
    names = "|".join(
        text(lang, f"learn_step_{name}") for name in ("guess", "ideas", "mechanisms", "placements", "check")
    )
    called = case_.called if case_ else text(lang, "learn_photo_yours")
    said = escape(text(lang, "learn_lead", photo=called))
    return f'<p class="summary" id="learn-steps" data-names="{escape(names)}">{said}</p>'


def heading(words_: str) -> str:
    return f"<h2>{escape(words_)}</h2>"


# the guess


def guessable(names: list[str]) -> list[str]:
    """Models that may weigh positions: all but the controls and those that weigh channels alone."""
    return [name for name in names if variant(name).info and variant(name).info.family != "channel"]


def ask(case_: Case, name: str | None) -> str:
    words_ = case_.says("learn_guess_ask", model=case_.title(name)) if name else case_.says("learn_guess_none")
    return heading(case_.says("learn_guess_heading")) + views.reading(words_)


def waiting(lang: str) -> str:
    """A placeholder for the map."""
    return f'<div class="empty">{escape(text(lang, "learn_guess_waiting"))}</div>'


def reveal(case_: Case, name: str, across: float, down: float) -> str:
    """The map beside the guess, and where the guess lies in it; a sentence for a model without a map that can be drawn."""
    result = case_.run(name)
    shown, model = attention_map(result), case_.title(name)
    if shown is None or not is_drawable(shown.values) or shown.values.max() == shown.values.min():
        said = case_.says("learn_guess_no_map", model=model) if shown is None else sentences.sentence(case_.lang, shown)
        return views.sentence(said)
    found, middle = pointing.judge(shown.values, across, down), pointing.judge(shown.values, 0.5, 0.5)
    under = views.ground(case_.image)
    ring = f'<i class="guess" style="left:{100 * across:.1f}%;top:{100 * down:.1f}%"></i>'
    caption = case_.says("learn_guess_map", model=model)
    picture = views.heat(case_.lang, under, shown.values, scale_of([shown]), caption, "attention", model, ring)
    prediction = class_name(case_.lang, result.prediction)
    said = [
        case_.says("learn_guess_says", share=percent(found.share), mass=percent(found.mass)),
        case_.says("learn_guess_blind", centre=percent(middle.share)),
        sentences.sentence(case_.lang, shown),
    ]
    read = [
        case_.says("learn_guess_read", scale=case_.says(f"learn_map_{shown.kind}")),
        case_.says(
            "learn_guess_prediction",
            model=model,
            prediction=prediction,
            probability=float(result.probabilities[result.top1]),
        ),
    ]
    return (
        f'<p class="summary" role="status">{escape(said[0])}</p>'
        + views.legend(case_.lang, scale_of([shown]))
        + views.shots([picture])
        + views.sentence(" ".join(said[1:]))
        + views.reading(" ".join(read))
    )


def percent(share: float) -> str:
    """A share in per cent, without decimals; below 1 % with one significant digit."""
    return f"{100 * share:.0f}" if share >= 0.01 else f"{100 * share:.1g}"


# what attention is


def idea(lang: str, name: str) -> str:
    """One of IDEAS in words, as Markdown with its formula."""
    return f"### {text(lang, f'learn_idea_{name}')}\n\n{formula(IDEAS[name][0])}\n\n{text(lang, f'learn_idea_{name}_text')}"


def idea_here(case_: Case, name: str) -> str:
    """One of IDEAS in the numbers of this photo; "" where none of its models is there."""
    model = next((model for model in IDEAS[name][1] if model in case_.names), None)
    if model is None:
        return ""
    maps, said = case_.run(model), {"model": case_.title(model)}
    if name == "sum":
        weights = attention_map(maps).values
        said |= {"count": weights.size, "high": weights.max() / weights.size, "times": weights.max()}
    elif name == "gate":
        weights = channel_maps(maps)[-1].values
        said |= {"count": weights.size, "low": weights.min(), "high": weights.max()}
    else:
        said |= {"count": attention_map(maps).values.size, "gamma": _gamma(case_, model)}
    return views.sentence(case_.says(f"learn_idea_{name}_here", **said))


def _gamma(case_: Case, name: str) -> float:
    model = checkpoints.load(name, case_.dataset_name)
    return next(value.item() for path, value in model.named_parameters() if path.rpartition(".")[2] == "gamma")


def honest(lang: str) -> str:
    return views.reading(text(lang, "learn_ideas_honest")) + views.reading(text(lang, "learn_symbols"))
