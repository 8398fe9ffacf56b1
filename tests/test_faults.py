"""Faults, each caused: damaged tables and checkpoints, time that is up, no place for files. The page goes on and says so."""

import asyncio
import builtins
import errno
import io
import json
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from faults import Disk

from attention.cli.main import main
from attention.core import deadlines
from attention.core.files import WriteError, write_json
from attention.core.paths import ROOT
from attention.inference import out_of_distribution, precision
from attention.inference.compare import Models, compare
from attention.inference.model_sets import ModelSets
from attention.inference.questions import Examiner
from attention.models import checkpoints
from attention.models.checkpoints import CheckpointError, read_manifest
from attention.pictures.reading import read_image
from attention.serving.health import Health
from attention.serving.refusals import MESSAGES
from attention.study import class_means, lookup, map_scores
from attention.training import publish
from attention.web import language
from attention.web.measured import measured
from attention.web.server import ServeError, check_disk
from attention.web.tabs import many
from attention.web.tabs.benchmarks import tab as benchmarks
from attention.web.texts import text

pytestmark = pytest.mark.served

PHOTO = read_image(ROOT / "samples" / "church.jpg").image

DAMAGED = {
    "cut": b"dataset,variant,acc",
    "another": b"a,b\n1,2\n",
    "binary": bytes(range(256)) * 20,
    "ragged": b"dataset,variant\n1,2\n1,2,3,4,5\n",
    "words": b"dataset,variant,recipe,verdict,accuracy,low,high,seeds,difference_points\na,b,c,d,e,f,g,h,i\n",
    "empty": b"",
}


@pytest.fixture(params=DAMAGED)
def damage(request, tmp_path, monkeypatch):
    """damage(module, name) puts a damaged file in place of the one that module.name names."""

    def put(module, name: str):
        file = tmp_path / getattr(module, name).name
        file.write_bytes(DAMAGED[request.param])
        monkeypatch.setattr(module, name, file)
        return request.param

    return put


@pytest.mark.parametrize("name", ["ACCURACY_FILE", "LATENCY_FILE", "MECHANISMS_FILE"])
def test_a_damaged_table_is_left_out_and_named(damage, name):
    kind = damage(lookup, name)
    top, *_ = benchmarks._render("en", "imagenette")
    named = f"{getattr(lookup, name).name} is damaged"
    if name != "MECHANISMS_FILE":
        assert (named in top) == (kind != "empty")
    assert measured("imagenette", "cpu")["baseline"] is not None
    assert lookup.machines("cpu") == [] or name != "LATENCY_FILE"
    assert ("Pinned" not in top) and "Traceback" not in top


def test_the_whole_table_comes_back_with_the_file(damage, monkeypatch):
    whole = lookup.ACCURACY_FILE
    damage(lookup, "ACCURACY_FILE")
    benchmarks._render("en", "imagenette")
    monkeypatch.setattr(lookup, "ACCURACY_FILE", whole)
    assert "is damaged" not in benchmarks._render("en", "imagenette")[0]


@pytest.mark.full_width
def test_models_answer_without_the_measurements_beside_them(damage):
    damage(precision, "RESULT_FILE")
    damage(out_of_distribution, "RESULT_FILE")
    models = Models("imagenette", "cpu")
    photo = read_image(sorted((ROOT / "samples").glob("*.jpg"))[0]).image
    (result,) = compare(photo, ["baseline"], models)
    assert result.dtype == "float32" and models.looks_foreign([result]) is None


def test_damaged_scores_of_maps_are_not_shown_and_not_overwritten(damage):
    kind = damage(map_scores, "RESULT_FILE")
    assert map_scores.read().empty and map_scores.threshold("imagenette", "baseline", "activation") is None
    if kind in ("binary", "ragged"):
        with pytest.raises(ValueError):
            map_scores._read(map_scores.RESULT_FILE, map_scores.COLUMNS)


# checkpoints, at the start and while models are in memory

FEW = ("baseline", "se-block", "cbam-block")


