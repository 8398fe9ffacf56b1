"""Models that others trained: what the page says about them, and their published figures. No gradio here."""

from html import escape

from attention.models.checkpoints import read_manifest
from attention.models.variants import REFERENCE
from attention.pictures.datasets import ELSEWHERE, Dataset
from attention.web.chart_lines import heading_html, lines_html
from attention.web.tables import Cell, Table, column, drawn, figure, of_model, word
from attention.web.texts import class_name, text

MOST_NAMED = 30  # up to so many classes all are named; of more, only some
SOME = 8

COLUMNS = ("model", "accuracy", "difference", "parameters", "published_as")


def classes(lang: str, dataset: Dataset) -> str:
    """Which classes a data set's models know, as a sentence."""
    known, comma = dataset.class_names, "、" if lang == "zh" else ", "
    if len(known) > MOST_NAMED:
        known = known[:: len(known) // SOME][:SOME]
    key = "classes" if len(known) == len(dataset.class_names) else "classes_many"
    names = comma.join(class_name(lang, name) for name in known)
    return text(lang, key, count=len(dataset.class_names), classes=names)


def all_classes(lang: str, dataset: Dataset) -> str:
    """All class names, folded away, with a search field (classes.js); "" where `classes` already names them all."""
    if len(dataset.class_names) <= MOST_NAMED:
        return ""
    names = sorted((class_name(lang, name) for name in dataset.class_names), key=str.casefold)
    summary = escape(text(lang, "classes_all", count=len(names)))
    search = escape(text(lang, "classes_search"))
    listed = "".join(f"<li>{escape(name)}</li>" for name in names)
    return (
        f'<details class="notes all-classes"><summary>{summary}</summary>'
        f'<input type="search" placeholder="{search}" aria-label="{search}"><ul>{listed}</ul></details>'
    )


def known_names(lang: str, names: tuple[str, ...]) -> str:
    """The class names for an error message: all of them, or the first few and how many more there are."""
    if len(names) <= MOST_NAMED:
        return ", ".join(names)
    return text(lang, "classes_known_some", some=", ".join(names[:SOME]), more=len(names) - SOME)


def about(lang: str, dataset: Dataset) -> str:
    """Whose models these are, with the table of their published figures folded away; "" for this project's own."""
    if dataset.source is None:
        return ""
    said = text(lang, "published_about", dataset=dataset.title, pixels=dataset.preprocessing.test_pixels)
    heading = escape(text(lang, "published_heading", dataset=dataset.title))
    return (
        f"<p>{escape(said)} {escape(text(lang, 'published_language'))}</p>"
        f'<details class="notes"><summary>{heading}</summary>{table(lang, dataset)}</details>'
    )


def section(lang: str) -> str:
    """One section per data set of such models, for the Benchmarks tab; "" where there is none."""
    found = []
    for dataset in ELSEWHERE.values():
        heading = heading_html(text(lang, "published_heading", dataset=dataset.title))
        found.append(heading + table(lang, dataset))
    return "".join(found)


def table(lang: str, dataset: Dataset) -> str:
    """The published figures, and what to bear in mind about them."""
    published = read_manifest(dataset.name)["models"]
    reference = published.get(REFERENCE, {}).get("accuracy")
    columns = [
        column(text(lang, f"col_{name}"), "word" if name in ("model", "published_as") else "") for name in COLUMNS
    ]
    rows = tuple(of_model(lang, name, _cells(name, entry, reference)) for name, entry in published.items())
    listed = Table(
        text(lang, "published_heading", dataset=dataset.title), tuple(columns), rows, "figures published", sorts=False
    )
    note = text(
        lang,
        "published_note",
        dataset=dataset.title,
        images=dataset.val_images,
        pixels=dataset.preprocessing.test_pixels,
    )
    return drawn(lang, listed) + lines_html("", note, "")


def _cells(name: str, entry: dict, reference: float | None) -> list[Cell]:
    is_compared = reference is not None and name != REFERENCE
    difference = entry["accuracy"] - reference if is_compared else None
    figures = (entry["accuracy"], ".2f", 0.01), (difference, "+.2f", 0.01), (entry["parameters"], ".2f", 1e6)
    return [*(figure(*one) for one in figures), word(entry["published_as"])]
