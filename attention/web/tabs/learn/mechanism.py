"""HTML of the Learn tab's page of a mechanism: what it is, its diagram with this photo's shapes, its numbers. No gradio here.

Everything is derived from the tables and from a traced forward pass, so that a new mechanism gets its page by itself.
"""

from dataclasses import dataclass
from functools import partial
from html import escape

import torch

from attention.core import threads
from attention.maps import steps as anatomy
from attention.maps.display import is_drawable, scale_of
from attention.maps.steps import Anatomy, Place, Shape, Step
from attention.models import checkpoints
from attention.models.mechanisms import MECHANISMS
from attention.models.variants import REFERENCE, VARIANTS, build_model
from attention.study import lookup
from attention.web import sentences
from attention.web.charts.figures import PLACEMENT_COLOURS, channel_bars
from attention.web.matrix import MARKS
from attention.web.render import render
from attention.web.table import verdict
from attention.web.tables import MISSING, Cell, Row, Table, column, is_missing, number
from attention.web.tabs.learn import diagrams
from attention.web.tabs.learn.diagrams import Box
from attention.web.tabs.learn.views import Case, heading
from attention.web.tabs.look_closer import views
from attention.web.texts import SUMMARIES_ZH, kind, place, text

OVER = {"2 3": "learn_over_positions", "1": "learn_over_channels"}  # dimensions of (B, C, H, W)
KERNELS = 8  # at most so many kernels of a convolution are drawn
MULTIPLIED = ("matmul", "bmm", "einsum", "mm", "linear")


def variants_of(mechanism: str) -> list[str]:
    """The study's variants with this mechanism, those with weights on the page first."""
    of_it = [v for v in VARIANTS.values() if v.mechanism == mechanism]
    return [v.name for v in sorted(of_it, key=lambda v: not v.offered)]


def variant_title(lang: str, name: str) -> str:
    """Where the variant sits; its placement if its mechanism has no other variant."""
    return place(lang, VARIANTS[name]) or text(lang, f"placement_{VARIANTS[name].placement}")


@dataclass(frozen=True)
class Page:
    """A mechanism, the variant that it is shown in (None if it has none), and what the photo's forward pass showed."""

    case: Case
    mechanism: str
    variant: str | None
    anatomy: Anatomy
    is_trained: bool

    @property
    def info(self):
        return MECHANISMS[self.mechanism]

    @property
    def colour(self) -> str:
        return PLACEMENT_COLOURS[VARIANTS[self.variant].placement if self.variant else "none"]

    @property
    def name(self) -> str:
        return kind(self.case.lang, self.info.title)

    def says(self, key: str, **fields) -> str:
        return text(self.case.lang, key, **fields)


def open_page(case: Case, mechanism: str, name: str | None) -> Page:
    """Run the photo through a model with this mechanism: the trained one if it is there, else an untrained one.

    The model belongs to this call alone, so that no lock is needed and no hook can stay. Raises CheckpointError.
    """
    build, images = MECHANISMS[mechanism].build, case.prepared.cpu()
    names = variants_of(mechanism)
    name = name if name in names else next((n for n in names if n in case.names), next(iter(names), None))
    trained = name in case.names
    if trained:
        found = threads.on_all(anatomy.dissect, checkpoints.load(name, case.dataset_name), build, images)
    else:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            model = build_model(name or REFERENCE, len(case.models.dataset.class_names)).eval()
            dissect = partial(anatomy.dissect, model, build) if name else partial(anatomy.dissect_alone, build, model)
            found = threads.on_all(dissect, images)
    return Page(case, mechanism, name, found, trained)


def shape_text(shape: Shape) -> str:
    return " × ".join(f"{side:,}" for side in shape)


# what it is


def head_html(page: Page) -> str:
    """Name, where, one sentence, the paper, and what it did in the study."""
    lang, info = page.case.lang, page.info
    summary = SUMMARIES_ZH.get(page.mechanism, info.summary) if lang == "zh" else info.summary
    mark = f'<span class="mark" aria-hidden="true">{MARKS[info.family]}</span>'
    family = escape(page.says(f"family_{info.family}"))
    chip = _chip(lang, page.variant) if page.variant else ""
    said = "".join(f'<p class="says">{escape(sentence)}</p>' for sentence in did(page))
    return (
        f'<div class="learn-head"><h3>{mark}{escape(page.name)}</h3><span class="family">{family}</span>{chip}</div>'
        f'<p class="says">{escape(summary)}</p>{said}<p class="read">{_paper(page)}</p>'
    )


def _chip(lang: str, name: str) -> str:
    placement = VARIANTS[name].placement
    return f'<span class="chip" data-placement="{placement}">{escape(text(lang, f"placement_{placement}"))}</span>'


