"""Many pictures: what is read, what is passed over, who disagrees, and how many are right."""

import shutil
import zipfile

import pandas as pd
import pytest
from PIL import Image

from attention.cli.main import main
from attention.core import deadlines
from attention.core.intervals import accuracy_interval
from attention.core.paths import ROOT
from attention.inference import batch
from attention.inference.batch import Accuracy, BatchError, Row
from attention.inference.compare import Models, compare
from attention.pictures.datasets import DATASETS
from attention.pictures.reading import UploadError, limits, read_image

pytestmark = pytest.mark.full_width

NAMES = ["baseline", "se-block"]


@pytest.fixture
def folder(tmp_path):
    """Two labelled photographs, one without a label, and what has to be passed over or fails alone."""
    root = tmp_path / "photos"
    for name, target in (("church", "church/a.jpg"), ("golf-ball", "n03445777/b.JPG"), ("parachute", "c.jpg")):
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "samples" / f"{name}.jpg", root / target)
    (root / "church" / "broken.jpg").write_bytes((root / "church" / "a.jpg").read_bytes()[:900])
    (root / "church" / ".hidden.jpg").write_bytes(b"")
    (root / "notes.txt").write_text("not a picture")
    return root


def zipped(folder):
    path = folder.parent / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*.*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder))
        archive.writestr("__MACOSX/church/._a.jpg", b"double")
    return path


@pytest.mark.parametrize("given", ["folder", "zip"])
def test_a_folder_and_its_zip_give_the_same_rows(folder, given):
    pictures = batch.gather([folder if given == "folder" else zipped(folder)])
    assert [p.name for p in pictures] == ["c.jpg", "church/a.jpg", "church/broken.jpg", "n03445777/b.JPG"]
    models = Models("imagenette", "cpu")
    rows = list(batch.run(pictures, NAMES, models))
    assert [row.label for row in rows] == [None, 4, 4, 8]
    assert [bool(row.problem) for row in rows] == [False, False, True, False]
    expected = {r.name: r for r in compare(read_image(folder / "church" / "a.jpg").image, NAMES, models)}
    assert rows[1].chosen == {name: expected[name].top1 for name in NAMES}
    assert rows[1].probabilities["baseline"] == pytest.approx(expected["baseline"].probabilities.max(), abs=1e-6)
    table = batch.table(rows, models.dataset.class_names)
    assert list(table) == ["image", "label", "baseline", "baseline %", "se-block", "se-block %", "agreement", "problem"]
    assert table["label"].tolist()[1] == "church" and "cut off" in table["problem"][2]
    assert batch.accuracies(rows)["baseline"].of == 2, "the broken one and the one without a label do not count"


def test_agreement_dispute_and_accuracy_of_rows_made_by_hand():
    rows = [
        Row("a", 1, {"x": 1, "y": 1, "z": 2}, dict.fromkeys("xyz", 0.5)),
        Row("b", 0, {"x": 0, "y": 0, "z": 0}, dict.fromkeys("xyz", 0.9)),
        Row("c", None, {"x": 2, "y": 1, "z": 2}, dict.fromkeys("xyz", 0.4)),
        Row("d", 0, problem="This picture is cut off."),
    ]
    assert [row.is_disputed for row in rows] == [True, False, True, False]
    assert rows[0].agreement == pytest.approx(2 / 3) and rows[3].agreement == 0
    found = batch.accuracies(rows)
    assert found["x"] == Accuracy(2, 2, *accuracy_interval(2, 2)) and found["z"].right == 1
    assert batch.accuracies(rows[2:]) == {}
    assert "problem" not in batch.table(rows[:3], ("p", "q", "r")) and "label" in batch.table(rows, ("p", "q", "r"))
    assert "label" not in batch.table(rows[2:3], ("p", "q", "r"))


@pytest.mark.parametrize(
    ("name", "label"),
    [("church/a.jpg", 4), ("x/Golf_Ball/a.jpg", 8), ("n01440764/a.jpg", 0), ("a.jpg", None), ("cats/a.jpg", None)],
)
def test_a_folder_names_its_class_by_title_or_number(name, label):
    assert batch.label_of(name, DATASETS["imagenette"]) == label


