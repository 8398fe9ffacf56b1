"""The API endpoints of the Look closer tab: /look and /attention_off, as plain JSON."""

import gradio as gr
import numpy as np

from attention.inference.questions import Look
from attention.models.checkpoints import CheckpointError
from attention.models.variants import UnknownVariant
from attention.pictures.datasets import DataError
from attention.web.published import known_names
from attention.web.tabs.compare.tab import CONCURRENCY
from attention.web.texts import text

DIGITS = 4


def _rounded(values: np.ndarray) -> list:
    """Nested lists of rounded numbers for JSON; what is not finite becomes null."""
    rounded = np.round(values.astype(float), DIGITS)
    return np.where(np.isfinite(rounded), rounded, None).tolist()


def look_as_json(look: Look) -> dict:
    """A Look as plain numbers for scripts. Maps are rows of positions or lists of channels; activations go by stage.

    No key is called "path", because Gradio's clients take a dict with that key for a file to fetch.
    """
    return {
        "model": look.name,
        "class": look.class_names[look.class_index],
        "probabilities": dict(zip(look.class_names, _rounded(look.probabilities), strict=True)),
        "attention": [
            {"module": m.path, "kind": m.kind, "over": m.over, "values": _rounded(m.values),
             "heads": [_rounded(head.values) for head in m.by_head]}
            for m in look.attention
        ],
        "activations": {str(stage): _rounded(values) for stage, values in look.activations.items()},
        "gammas": look.gammas,
    }  # fmt: skip


def class_index(name: str | None, class_names: tuple[str, ...], lang: str = "en") -> int | None:
    """The index of a class; None for the model's own choice. Raises ValueError with a sentence for an unknown one."""
    if not name:
        return None
    if name not in class_names:
        raise ValueError(text(lang, "examine_no_class", name=name, known=known_names(lang, class_names)))
    return class_names.index(name)


def build(examiners, photo: gr.Image, dataset_name: str) -> None:
    """Add the endpoints: gradio_client.Client(url).predict(handle_file(path), "se-block", "church", api_name="/look")

    `examiners[dataset_name]` is the Examiner of the data set that the page shows first.
    """

    def answered(question, upload, model: str, explained: str | None):
        if upload is None:
            raise gr.Error("There is no image. Send one as the first argument.", print_exception=False)
        try:
            examiner = examiners[dataset_name]
            index = class_index(explained, examiner.models.dataset.class_names)
            return question(examiner)(upload.image, model, index)
        except (CheckpointError, DataError, UnknownVariant, ValueError) as error:
            raise gr.Error(str(error), print_exception=False) from error

    def look(upload, model: str, explained: str | None) -> dict:
        return look_as_json(answered(lambda examiner: examiner.look, upload, model, explained))

    def attention_off(upload, model: str, explained: str | None) -> dict:
        pair = answered(lambda examiner: examiner.attention_off, upload, model, explained)
        return dict(zip(("as_trained", "attention_off"), map(look_as_json, pair), strict=True))

    model, explained, out = gr.Textbox(visible=False), gr.Textbox(visible=False), gr.JSON(visible=False)
    for endpoint, says in (
        (look, "One model on an image: probabilities, its attention maps, class activation maps at each stage."),
        (attention_off, "The same as trained, and with attention that prefers nothing."),
    ):
        gr.Button(visible=False).click(
            endpoint, [photo, model, explained], out, api_name=endpoint.__name__,
            api_description=f"{says} An empty class name is the model's own first choice.",
            concurrency_id=CONCURRENCY, concurrency_limit=1,
        )  # fmt: skip
