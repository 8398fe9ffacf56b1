"""Links that bring the page back as somebody had it: ?tab=benchmarks&dataset=imagewoof&models=baseline,se-block.

`Link` lists what a link can say; an upload is never part of one. links.js updates the address as the page is used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

import gradio as gr
from PIL import Image

from attention.inference.compare import Models
from attention.inference.model_sets import ModelSets
from attention.models.checkpoints import CheckpointError
from attention.pictures import datasets, reading
from attention.web.cards import KINDS
from attention.web.language import NAME, language_of_tag
from attention.web.tabs.compare.parts import chosen_at_first, readable
from attention.web.texts import text

SHOWN = 40  # characters of an unusable value that the visitor is shown
TOLD = 3  # unusable parameters that the warning names


@dataclass(frozen=True)
class Link:
    """What an address asks for; None where it says nothing. `ignored` are parameters that cannot be used."""

    tab: str | None = None
    dataset: str | None = None
    models: tuple[str, ...] | None = None
    sample: str | None = None
    map: str | None = None
    reference: str | None = None
    picked: str | None = None
    ignored: tuple[str, ...] = ()


def sample_keys(dataset_name: str) -> list[str]:
    """A key for each sample of the gallery, in order: the name of its file, without folder and suffix."""
    return [sample.path.stem for sample in readable(dataset_name)]


def read(asked: Mapping[str, str], sets: ModelSets, tabs: list[str]) -> Link:
    """The link for an address's parameters; those with unknown names belong to somebody else and are left alone."""
    ignored = []

    def one_of(name: str, known) -> str | None:
        value = asked.get(name)
        if value and value not in known:
            ignored.append(f"{name}={value[:SHOWN]}")
            return None
        return value or None

    dataset = one_of("dataset", [name for name in sets.names if name == asked.get("dataset") and _loads(sets, name)])
    models = sets[dataset or sets.first_name]
    chosen, unknown = _models(asked.get("models", ""), models)
    ignored += [f"models={name[:SHOWN]}" for name in unknown]
    one_of(NAME, [tag for tag in [asked.get(NAME, "")] if language_of_tag(tag)])
    return Link(
        tab=one_of("tab", tabs),
        dataset=dataset,
        models=chosen,
        sample=one_of("sample", sample_keys(models.dataset.name)) if asked.get("sample") else None,
        map=one_of("map", KINDS),
        reference=one_of("reference", models.names),
        picked=one_of("class", models.dataset.class_names),
        ignored=tuple(ignored),
    )


def _loads(sets: ModelSets, name: str) -> bool:
    try:
        return bool(sets[name])
    except (CheckpointError, datasets.DataError):
        return False


def _models(names: str, models: Models) -> tuple[tuple[str, ...] | None, list[str]]:
    """The named models that exist, in the order of the page (None: no such model), and the names that do not."""
    wanted = [name for name in names.split(",") if name]
    known = tuple(name for name in models.names if name in wanted)
    return known or None, [name for name in wanted if name not in known]


def _picture(link: Link, dataset_name: str) -> Image.Image | None:
    if link.sample is None:
        return None
    sample = next(s for s in readable(dataset_name) if s.path.stem == link.sample)
    try:
        return reading.read_image(sample.path).image
    except reading.UploadError:  # the file was deleted this very moment
        return None


def defaults(sets: ModelSets) -> dict[str, str]:
    """What the page shows without a link, so that an address says only what differs."""
    names = ",".join(chosen_at_first(sets.first.names))
    return {"tab": "compare", "dataset": sets.first_name, "models": names, "map": KINDS[0]}


def warn(link: Link, lang: str) -> None:
    """Warn of what could not be used. The values are escaped, because anybody may have written the address."""
    if link.ignored:
        names = escape(", ".join(link.ignored[:TOLD]))
        gr.Warning(text(lang, "ignored_in_link", names=names), title="")


def build(page: gr.Blocks, sets: ModelSets, tabs: gr.Tabs):
    """Keep track of the sample shown; returns (function for a link's values, outputs) for the page's load event."""
    part = {block.elem_id: block for block in page.blocks.values() if getattr(block, "elem_id", None)}
    photo, dataset = part["photo"], part["compare-dataset"]
    sample = gr.Textbox("", visible="hidden", elem_id="sample")
    quiet = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}

    def chosen(dataset_name: str, event: gr.SelectData) -> str:
        keys = sample_keys(dataset_name)
        return keys[event.index] if event.index < len(keys) else ""

    part["samples"].select(chosen, dataset, sample, **quiet)
    gr.on([photo.input, photo.upload, photo.clear], None, None, sample, js="() => ''", api_visibility="private")

    def restored(link: Link, lang: str) -> list:
        picture = _picture(link, link.dataset or sets.first_name)
        return [
            gr.skip() if link.tab is None else gr.Tabs(selected=link.tab),
            gr.skip() if picture is None else picture,
            link.sample if picture else "",
            link.map or KINDS[0],
            link.reference or "",
            link.picked or "",
        ]

    return restored, [tabs, photo, sample, part["map-choice"], part["reference"], part["picked"]]
