"""On the Benchmarks tab: do the maps find the object, and does the model need what they mark. Read from heatmaps.csv."""

import itertools
from html import escape

import gradio as gr
import pandas as pd

from attention.models.variants import all_models
from attention.study import map_scores
from attention.study.known_objects import DOGS, boxes_of
from attention.study.map_scores import CONTROLS, DIFFERENCES, MAPS, controls_of
from attention.web.chart_lines import heading_html, lines_html, source
from attention.web.charts import figures
from attention.web.charts.figures import PLACEMENT_COLOURS, Dot
from attention.web.language import language
from attention.web.table import paragraphs
from attention.web.tables import number
from attention.web.tabs.compare.tab import chosen_at_first
from attention.web.texts import text, title

QUESTIONS = {  # each with the scores that answer it, the default first
    "object": ("box_overlap", "pointing", "energy", "box_found", "max_box", "mask_overlap", "pixel_precision"),
    "need": ("insertion", "deletion"),
}
LOWER_IS_BETTER = {"deletion"}


def of_dataset(dataset_name: str, score: str) -> pd.DataFrame:
    """The rows of one score for a data set's models and for the control maps, which have model "" where no model is
    asked. Empty if none of its models was scored."""
    table = map_scores.read()
    table = table[table["score"] == score]
    if not ((table["dataset"] == dataset_name) & (table["model"] != "")).any():
        return table[:0]
    return table[table["dataset"].isin([dataset_name, controls_of(dataset_name)])]


# the chart


def _kind(lang: str, name: str) -> str:
    return text(lang, f"map_{name}" if name in CONTROLS else f"kind_{name}")


def _interval(row) -> str:
    return f"{number(row['low'], '.3f')} – {number(row['high'], '.3f')}"


def _hover(lang: str, heading: str, row: pd.Series, differences: pd.DataFrame) -> str:
    """The hover text of a dot: its row, and the differences to other maps on the same images."""
    lines = [f"<b>{escape(heading)}</b>", f"{escape(_kind(lang, row['map']))}: {row['value']:.3f} ({_interval(row)})"]
    lines.append(text(lang, "maps_images", images=row["images"]))
    if pd.notna(row["threshold"]):
        lines.append(text(lang, "maps_threshold", threshold=row["threshold"]))
    same = differences[(differences["model"] == row["model"]) & (differences["map"] == row["map"])]
    for _, found in same.iterrows():
        other = text(lang, f"maps_other_{found['against']}")
        lines.append(escape(text(lang, "maps_less", other=other, difference=number(found["difference"], "+.3f"))))
        lines[-1] += f" ({number(found['low'], '+.3f')} … {number(found['high'], '+.3f')})"
    return "<br>".join(lines)


def _differences(dataset_name: str, score: str) -> pd.DataFrame:
    found = map_scores.read_differences()
    return found[(found["dataset"] == dataset_name) & (found["score"] == score)]


def groups(lang: str, dataset_name: str, score: str, shown: list[str] | None = None) -> dict[str, list[Dot]]:
    """{name: dots}: first the control maps that ask no model, then one group per model `shown` (None: all)."""
    table, differences = of_dataset(dataset_name, score), _differences(dataset_name, score)
    if shown is not None:
        table = table[table["model"].isin(["", *shown])]
    order = {name: place for place, name in enumerate((*reversed(MAPS), *CONTROLS))}
    found: dict[str, list[Dot]] = {}
    for _, row in table.sort_values("map", key=lambda names: names.map(order), kind="stable").iterrows():
        variant = all_models().get(row["model"])
        name = title(lang, variant) if variant else _kind(lang, row["map"])
        of_control = variant is None or row["map"] in CONTROLS
        colour = PLACEMENT_COLOURS["none" if of_control else variant.placement]
        hover = _hover(lang, name, row, differences)
        found.setdefault(name, []).append(Dot(row["map"], row["value"], row["low"], row["high"], colour, hover))
    models = [title(lang, variant) for variant in all_models().values()]
    controls = [name for name in found if name not in models]
    return {name: found[name] for name in [*controls, *models] if name in found}