@pytest.fixture
def few(published):
    """A checkpoints folder of three models: its manifest's path."""
    manifest = json.loads((published / "manifest.json").read_text())
    manifest["models"] = {name: manifest["models"][name] for name in FEW}
    write_json(published / "manifest.json", manifest)
    return published / "manifest.json"


def answers(sets: ModelSets, *names: str) -> bool:
    return [result.name for result in compare(PHOTO, names, sets["imagenette"])] == list(names)


@pytest.mark.parametrize("spoil", [Path.unlink, lambda file: file.write_bytes(b"altered"), lambda file: file.chmod(0)])
def test_a_checkpoint_spoilt_at_the_start_is_left_out_and_comes_back_with_its_file(few, spoil):
    file = few.with_name("se-block.safetensors")
    data = file.read_bytes()
    spoil(file)
    if file.exists() and os.access(file, os.R_OK) and file.read_bytes() == data:
        file.unlink()  # root reads whatever it likes
        file.mkdir()
    sets = ModelSets("imagenette", "cpu")
    assert answers(sets, "baseline", "cbam-block") and list(sets.problems) == ["imagenette/se-block"]
    assert str(file) not in sets.problems["imagenette/se-block"]
    with pytest.raises(CheckpointError, match="se-block"):
        compare(PHOTO, ["se-block"], sets["imagenette"])
    if file.is_dir():
        file.rmdir()
    file.unlink(missing_ok=True)
    file.write_bytes(b"half of " + data[:1000])  # on its way back
    assert list(sets["imagenette"].problems) == ["se-block"]
    file.write_bytes(data)
    assert answers(sets, "se-block") and sets.problems == {}


def test_models_in_memory_go_on_without_their_files(few):
    sets = ModelSets("imagenette", "cpu")
    for name in FEW:
        few.with_name(f"{name}.safetensors").unlink()
    assert answers(sets, *FEW) and sets.problems == {}


