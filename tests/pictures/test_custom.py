"""Folders of one's own: what is taken in, what is skipped, what is refused in which words, and what becomes of it."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

import app
from attention.cli.main import main
from attention.cli.train import OWN_VARIANTS
from attention.core.paths import RESULTS
from attention.inference.model_sets import ModelSets
from attention.models import checkpoints
from attention.pictures import custom, datasets, samples, splits
from attention.pictures.custom import HELD_OUT, take
from attention.pictures.datasets import DataError
from attention.pictures.preprocessing import STUDY, to_tensor
from attention.pictures.reading import limits, read_image
from attention.training import publish
from attention.training.recipes import RECIPES, recipe_for, steps
from attention.training.records import run_folder


@pytest.fixture
def shapes(tmp_path, draw_shapes, own_root) -> Path:
    return draw_shapes(tmp_path / "Meine Formen", circle=12, square=10, triangle=3)


def one_sentence(capsys) -> str:
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and err.rstrip()[-1] in ".?", err
    return err


# what is taken in


def test_the_first_and_every_fifth_of_a_class_are_held_out(shapes):
    taken = take(shapes)
    expected = {
        f"{kind}/{i:02}.png" for kind, n in (("circle", 12), ("square", 10), ("triangle", 3)) for i in range(0, n, 5)
    }
    assert HELD_OUT == 5 and set(taken.val.paths) == expected
    assert not expected & set(taken.train.paths) and len(taken.train) + len(taken.val) == 25
    assert taken.dataset.class_names == ("circle", "square", "triangle")
    for split in (taken.train, taken.val):
        assert [taken.dataset.class_names[label] for label in split.labels] == [
            path.split("/")[0] for path in split.paths
        ]
        for image, path in zip(split.images, split.paths, strict=True):
            assert torch.equal(image, to_tensor([STUDY.resized(read_image(shapes / path).image)])[0])


def test_train_and_val_are_taken_as_they_are(tmp_path, draw_shapes, own_root):
    folder = tmp_path / "split"
    draw_shapes(folder / "train", circle=3, square=1)
    draw_shapes(folder / "val", circle=1, square=2)
    draw_shapes(folder / "spare", circle=1)
    taken = take(folder)
    assert len(taken.train) == 4 and taken.val.labels.tolist() == [0, 1, 1]
    assert all(path.startswith("val/") for path in taken.val.paths)
    assert any("spare" in note for note in taken.notes)


def test_a_class_may_be_called_train(tmp_path, draw_shapes, own_root):
    assert take(draw_shapes(tmp_path / "vehicles", car=4, train=4)).dataset.class_names == ("car", "train")


def test_what_was_taken_in_can_be_loaded_again(shapes):
    taken = take(shapes)
    for name, split in (("train", taken.train), ("val", taken.val)):
        again = splits.load("Meine-Formen", name)
        assert again.paths == split.paths and torch.equal(again.labels, split.labels)
        assert torch.equal(again.images, split.images)
    assert datasets.dataset("Meine-Formen") == taken.dataset
    assert take(shapes).dataset == taken.dataset and not take(shapes).changed


def test_any_name_and_any_depth(tmp_path, draw_shapes, own_root):
    folder = draw_shapes(tmp_path / "照片 与 фото", circle=4, square=4)
    (folder / "circle").rename(folder / "круг и 圆")
    inside = folder / "square" / "from the sea" / "2024"
    inside.mkdir(parents=True)
    Image.new("RGB", (30, 20), "navy").save(inside / "Ünïcode näme №1.JPG")
    Image.new("RGB", (30, 20), "teal").save(inside / "png inside.jpg", "PNG")
    taken = take(folder)
    assert taken.dataset.name == "照片-与-фото" and "круг и 圆" in taken.dataset.class_names
    assert len(taken.train) + len(taken.val) == 10 and not taken.skipped
    assert splits.load(taken.dataset.name, "val").paths == taken.val.paths


def test_photographs_are_turned_upright(tmp_path, draw_shapes, own_root):
    folder = draw_shapes(tmp_path / "turned", circle=2, square=2)
    upright = Image.new("RGB", (64, 32), "white")
    upright.paste("black", (0, 0, 32, 32))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees to the right
    upright.rotate(90, expand=True).save(folder / "circle" / "a.png", exif=exif)
    taken = take(folder)
    index = (taken.val.paths + taken.train.paths).index("circle/a.png")
    images = torch.cat([taken.val.images, taken.train.images])
    assert images[index, :, :, 10].float().mean() < 5 and images[index, :, :, 150].float().mean() > 250


def test_what_is_no_picture_is_skipped_and_named(shapes, tmp_path, capsys):
    circle, data = shapes / "circle", (shapes / "circle" / "00.png").read_bytes()
    (circle / "cut.png").write_bytes(data[: len(data) // 2])
    (circle / "empty.jpg").write_bytes(b"")
    (circle / "notes.txt").write_text("no picture")
    (circle / "huge.jpg").write_bytes(b"\xff\xd8\xff" + bytes(limits.bytes))
    (circle / "again.png").write_bytes(data)
    (circle / "nowhere.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(circle / "pipe.png")
    hidden = [circle / ".DS_Store", circle / "._00.png", circle / ".git" / "00.png", shapes / "__MACOSX" / "00.png"]
    for path in hidden:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"hidden")
    (shapes / "README.txt").write_text("beside the classes")
    taken = take(shapes)
    assert len(taken.train) + len(taken.val) == 25
    assert {Path(path).name: why for path, why in taken.skipped.items()} == {
        "cut.png": "This picture is cut off or damaged; send it again, or save it anew as JPEG or PNG.",
        "empty.jpg": "This file is empty; choose another picture.",
        "notes.txt": "This file is not a picture that can be read; choose a JPEG, PNG, WebP, GIF, BMP or TIFF file.",
        "huge.jpg": "This file is larger than 20 MB; save the picture smaller and try again.",
        "again.png": "This is the same picture as circle/00.png.",
        "nowhere.png": "This is no file, or a link that leads nowhere.",
        "pipe.png": "This is no file, or a link that leads nowhere.",
    }
    said = "\n".join(custom.report(taken))
    assert "Skipped 7 of 32 files" in said and all(path in said for path in taken.skipped)
    assert "README.txt" in said


def test_a_name_that_is_no_text_is_skipped_too(shapes):
    shutil.copy(shapes / "square" / "01.png", os.fsencode(shapes / "square") + b"/\xff.png")
    (path, why), *others = take(shapes).skipped.items()
    assert path == "square/?.png" and "rename it" in why and not others


# what is refused


def build_nothing(folder, draw):
    pass


def build_file(folder, draw):
    folder.write_text("no folder")


def build_empty(folder, draw):
    folder.mkdir()


def build_loose_pictures(folder, draw):
    draw(folder, circle=2)
    (folder / "circle" / "00.png").rename(folder / "00.png")
    shutil.rmtree(folder / "circle")


def build_one_class(folder, draw):
    draw(folder, circle=6)


def build_one_level_too_high(folder, draw):
    draw(folder / "unpacked", circle=3, square=3)


def build_empty_class(folder, draw):
    draw(folder, circle=6, square=6)
    (folder / "triangle").mkdir()


def build_only_broken(folder, draw):
    draw(folder, circle=6, square=2)
    for path in (folder / "square").iterdir():
        path.write_text("no picture")


def build_one_picture(folder, draw):
    draw(folder, circle=6, square=1)


def build_one_name_twice(folder, draw):
    draw(folder, circle=6, Circle=6)


def build_one_name_in_two_forms(folder, draw):
    draw(folder, **{"café": 3, "cafe\u0301": 3})


def build_train_alone(folder, draw):
    draw(folder / "train", circle=3, square=3)
    draw(folder / "test", circle=3, square=3)


def build_class_missing_in_val(folder, draw):
    draw(folder / "train", circle=3, square=3, triangle=3)
    draw(folder / "val", circle=3, square=3)


def build_val_empty_of_a_class(folder, draw):
    draw(folder / "train", circle=3, square=3)
    draw(folder / "val", circle=3, square=0)


BAD_FOLDERS = [
    (build_nothing, "is not there"),
    (build_file, "is a file"),
    (build_empty, "has no sub-folders"),
    (build_loose_pictures, "has no sub-folders"),
    (build_one_class, "has one class, 'circle'"),
    (build_one_level_too_high, "Did you mean --data bad/unpacked?"),
    (build_empty_class, "'triangle' has no photograph"),
    (build_only_broken, "'square' has no photograph that can be read"),
    (build_one_picture, "'square' has 1 photograph that can be read; it takes 2"),
    (build_one_name_twice, "'Circle' and 'circle' name one class"),
    (build_one_name_in_two_forms, "name one class"),
    (build_train_alone, "none under val/"),
    (build_class_missing_in_val, "'triangle' has no folder in val/"),
    (build_val_empty_of_a_class, "'square' in val/ has no photograph"),
]


@pytest.mark.parametrize(("build", "words"), BAD_FOLDERS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_bad_folder_is_one_sentence_and_nothing_is_written(build, words, tmp_path, draw_shapes, own_root, capsys):
    build(tmp_path / "bad", draw_shapes)
    before = sorted(tmp_path.rglob("*"))
    assert main(["train", "--data", str(tmp_path / "bad")]) == 2
    assert words in one_sentence(capsys)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--name", "a/b"], "--name takes letters"),
        (["--name", ""], "--name takes letters"),
        (["--name", "imagewoof"], "a data set of the study"),
        (["--dataset", "imagenette"], "leave --dataset"),
        (["--hold-out"], "leave --dataset, --download and --hold-out"),
        (["--seed", "0", "--threads", "0"], "--threads"),
    ],
)
def test_bad_arguments_are_one_sentence(arguments, words, shapes, capsys):
    assert main(["train", "--data", str(shapes), *arguments]) == 2
    assert words in one_sentence(capsys)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Which model?"),
        (["--name", "shapes"], "--name goes with --data"),
        (["--dataset", "Meine-Formen", "--hold-out"], "--hold-out is for tuning"),
        (["--dataset", "Meine-Formen", "--download"], "nothing to download"),
    ],
)
def test_what_goes_with_a_folder_alone_or_not_at_all(arguments, words, shapes, capsys):
    take(shapes)
    assert main(["train", *arguments]) == 2
    assert words in one_sentence(capsys)


def test_a_folder_without_a_name_needs_one(tmp_path, draw_shapes, own_root):
    folder = draw_shapes(tmp_path / "...!", circle=2, square=2)
    with pytest.raises(DataError, match="--name NAME"):
        take(folder)
    assert take(folder, "shapes").dataset.name == "shapes"


def test_a_name_belongs_to_one_folder(tmp_path, draw_shapes, own_root):
    first, second = (draw_shapes(tmp_path / place / "photos", circle=2, square=2) for place in ("a", "b"))
    take(first)
    with pytest.raises(DataError, match="name of .*a/photos already.*--name NAME"):
        take(second)
    first.rename(tmp_path / "moved")  # then it is the same folder in another place
    assert not take(tmp_path / "moved", "photos").changed
    assert datasets.require("photos") == tmp_path / "moved"


def test_an_unknown_data_set_is_answered_with_ones_own_too(shapes, capsys):
    take(shapes)
    for command in (["list"], ["evaluate"], ["publish"], ["train"], ["compare", "x.png"], ["sweep", "--dry-run"]):
        assert main([*command, "--dataset", "../own"]) == 2
        assert one_sentence(capsys).endswith("Known: everyday, imagenette, imagewoof, Meine-Formen.\n")


# what becomes of it


def test_other_photographs_begin_new_runs_and_lose_none(shapes):
    before = take(shapes).dataset
    old = run_folder("baseline", before.name, RECIPES["smoke"], 0)
    old.mkdir(parents=True)
    (shapes / "circle" / "00.png").write_bytes((shapes / "circle" / "01.png").read_bytes() + b"\0")
    taken = take(shapes)
    assert (
        taken.changed and taken.dataset.fingerprint != before.fingerprint and "anew" in "\n".join(custom.report(taken))
    )
    assert run_folder("baseline", before.name, RECIPES["smoke"], 0) != old and old.is_dir()


@pytest.mark.parametrize("change", ["gone", "broken", "another", "folder"])
def test_a_folder_that_changed_since_is_noticed(change, shapes):
    take(shapes)
    path = shapes / "circle" / "00.png"
    if change == "folder":
        shapes.rename(shapes.with_name("elsewhere"))
    elif change == "gone":
        path.unlink()
    else:
        path.write_bytes(b"" if change == "broken" else (shapes / "square" / "00.png").read_bytes())
    with pytest.raises(DataError, match="train --data FOLDER --name Meine-Formen"):
        splits.load("Meine-Formen", "val")


@pytest.mark.parametrize("damage", ["{", "{}", "[]", '{"name": 1}'])
def test_a_damaged_registration_says_what_to_do(damage, shapes, own_root):
    take(shapes)
    (own_root / "Meine-Formen" / "dataset.json").write_text(damage)
    with pytest.raises(DataError, match="damaged.*train --data FOLDER --name Meine-Formen"):
        datasets.dataset("Meine-Formen")
    assert take(shapes).dataset == datasets.dataset("Meine-Formen")


def test_recipes_by_size():
    assert [recipe_for(count).name for count in (2, 399, 400, 3799, 3800, 10**6)] == ["tiny"] * 2 + ["small"] * 2 + [
        "cpu"
    ] * 2
    assert steps(RECIPES["tiny"], 2) == 100 and steps(RECIPES["cpu"], 9469) == 16 * 73
    longest = RECIPES["cpu"].epochs * 9469
    assert all(recipe_for(count).epochs * count <= longest * 1.01 for count in range(2, 9469, 97))


def test_trained_published_compared_and_never_among_the_studys_results(shapes, own_root, capsys):
    """The whole walk on the command line, with the recipe for tests; trains three small models."""
    committed = {path: path.stat().st_mtime_ns for path in RESULTS.rglob("*")}
    assert main(["train", "--data", str(shapes), "--recipe", "smoke"]) == 0
    said = capsys.readouterr().out
    assert "3 classes, 19 photographs to learn from and 6 held out" in said and "expect little" in said
    for name in OWN_VARIANTS:
        assert f"python app.py --dataset Meine-Formen now offers {name}." in said
    manifest = json.loads((own_root / "Meine-Formen" / "manifest.json").read_text())
    assert list(manifest["models"]) == OWN_VARIANTS and list(manifest["classes"]) == ["circle", "square", "triangle"]
    assert checkpoints.load("baseline", "Meine-Formen").fc.out_features == 3

    shapes.rename(shapes.with_name("gone"))  # the page and these need no photographs
    assert main(["list", "--dataset", "Meine-Formen"]) == 0
    assert f"{manifest['models']['baseline']['accuracy']:.2%}" in capsys.readouterr().out
    photo = str(shapes.with_name("gone") / "circle" / "00.png")
    assert main(["compare", photo, "--dataset", "Meine-Formen", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["foreign"] is None and {len(model["top5"]) for model in row["models"]} == {3}
    assert samples.photographs("Meine-Formen") == [] and samples.all_samples("Meine-Formen")[0].kind == "other"

    shapes.with_name("gone").rename(shapes)
    assert len(samples.photographs("Meine-Formen")) == 6
    assert main(["train", "--dataset", "Meine-Formen", "--variant", "se-block", "--recipe", "smoke"]) == 0
    assert checkpoints.available("Meine-Formen") == ["baseline", "se-block", "attention-pool-head"]
    assert main(["evaluate", "--dataset", "Meine-Formen"]) == 0
    assert "BUT" not in capsys.readouterr().out
    assert main(["publish", "--dataset", "Meine-Formen", "--recipe", "smoke"]) == 0
    assert main(["download", "--dataset", "Meine-Formen"]) == 2
    assert committed == {path: path.stat().st_mtime_ns for path in RESULTS.rglob("*")}


def test_the_page_keeps_the_published_models_until_the_next_are_trained(shapes, own_root, capsys):
    name, train = "Meine-Formen", ["train", "--data", str(shapes), "--recipe", "smoke", "--variant"]
    assert main([*train, "baseline", "se-block"]) == 0
    sets = ModelSets(name, "cpu")
    before = sets[name]
    assert sets[name] is before and sets.names[-1] == name and before.dataset.class_names[0] == "circle"

    (shapes / "circle").rename(shapes / "disc")
    taken = take(shapes)  # as a training run that is killed at once
    assert taken.changed and taken.dataset.class_names == ("disc", "square", "triangle")
    assert ModelSets(name, "cpu")[name].dataset.class_names == ("circle", "square", "triangle")
    assert main(["evaluate", "--dataset", name]) == 2

    assert main([*train, "baseline"]) == 0
    assert "No longer offered" in capsys.readouterr().out
    assert sets[name] is not before and sets[name].names == ["baseline"]
    assert sets[name].dataset.class_names == ("disc", "square", "triangle")
    with pytest.raises(DataError, match="Known: everyday, imagenette, imagewoof, Meine-Formen"):
        sets["../own"]


def test_altered_weights_of_ones_own_are_refused(shapes, own_root):
    assert main(["train", "--data", str(shapes), "--recipe", "smoke", "--variant", "baseline"]) == 0
    (own_root / "Meine-Formen" / "baseline.safetensors").write_bytes(b"altered")
    with pytest.raises(checkpoints.CheckpointError, match="publish --dataset Meine-Formen"):
        checkpoints.load("baseline", "Meine-Formen")
    manifest = own_root / "Meine-Formen" / "manifest.json"
    manifest.write_text("{")
    with pytest.raises(checkpoints.CheckpointError, match="Remove .*manifest.json. .*publish --dataset Meine-Formen"):
        ModelSets("Meine-Formen", "cpu")
    manifest.unlink()
    assert publish.publish("Meine-Formen", "smoke") == ["baseline"]
    assert checkpoints.load("baseline", "Meine-Formen").fc.out_features == 3


@pytest.mark.parametrize(
    ("name", "words"), [("nobody", "Known: everyday, imagenette, imagewoof"), ("Meine-Formen", "No model of")]
)
def test_the_page_does_not_begin_with_what_is_not_there(name, words, shapes, capsys):
    take(shapes)
    assert app.main(["--dataset", name]) == 2
    assert words in one_sentence(capsys)