def chart(lang: str, dataset_name: str, score: str, shown: list[str] | None = None):
    return figures.intervals(groups(lang, dataset_name, score, shown), text(lang, f"score_{score}"))


def scored(dataset_name: str) -> list[str]:
    """The models of a data set whose maps have scores, in the order of the page."""
    there = set(of_dataset(dataset_name, QUESTIONS["object"][0])["model"])
    return [name for name in all_models() if name in there]


def key_html(lang: str) -> str:
    """What the marks stand for; the colour is the placement's."""
    marks = {"activation": "●", "attention": "◆", "centre": "○", "random": "□", "edges": "△"}  # figures.DOT_SYMBOLS
    parts = "".join(
        f'<span><span class="mark" aria-hidden="true">{mark}</span>{escape(_kind(lang, name))}</span>'
        for name, mark in marks.items()
    )
    return f'<p class="key">{parts}</p>'


# what it says


def counts(differences: pd.DataFrame, score: str) -> pd.DataFrame:
    """How many maps of each kind are better than each other map, how many worse, and how many cannot be told apart."""
    sign = -1 if score in LOWER_IS_BETTER else 1
    above, below = (sign * differences[column] for column in (("low", "high") if sign > 0 else ("high", "low")))
    told = differences.assign(better=above > 0, worse=below < 0, count=1)
    found = told.groupby(["against", "map"])[["better", "worse", "count"]].sum()
    return found.assign(same=found["count"] - found["better"] - found["worse"])


def says(lang: str, dataset_name: str, score: str) -> list[str]:
    """What the chart says, from the same rows: first whether any map beats the centre control."""
    table, differences = of_dataset(dataset_name, score), _differences(dataset_name, score)
    own = table[table["map"].isin(MAPS)]
    best = own.loc[(own["value"].idxmin if score in LOWER_IS_BETTER else own["value"].idxmax)()]
    name = title(lang, all_models()[best["model"]])
    said = [
        text(lang, "maps_best", model=name, kind=_kind(lang, best["map"]), value=best["value"], range=_interval(best))
    ]
    if differences.empty:  # a score of all images together has no differences of single images
        centre = table[(table["map"] == "centre") & (table["model"] == "")]
        return said + [
            text(lang, "maps_centre", value=row["value"], range=_interval(row)) for _, row in centre.iterrows()
        ]
    found = counts(differences, score)
    there = found.index.get_level_values("against")
    if "centre" in there:
        of_all = found.loc["centre"].sum()
        key = "maps_some_better" if of_all["better"] else "maps_none_better"
        said.insert(0, text(lang, key, better=of_all["better"], count=of_all["count"]))
    return said + [_against(lang, other, found.loc[other]) for other in reversed(DIFFERENCES) if other in there]


def _against(lang: str, other: str, found: pd.DataFrame) -> str:
    parts = [
        text(lang, "maps_counts", kind=text(lang, f"maps_kind_{name}"), **row[["better", "worse", "same"]])
        for name, row in found.iterrows()
    ]
    return text(
        lang, "maps_against", other=text(lang, f"maps_other_{other}"), counts=text(lang, "maps_and").join(parts)
    )


def notes_html(lang: str, dataset_name: str, score: str) -> str:
    """What the chart says, how to read it, on which images; folded away, what counts as better."""
    table = of_dataset(dataset_name, score)
    said = says(lang, dataset_name, score)
    read = f"{text(lang, f'read_{score}')} {text(lang, 'maps_read')}"
    about = text(lang, "maps_images_note", images=table["images"].max())
    if score in map_scores.BOXES:
        about = f"{text(lang, _boxes(dataset_name))} {about}"
    where = source(lang, text(lang, "maps_files"), "python -m attention score-maps")
    summary, folded = escape(text(lang, "maps_summary")), paragraphs([text(lang, "maps_judged")])
    return (
        f"{key_html(lang)}{''.join(lines_html(sentence, '', '') for sentence in said)}{lines_html('', read, f'{about} {where}')}"
        f'<details class="notes"><summary>{summary}</summary>{folded}</details>'
    )