MANIFESTS = {
    "half": lambda text: text[: len(text) // 2],
    "another shape": lambda text: '{"models": [1, 2]}',
    "entries without a file": lambda text: '{"models": {"baseline": {"sha256": "0"}}}',
    "nothing": lambda text: "",
    "null": lambda text: "null",
}


@pytest.mark.parametrize("kind", [*MANIFESTS, "binary", "gone"])
def test_a_manifest_spoilt_while_the_page_runs_is_named_and_not_followed(few, kind):
    text = few.read_text()
    sets = ModelSets("imagenette", "cpu")
    before = sets["imagenette"]
    if kind == "gone":
        few.unlink()
    else:
        few.write_bytes(bytes(range(256)) if kind == "binary" else MANIFESTS[kind](text).encode())
    with pytest.raises(CheckpointError) as caught:
        read_manifest("imagenette")
    assert str(few.parent) not in str(caught.value) and "git checkout checkpoints" in str(caught.value)
    assert sets["imagenette"] is before and answers(sets, *FEW)
    assert sets.problems == {"imagenette": str(caught.value)} and "imagenette" in sets.names
    healthy, said = Health(lambda: sets.first, problems=lambda: sets.problems)()
    assert healthy and said["status"] == "some files cannot be read" and said["problems"] == sets.problems
    assert measured("imagenette", "cpu")["baseline"] and class_means.read("imagenette", "baseline") == {}
    few.write_text(text)
    assert sets["imagenette"] is before and sets.problems == {}, "the same manifest again: nothing is loaded anew"


def test_a_new_manifest_is_followed(few):
    sets = ModelSets("imagenette", "cpu")
    manifest = json.loads(few.read_text())
    del manifest["models"]["cbam-block"]
    write_json(few, manifest)
    assert sets["imagenette"].names == ["baseline", "se-block"]


def test_a_data_set_that_cannot_be_loaded_yet_can_be_when_its_manifest_is_back(few):
    sets = ModelSets("imagenette", "cpu")
    other = few.parent.with_name("imagewoof") / "manifest.json"
    shutil.copytree(few.parent, other.parent)
    text = other.read_text()
    other.write_text(text[:100])
    for _ in range(2):
        with pytest.raises(CheckpointError, match="imagewoof"):
            sets["imagewoof"]
        assert answers(sets, "baseline")
    other.write_text(text)
    assert sets["imagewoof"].names == list(FEW)


def test_who_waits_for_a_data_set_to_load_holds_up_no_other(few, monkeypatch):
    sets = ModelSets("imagenette", "cpu")
    shutil.copytree(few.parent, few.parent.with_name("imagewoof"))
    begun, go_on, warm_up = threading.Event(), threading.Event(), Models.warm_up

    def slowly(models):
        begun.set()
        assert go_on.wait(60)
        warm_up(models)

    monkeypatch.setattr(Models, "warm_up", slowly)
    with ThreadPoolExecutor(2) as threads:
        waiting = threads.submit(sets.__getitem__, "imagewoof")
        try:
            assert begun.wait(60)
            assert threads.submit(answers, sets, "baseline").result(60) and not waiting.done()
        finally:
            go_on.set()
        assert waiting.result(60).names == list(FEW)


def test_what_is_verified_is_what_is_used(few, monkeypatch):
    """A file that is swapped after its sum was taken: it is read but once."""
    reads, read_bytes = [], Path.read_bytes

    def counted(path):
        data = read_bytes(path)
        if path.suffix == ".safetensors":
            reads.append(path.name)
            path.write_bytes(b"swapped")
        return data

    monkeypatch.setattr(Path, "read_bytes", counted)
    assert checkpoints.load("se-block").fc.out_features == 10 and reads == ["se-block.safetensors"]


# time


def test_work_is_given_up_between_models(few, monkeypatch):
    models = Models("imagenette", "cpu")
    assert len(list(compare(PHOTO, FEW, models))) == 3, "nobody set a limit"
    with deadlines.within(60):
        assert len(list(compare(PHOTO, FEW, models))) == 3
    ran, done, run = [], [], Models._run
    monkeypatch.setattr(Models, "_run", lambda *given: ran.append(given[1]) or run(*given))
    monkeypatch.setattr(deadlines, "is_past", lambda: len(ran) == 2)
    with pytest.raises(deadlines.TimeUp):
        done += [result for result in compare(PHOTO, FEW, models) if not done.append(result.name)]
    assert done == ran == ["baseline", "se-block"], "what was ready is given before"


def test_a_limit_holds_in_the_thread_of_a_handler_and_nowhere_else(in_a_thread):
    async def asked():
        with deadlines.within(-1):
            inside = await asyncio.to_thread(deadlines.is_past)
        return inside, await asyncio.to_thread(deadlines.is_past)

    assert in_a_thread(asked()) == (True, False)
    with deadlines.within(-1), deadlines.within(None):
        deadlines.check()  # loading models for everybody is nobody's time


@pytest.mark.parametrize("question", ["look", "deletion_and_insertion", "randomised"])
def test_a_question_is_given_up_too(few, question):
    examiner = Examiner(Models("imagenette", "cpu"))
    with deadlines.within(-1), pytest.raises(deadlines.TimeUp):
        found = getattr(examiner, question)(PHOTO, "baseline")
        list(found)


def test_many_pictures_that_take_too_long_keep_what_is_done(few, monkeypatch):
    done = []
    monkeypatch.setattr(deadlines, "is_past", lambda: bool(done))
    paths = [str(ROOT / "samples" / f"{name}.jpg") for name in ("church", "golf-ball")]
    steps = []
    for said, rows in many.stream(paths, ["baseline"], Models("imagenette", "cpu"), "en"):
        steps.append((said, rows))
        done += rows
    assert len(steps[-1][1]) == 1 and "ended after 1 of 2 pictures" in steps[-1][0] and "<progress" not in steps[-1][0]


def test_an_event_has_its_time_in_all_its_steps_together():
    queue = SimpleNamespace(event_ids_to_events={"a": SimpleNamespace(run_time=7.5)})
    page = SimpleNamespace(max_seconds=10, _queue=queue)
    left = [language.Page._seconds_left(page, event) for event in ("a", "b", None)]
    assert left == [2.5, 10, 10], "the queue knows what earlier steps took; what is not queued has one"
    assert language.Page._seconds_left(SimpleNamespace(max_seconds=None), "a") is None


# no place for files


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_befalls_the_server_is_told_and_what_is_a_mistake_is_not(lang):
    def said(error):
        return language.what_to_tell(error, lang, 300)

    assert said(deadlines.TimeUp()) == text(lang, "time_up", seconds=300)
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
        assert said(OSError(number, "x", "/a/path")) == text(lang, "no_place")
    assert said(WriteError("x")) == text(lang, "no_place") and said(FileNotFoundError(errno.ENOENT, "x")) is None


@pytest.fixture(params=["fill", "make_read_only"])
def spoilt(request, tmp_path):
    """A folder on a disk that is full, or read-only; skips nothing: where none can be mounted, writing fails as on one."""
    disk = Disk(tmp_path / "disk")
    if disk.is_real:
        getattr(disk, request.param)()
        yield disk.folder
        disk.unmount()
        return
    number = errno.ENOSPC if request.param == "fill" else errno.EROFS
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in ((Path, "mkdir"), (io, "open"), (builtins, "open")):
            patch.setattr(owner, name, _refused(getattr(owner, name), disk.folder, number))
        yield disk.folder


def _refused(make, folder: Path, number: int):
    def made(path, *arguments, **options):
        writes = "mode" in options or not arguments or "r" not in str(arguments[0])
        if str(path).startswith(str(folder)) and writes:
            raise OSError(number, os.strerror(number))
        return make(path, *arguments, **options)

    return made


@pytest.mark.parametrize(
    "command", ["compare {photo} --out {out}", "batch {photo} --out {out}/a.csv", "report {photo} --out {out}/a.html"]
)
def test_a_command_says_one_sentence_where_nothing_can_be_written(spoilt, few, command, capsys):
    words = command.format(photo=ROOT / "samples" / "church.jpg", out=spoilt / "results").split()
    assert main([*words, "--models", "baseline"]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith(("The disk is full: free some space", "disk/results")) and said.endswith((".", "kept."))


def test_publishing_and_measuring_say_it_too(spoilt, monkeypatch, capsys):
    monkeypatch.setattr("attention.study.latency.LATENCY_FILE", spoilt / "data" / "latency.csv")
    monkeypatch.setattr("attention.study.timing.WARM_UPS", 1)
    arguments = ["--variants", "baseline", "--device", "cpu", "--repeats", "1", "--wait", "0"]
    assert main(["benchmark", *arguments]) == 2
    run = spoilt.parent / "run"
    run.mkdir()
    write_json(run / "record.json", {"dataset": "imagenette", "recipe": "cpu", "filler": "x" * 5000})
    monkeypatch.setattr(publish, "run_folder", lambda *_: run)
    monkeypatch.setattr(publish, "RECORDS", spoilt / "records")
    assert main(["publish"]) == 2
    for sentence in capsys.readouterr().err.strip().splitlines()[-2:]:
        assert sentence.startswith("The disk is full: free some space") or " cannot be written (Read-only" in sentence


def test_the_health_of_a_page_that_cannot_keep_uploads(spoilt):
    models = SimpleNamespace(names=["a"], problems={}, prepare=lambda image: image)
    models.run = lambda *_: SimpleNamespace(probabilities=np.array([0.5, 0.5]))
    assert Health(lambda: models)()[0]
    healthy, said = Health(lambda: models, uploads=spoilt)()
    assert not healthy and said["status"].startswith("no place for uploads: ") and str(spoilt) not in str(said)
    with pytest.raises(ServeError, match="Set GRADIO_TEMP_DIR"):
        check_disk(spoilt)


def test_the_documentation_quotes_what_is_said_of_faults_that_are_caused_in_other_tests():
    documented = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    said = text("en", "table_damaged", file="accuracy.csv"), text("en", "fell_back"), MESSAGES["en"]["draining"]
    assert all(f"“{sentence}”" in documented for sentence in said)
