"""The tab for many photos, without a browser: what its table and its sentences say of rows made by hand and real ones."""

import os
import re

import gradio as gr
import pandas as pd
import pytest
from gradio.data_classes import FileData, ListFiles

from attention.core.paths import ROOT
from attention.inference import batch
from attention.inference.batch import Row
from attention.inference.compare import Models
from attention.pictures.reading import MESSAGES
from attention.web.tabs import many
from attention.web.texts import text

pytestmark = pytest.mark.full_width

CLASSES = ("church", "golf ball", "parachute")
ROWS = [
    Row("church/<a>.jpg", 0, {"baseline": 0, "se-block": 1}, {"baseline": 0.9, "se-block": 0.4}),
    Row("church/b.jpg", 0, {"baseline": 0, "se-block": 0}, {"baseline": 0.8, "se-block": 0.7}),
    Row("c.jpg", None, problem="This picture is cut off."),
]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_table_has_a_row_a_picture_and_marks_what_is_wrong(lang):
    html = many.table_html(lang, ROWS, CLASSES)
    assert html.count("<tr") == 1 + 3 and html.count('class="wrong"') == 1 and "&lt;a&gt;" in html
    assert "This picture is cut off." in html and html.count(" data-disputed") == 1
    heads = re.findall(r"<th scope=\"col\"[^>]*><button[^>]*>([^<]+)", html)
    assert len(heads) == 5 and text(lang, "many_label") in heads


def test_only_disputed_rows_and_a_word_where_there_are_none():
    assert many.table_html("en", ROWS, CLASSES, disputed=True).count("<tr") == 2
    assert text("en", "many_no_dispute") in many.table_html("en", ROWS[1:], CLASSES, disputed=True)
    unlabelled = [Row("x.jpg", None, {"baseline": 1}, {"baseline": 0.5})]
    assert text("en", "many_label") not in many.table_html("en", unlabelled, CLASSES)


def test_the_summary_counts_and_gives_the_accuracy_with_its_interval():
    html = many.summary_html("en", ROWS, 5)
    assert "3 of 5 photos done; the models disagree on 1, and 1 could not be read." in html and "<progress" in html
    assert "Baseline: 100.0%" in html and "2 of 2" in html and "50.0% (9.5% – 90.5%), 1 of 2" in html
    assert "<progress" not in many.summary_html("en", ROWS, 3)
    assert "<ul" not in many.summary_html("en", ROWS[2:], 1)


def test_real_pictures_stream_in_and_are_saved_as_csv(tmp_path):
    models = Models("imagenette", "cpu")
    paths = [str(ROOT / "samples" / f"{name}.jpg") for name in ("church", "golf-ball")]
    steps = list(many.stream(paths, ["baseline", "se-block"], models, "en"))
    assert steps[0][1] == [] and [row.name for row in steps[-1][1]] == ["church.jpg", "golf-ball.jpg"]
    assert "2 of 2 photos done" in steps[-1][0]
    assert all(max(row.thumbnail.size) <= 96 for row in steps[-1][1])
    saved = pd.read_csv(many.csv_file(steps[-1][1], models.dataset.class_names, tmp_path))
    assert saved["image"].tolist() == ["church.jpg", "golf-ball.jpg"] and saved["baseline"].tolist()[0] == "church"


@pytest.mark.parametrize(
    ("paths", "names", "said"),
    [(None, ["baseline"], text("en", "many_empty")), (["x.jpg"], [], text("en", "no_models")), (["x.jpg"], ["baseline"], "x.jpg is not there")],
)  # fmt: skip
def test_nothing_to_run_is_said(paths, names, said):
    (step,) = many.stream(paths, names, Models("imagenette", "cpu"), "en")
    assert said in step[0] and step[1] == []


def test_too_many_are_refused_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "MAX_PICTURES", 1)
    paths = [str(ROOT / "samples" / f"{name}.jpg") for name in ("church", "golf-ball")]
    (step,) = many.stream(paths, ["baseline"], Models("imagenette", "cpu"), "en")
    assert "at most 1" in step[0]


def test_visitors_name_files_and_no_folder(tmp_path, monkeypatch):
    """The folder of uploads is one that a visitor may name, and everybody's photos lie in it."""
    (tmp_path / "photo.jpg").write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe")
    files, photo = many.Files(file_count="multiple"), str(tmp_path / "photo.jpg")

    def given(*paths):
        return files.preprocess(ListFiles(root=[FileData(path=str(path)) for path in paths]))

    assert files.preprocess(None) is None and given(photo, photo) == [photo, photo]
    for lang in ("en", "zh"):
        monkeypatch.setattr(many, "language_of_event", lambda lang=lang: lang)
        for other in (tmp_path, tmp_path / "pipe", tmp_path / "nowhere.jpg"):
            with pytest.raises(gr.Error) as refused:
                given(photo, other)
            assert refused.value.message == MESSAGES[lang]["missing"]