def test_nothing_and_too_much_get_a_sentence(tmp_path, monkeypatch):
    with pytest.raises(BatchError, match="There is no picture here"):
        batch.gather([tmp_path])
    for number in range(3):
        Image.new("RGB", (4, 4)).save(tmp_path / f"{number}.png")
    monkeypatch.setattr(batch, "MAX_PICTURES", 2)
    with pytest.raises(BatchError, match="These are 3 pictures or more; at most 2"):
        batch.gather([tmp_path])


def test_a_member_that_unpacks_to_too_much_and_a_damaged_zip_cost_their_own_rows(tmp_path):
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("church/huge.png", b"\0" * (3 * limits.bytes))
        archive.writestr("../../outside.png", b"")
    (picture,) = batch.gather([bomb])  # a path that leads out is passed over
    with pytest.raises(UploadError, match="larger than"):
        picture.read()
    damaged = bytearray(bomb.read_bytes())
    damaged[60:90] = b"\xff" * 30
    bomb.write_bytes(damaged)
    with pytest.raises(UploadError, match="cut off or damaged"):
        batch.gather([bomb])[0].read()
    assert list(tmp_path.parent.glob("outside.png")) == [] and list(tmp_path.iterdir()) == [bomb]


def test_the_command_writes_the_table(folder, tmp_path, capsys):
    out = tmp_path / "table.csv"
    assert main(["batch", str(folder), "--models", ",".join(NAMES), "-o", str(out), "--device", "cpu"]) == 0
    said = capsys.readouterr()
    assert "3 pictures read, 1 not" in said.out and "of 2 named rightly" in said.out and "broken.jpg" in said.err
    assert len(pd.read_csv(out)) == 4
    assert main(["batch", str(tmp_path / "photos" / "notes.txt"), "--models", "nothing"]) == 2
    assert main(["batch", str(tmp_path / "nowhere")]) == 2
    assert "nowhere is not there" in capsys.readouterr().err


def test_pictures_that_cannot_be_read_have_a_deadline_too(folder):
    """No model runs on them, and reading one may take seconds."""
    broken = batch.gather([folder / "church" / "broken.jpg"] * 3)
    models, read = Models("imagenette", "cpu"), []
    with deadlines.within(60):
        rows = batch.run(broken, NAMES, models)
        read.append(next(rows).problem)
        with deadlines.within(-1), pytest.raises(deadlines.TimeUp):
            next(rows)
    assert "cut off" in read[0]


def test_what_lists_nothing_has_a_deadline_too(tmp_path):
    with deadlines.within(-1), pytest.raises(deadlines.TimeUp):
        batch.gather([tmp_path])


def test_what_is_too_much_is_refused_before_all_of_it_is_listed(folder, monkeypatch):
    """A request has room for forty thousand paths of one zip with five thousand entries."""
    opened = []
    entries = batch._entries
    monkeypatch.setattr(batch, "_entries", lambda path: opened.append(path) or entries(path))
    monkeypatch.setattr(batch, "MAX_PICTURES", 9)
    with pytest.raises(BatchError, match="at most 9"):
        batch.gather([zipped(folder)] * 100)
    assert len(opened) == 3


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("=cmd|'/c calc'!A0", "'=cmd|'/c calc'!A0"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "' =1"),
        ("\r\n=1", "'  =1"),
        ("a\r=1", "a =1"),
        ("＝1", "'＝1"),
        ("\u200b=1", "'=1"),
        ("\x01\ufeff@a", "'@a"),
        ("a=b-c", "a=b-c"),
    ],
)
def test_a_name_is_no_formula_in_a_spreadsheet(name, written, tmp_path):
    """Also not of a class: a folder of one's own may hold other people's folders."""
    table = batch.table([Row(f"{name}.jpg", 0, {"x": 0}, {"x": 0.5})], (name, "church"))
    table.to_csv(tmp_path / "table.csv", index=False)
    (line,) = pd.read_csv(tmp_path / "table.csv").to_dict("records")
    assert line == {"image": f"{written}.jpg", "label": written, "x": written, "x %": 50.0, "agreement": 1.0}