def _paper(page: Page) -> str:
    paper = page.info.paper
    if paper.startswith("https://"):
        link = f'<a href="{escape(paper)}" target="_blank" rel="noopener noreferrer">{escape(paper.removeprefix("https://"))}</a>'
        return page.says("learn_paper", link=link)
    section = paper.rpartition(" ")[2]
    return escape(page.says("learn_article", paper=page.says("learn_article_section", section=section)))


def did(page: Page) -> list[str]:
    """What it did in the study, and how real the numbers below are."""
    said = []
    if page.variant is None:
        return [page.says("learn_alone")]
    table = lookup.summary(page.case.dataset_name, page.case.models.device.type)
    rows = {row["variant"]: row for row in table.to_dict("records")}
    dataset = page.case.dataset_title
    row, reference = rows.get(page.variant), rows.get(REFERENCE, {})
    if row is None or is_missing(row.get("difference_points")):
        said.append(page.says("learn_did_nothing", dataset=dataset))
    else:
        low, high = (number(row.get(f"difference_{end}_points"), "+.2f") for end in ("low", "high"))
        judged = verdict(page.case.lang, row)
        said.append(
            page.says(
                "learn_did", dataset=dataset, difference=number(row["difference_points"], "+.2f"), low=low, high=high,
                seeds=int(row["seeds"]), verdict=judged,
            )
        )  # fmt: skip
        if not is_missing(row.get("p50_ms")) and not is_missing(reference.get("p50_ms")):
            added = number(row["p50_ms"] - reference["p50_ms"], "+.2f")
            said.append(page.says("learn_did_latency", p50=number(row["p50_ms"], ".2f"), added=added))
    if not page.is_trained:
        said.append(page.says("learn_untrained"))
    return [" ".join(said)]


# the diagram


def boxes(page: Page) -> list[Box]:
    """The steps of the shown module as boxes, and one for what comes out."""
    steps, lang = page.anatomy.steps, page.case.lang
    drawn = [
        Box(
            _step_title(lang, step),
            " · ".join(filter(None, [_called(step), shape_text(step.shape)])),
            tuple((i, "" if shape == steps[i].shape else shape_text(shape)) for i, shape in step.sources),
            "end"
            if step.name == "input"
            else "learned"
            if step.name == "parameter"
            else "weights"
            if step.is_visible
            else "plain",
        )
        for step in steps
    ]
    left = page.anatomy.places[-1].left
    return [*drawn, Box(text(lang, "learn_step_output"), shape_text(left), ((len(steps) - 1, ""),), "end")]


def _called(step: Step) -> str:
    """The name of a module in the code: the end of its path, with the part before a number; "" for a function."""
    if not step.name[0].isupper():
        return ""
    *_, before, last = ["", *step.path.split(".")]
    return f"{before}.{last}" if last.isdigit() else last


def _step_title(lang: str, step: Step) -> str:
    if step.name == "input":
        return text(lang, "learn_step_input")
    if step.name == "parameter":
        return text(lang, "learn_op_parameter", name="γ" if step.path == "gamma" else step.path)
    if step.name[0].isupper():  # a module's class
        return f"{step.name} {step.detail}".strip()
    if step.name in ("mean", "amax", "sum"):
        over = OVER.get(step.detail) if len(step.sources[0][1]) == 3 else None
        return text(lang, f"learn_op_{step.name}", over=text(lang, over)) if over else step.name
    if step.name in ("mul", "add") and step.detail:
        return text(lang, f"learn_op_{step.name}_by", number=step.detail)
    key = "learn_op_matmul" if step.name in MULTIPLIED else f"learn_op_{step.name}"
    return words_or(lang, key, step.name)


def words_or(lang: str, key: str, otherwise: str) -> str:
    """A sentence, or the code's own word for an operation that has none yet."""
    try:
        return text(lang, key)
    except KeyError:
        return otherwise


def diagram_html(page: Page) -> str:
    drawn = boxes(page)
    label = page.says("learn_diagram_title", name=page.name)
    description = "; ".join(f"{box.title}, {box.note}" for box in drawn)
    picture = diagrams.flow(drawn, label, description, page.colour, "learn-flow")
    read = page.says("learn_diagram_read", path=views.place(page.case.lang, page.anatomy.places[-1].path))
    return (
        f"<h4>{escape(page.says('learn_diagram'))}</h4>{views.reading(read)}"
        f'<div class="table-wrap" tabindex="0" role="region" aria-label="{escape(label)}">{picture}</div>'
    )


# the numbers


@dataclass(frozen=True)
class Drawn(Cell):
    """A cell with a picture of ours above its text, as an SVG; "" for none."""

    picture: str = ""


def _table(page: Page, heads: list[str], rows: list[tuple[str, list[Drawn]]], label: str) -> str:
    body = tuple(Row(name, tuple(cells)) for name, cells in rows)
    table = Table(label, tuple(column(head) for head in heads), body, "matrix learn-table", sorts=False)
    return render("numbers.html", page.case.lang, table=table)


