"""The sheet that a person looks at: written, as large as what is on it, and never blank."""

import numpy as np
import pytest
from PIL import Image

from attention.cli.main import main
from attention.core.files import write_json
from attention.models import checkpoints
from attention.web import contact_sheet
from attention.web.contact_sheet import CELL, GAP, HEAD, LABEL, LINE

NAMES = ["baseline", "se-block", "cbam-block", "attention-pool-head"]


@pytest.fixture
def few(published):
    """Only NAMES are published."""
    manifest = checkpoints.read_manifest()
    manifest["models"] = {name: manifest["models"][name] for name in NAMES}
    write_json(published / "manifest.json", manifest)


def cell(sheet: Image.Image, row: int, column: int) -> np.ndarray:
    image, kind = divmod(column, 2)
    left = LABEL + image * (2 * CELL + 3 * GAP) + kind * (CELL + GAP)
    top = HEAD + row * (CELL + GAP + LINE)
    return np.asarray(sheet.crop((left, top, left + CELL, top + CELL))).astype(int)


def test_a_sheet_without_a_data_set_shows_the_samples(few, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ATTENTION_DATA", str(tmp_path / "nothing"))
    monkeypatch.setattr("attention.core.paths.DEFAULT_ROOT", tmp_path / "nothing")
    assert main(["contact-sheet", "--dataset", "imagenette", "--device", "cpu", "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.strip().endswith("imagenette.png")
    with Image.open(tmp_path / "out" / "imagenette.png") as sheet:
        assert sheet.height == HEAD + len(NAMES) * (CELL + GAP + LINE)
        pictures = [title for title, _ in contact_sheet.default_images("imagenette")]
        assert len(pictures) == 4
        for row in range(len(NAMES)):
            for column in range(2 * len(pictures)):
                shown = cell(sheet, row, column)
                assert shown.std() > 3, (
                    row,
                    column,
                    "the baseline says that it has no attention, the others show theirs",
                )
            label = np.asarray(sheet.crop((0, HEAD + row * 198, LABEL, HEAD + row * 198 + 30)))
            assert label.min() < 60, "the model's name"


def test_a_row_a_module_and_images_of_ones_own(few, tmp_path):
    picture = Image.effect_noise((64, 40), 80).convert("RGB")
    done = []
    path = contact_sheet.write("imagenette", tmp_path, [("noise", picture)], True, "cpu", done.append)
    modules = 1 + 8 + 16 + 1  # of the baseline one row without attention
    with Image.open(path) as sheet:
        assert path.name == "imagenette.modules.png" and done == NAMES
        assert sheet.size == (LABEL + 2 * CELL + 3 * GAP, HEAD + modules * (CELL + GAP + LINE))


def test_a_map_that_shows_nothing_is_said(few):
    photo = Image.effect_noise((CELL, CELL), 80).convert("RGB")
    scale = contact_sheet.Scale(1.0, "weight")
    for values in (np.zeros((4, 4)), np.full((4, 4), np.nan)):
        drawn = np.asarray(contact_sheet._on_photo(photo, values, scale))
        assert np.unique(drawn.reshape(-1, 3)[:CELL], axis=0).tolist() == [list(contact_sheet.SOFT)]
        assert drawn.min() < 150, "words"


def test_bars_stand_for_the_weights():
    m = contact_sheet.AttentionMap("a.gate", "gate", "channels", np.array([1.0, 0.0, 0.5, 0.5], np.float32))
    drawn = np.asarray(contact_sheet._bars([m], {}, contact_sheet.Scale(1.0, "weight"), "#0000ff"))
    filled = (drawn == [0, 0, 255]).all(axis=2).mean(axis=0)  # the share of each column
    assert filled[[20, 60, 120]] == pytest.approx([0.98, 0, 0.49], abs=0.02)
    with_means = contact_sheet._bars(
        [m], {m.path: np.array([0.1, 0.9, 0.5, 0.4])}, contact_sheet.Scale(1.0, "weight"), "blue"
    )
    assert (np.asarray(with_means) == contact_sheet.INK).all(axis=2).any(), "the line of the means"


def test_a_bad_image_is_one_sentence(few, tmp_path, capsys):
    bad = tmp_path / "bad.png"
    bad.write_text("not a picture")
    assert main(["contact-sheet", "--images", str(bad), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("bad.png: This file is not a picture") and not (tmp_path / "out").exists()