def _boxes(dataset_name: str) -> str:
    """The key of the sentence that says on which boxes a data set's models are scored."""
    of = boxes_of(dataset_name)
    return "maps_no_breeds" if of != dataset_name else "maps_breeds" if of == DOGS else "maps_own_boxes"


# the section


def answer(lang: str, dataset_name: str, score: str, shown: list[str] | None = None) -> tuple:
    """Updates of a question's chart and of the notes below it. Without a model only the controls are shown."""
    if of_dataset(dataset_name, score).empty:
        return gr.update(value=None, visible=False), ""
    notes = notes_html(lang, dataset_name, score)
    if not groups(lang, dataset_name, score, shown):
        return gr.update(value=None, visible=False), lines_html(text(lang, "study_none"), "", "") + notes
    return gr.update(value=chart(lang, dataset_name, score, shown), visible=True), notes


def render(lang: str, dataset_name: str, *chosen: str | None, shown: list[str] | None = None) -> list:
    """Updates of the heading, the models to show, and each question's heading, scores, chart and notes.

    `chosen` has each question's score, by default its first; `shown` has the models, by default those chosen at first.
    """
    names = scored(dataset_name)
    shown = [name for name in names if name in (shown or ())] or chosen_at_first(names)
    choices = [(title(lang, all_models()[name]), name) for name in names]
    updates = [
        heading_html(text(lang, "maps_heading"), text(lang, "maps_lead" if names else "maps_missing")),
        gr.update(choices=choices, value=shown, visible=len(names) > 1),
    ]
    for (question, scores), asked in itertools.zip_longest(QUESTIONS.items(), chosen):
        score = asked or scores[0]
        heading = f'<div class="section"><h3>{escape(text(lang, f"maps_{question}"))}</h3></div>' if names else ""
        choices = [(text(lang, f"score_{name}"), name) for name in scores]
        updates += [
            heading,
            gr.update(choices=choices, value=score, visible=bool(names)),
            *answer(lang, dataset_name, score, shown),
        ]
    return updates


def build(t, which: gr.Radio):
    """Lay the section out; returns (render, its outputs). `which` is the choice of the data set."""
    heading = gr.HTML(elem_id="maps-heading", padding=False)
    models = gr.Dropdown([], label=t("maps_models"), multiselect=True, visible=False, elem_id="maps-models")
    outputs, events = [heading, models], []
    for question in QUESTIONS:
        heading = gr.HTML(padding=False)
        score = gr.Radio([], label=t("maps_score"), visible=False, elem_id=f"maps-{question}-score")
        plot = gr.Plot(show_label=False, visible=False, elem_id=f"maps-{question}")
        below = gr.HTML(elem_id=f"maps-{question}-notes", padding=False)
        outputs += [heading, score, plot, below]
        events.append((score, [plot, below]))
    scores = [score for score, _ in events]
    quietly = {"api_visibility": "private", "show_progress": "hidden", "trigger_mode": "always_last"}

    def choose(dataset_name: str, chosen: str, shown: list[str], request: gr.Request) -> tuple:
        return answer(language(request), dataset_name, chosen, shown)

    def choose_models(dataset_name: str, shown: list[str], of_object: str, of_need: str, request: gr.Request) -> list:
        lang = language(request)
        return [*answer(lang, dataset_name, of_object, shown), *answer(lang, dataset_name, of_need, shown)]

    def choose_dataset(dataset_name: str, shown: list[str], of_object: str, of_need: str, request: gr.Request) -> list:
        return render(language(request), dataset_name, of_object, of_need, shown=shown)

    for score, answered in events:
        score.input(choose, [which, score, models], answered, **quietly)
    models.input(choose_models, [which, models, *scores], [part for _, parts in events for part in parts], **quietly)
    which.input(choose_dataset, [which, models, *scores], outputs, **quietly)
    return render, outputs