def _place_row(page: Page, found: Place, with_gamma: bool) -> tuple[str, list[Drawn]]:
    cells = [shape_text(found.entered), shape_text(found.left), f"{found.parameters:,}"]
    cells += [number(found.gamma, ".3f")] if with_gamma else []
    return views.place(page.case.lang, found.path), [Drawn(cell) for cell in cells]


def numbers_html(page: Page) -> str:
    """Every module with its shapes and weights, then the parameters of the one shown, with a histogram each."""
    found = page.anatomy.places
    total = f"{sum(p.parameters for p in found):,}"
    said = page.says("learn_places_one" if len(found) == 1 else "learn_places", count=len(found), parameters=total)
    with_gamma = any(p.gamma is not None for p in found)
    heads = [
        page.says(f"learn_col_{key}") for key in ("place", "in", "out", "weights", *(["gamma"] if with_gamma else []))
    ]
    places = _table(page, heads, [_place_row(page, p, with_gamma) for p in found], said)
    heads = [page.says(f"learn_col_{key}") for key in ("parameter", "shape", "weights", "std", "spread")]
    rows = [_weights_row(page, index, w) for index, w in enumerate(found[-1].weights)]
    return (
        f"<h4>{escape(page.says('learn_numbers'))}</h4>{views.sentence(said)}"
        f'<div class="tables"><div>{places}</div><div>{_table(page, heads, rows, page.says("learn_numbers"))}{_kernels(page)}</div></div>'
    )


def _weights_row(page: Page, index: int, weights: anatomy.Weights) -> tuple[str, list[Drawn]]:
    values, name = weights.values, weights.name
    if values.size == 1:
        return name, [Drawn(said) for said in ("1", "1", MISSING, f"{float(values.item()):.3g}")]
    drawn = diagrams.histogram(values, page.says("learn_histogram_of", name=weights.name), f"learn-weights-{index}")
    ends = f"{number(values.min(), '.2g')} … {number(values.max(), '.2g')}"
    said = shape_text(values.shape), f"{values.size:,}", f"{values.std():.2g}"
    return name, [*map(Drawn, said), Drawn(ends, picture=drawn)]


def _kernels(page: Page) -> str:
    """Kernels wider than one position, as pictures, if there are few enough to look at."""
    drawn = []
    for index, weights in enumerate(page.anatomy.places[-1].weights):
        values = weights.values
        if values.ndim < 3 or values.shape[-1] == 1:
            continue
        side = values.reshape(-1, values.shape[-2] if values.ndim == 4 else 1, values.shape[-1])
        if len(side) > KERNELS:
            continue
        label = page.says("learn_kernel_of", name=weights.name, top=float(abs(values).max()))
        picture = diagrams.kernels(side, label, f"learn-kernel-{index}")
        drawn.append(f'<figure class="kernel">{picture}<figcaption>{escape(label)}</figcaption></figure>')
    return "".join(drawn)


def weighed_html(page: Page) -> str:
    """The attention weights on this photo: the last module's map over positions, every module's bars over channels."""
    maps = [m for found in page.anatomy.places for m in found.maps]
    lang, drawn = page.case.lang, []
    positions = [m for m in page.anatomy.places[-1].maps if m.over == "positions"]
    if positions:
        shown, under = positions[-1], views.ground(page.case.image)
        caption = page.says(
            "learn_weighed_map", place=views.place(lang, shown.path), words=sentences.sentence(lang, shown)
        )
        picture = views.heat(lang, under, shown.values, scale_of([shown]), caption, "attention", page.name)
        drawn += [views.legend(lang, scale_of([shown])), views.shots([picture])]
    channels = [m for m in maps if m.over == "channels"]
    if channels and all(is_drawable(m.values) for m in channels):
        scale = scale_of(channels)
        bars = "".join(
            f'<div class="channels"><span>{escape(views.place(lang, m.path))}</span>'
            f"{channel_bars([m.values], scale.top, page.colour, sentences.channels(lang, [m]), scale.mark)}</div>"
            for m in channels
        )
        drawn += [
            views.reading(f"{sentences.channels(lang, channels)} ({page.says(f'unit_{scale.unit}', top=scale.top)})"),
            bars,
        ]
    return f"<h4>{escape(page.says('learn_weighed'))}</h4>{''.join(drawn)}" if drawn else ""


def code_html(page: Page) -> str:
    label, code = escape(page.says("learn_code")), escape(anatomy.source(page.info.build))
    return f'<pre tabindex="0" role="region" aria-label="{label}"><code>{code}</code></pre>'


def intro_html(lang: str) -> str:
    return heading(text(lang, "learn_mechanisms_heading"))


def choices(lang: str) -> list[tuple[str, str]]:
    return [(kind(lang, info.title), name) for name, info in MECHANISMS.items()]


def variant_choices(lang: str, mechanism: str) -> list[tuple[str, str]]:
    return [(variant_title(lang, name), name) for name in variants_of(mechanism)]
