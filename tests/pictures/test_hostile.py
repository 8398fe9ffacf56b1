"""The hostile set of hostile.py, and any bytes at all: one sentence or a right picture, in bounded time and memory."""

import os
import signal
import threading
import time
import warnings
import zipfile
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest
from hostile import CASES, RED, encode, jpeg_of_many_scans, plain, png, tiff_of_tags, zipped
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from attention.cli.main import main
from attention.core.paths import ROOT
from attention.inference import batch
from attention.pictures import reading
from attention.pictures.limits import Limits, add_flags, from_flags
from attention.pictures.reading import FORMATS, MESSAGES, NOTICES, UploadError, read_image
from attention.pictures.workers import Workers, guarded

pytestmark = pytest.mark.served

SMALL = Limits(bytes=200_000, pixels=40_000)
FAST, SLOW = ([case for case in CASES if case.slow == slow] for slow in (False, True))
AVIF = "AVIF" in FORMATS


@pytest.fixture(scope="module")
def workers():
    with closing(Workers(Limits(seconds=60))) as started:
        yield started


def check(case, read) -> None:
    if "AVIF" in case.kind and not AVIF:
        pytest.skip("this Pillow has no AVIF")
    try:
        upload = read(case.make())
    except UploadError as error:
        assert error.code == case.code
        assert str(error).count(".") == 1 and "/" not in str(error)
        return
    assert case.code is None and upload.notices == case.notices
    assert upload.image.mode == "RGB" and not upload.image.info and not dict(upload.image.getexif())
    if case.colour:
        assert np.abs(np.subtract(upload.image.getpixel((2, 2)), case.colour)).max() <= 6


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow warns of what is odd; in tests alone that is an error
@pytest.mark.parametrize("case", FAST, ids=lambda case: case.kind)
def test_in_this_process(case):
    check(case, read_image)


@pytest.mark.parametrize("case", FAST, ids=lambda case: case.kind)
def test_in_a_worker(case, workers):
    check(case, workers.read)


@pytest.mark.parametrize("case", SLOW, ids=lambda case: case.kind)
def test_what_would_take_for_ever_is_ended(case):
    with closing(Workers(Limits(seconds=2), count=1)) as started:
        check(case, started.read)
        assert started.read(encode(plain(), "PNG")).image.getpixel((2, 2)) == RED  # the next visitor's


# Any bytes at all


def read_or_refused(data: bytes, limits: Limits) -> None:
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")  # Pillow warns of what is odd
        patch.setattr(reading, "limits", limits)
        try:
            upload = read_image(data)
        except UploadError as error:
            assert str(error).endswith(".") and "/" not in str(error)
            return
    assert upload.image.mode == "RGB" and set(upload.notices) <= set(NOTICES["en"])
    assert 0 < upload.image.width * upload.image.height <= limits.pixels
    assert len(upload.image.tobytes()) == 3 * upload.image.width * upload.image.height


SEEDS = [encode(plain(), format) for format in FORMATS] + [
    case.make() for case in FAST if "MB" not in case.kind and "million" not in case.kind and len(case.make()) < 2000
]
# The same examples every time, so that the suite says the same of the same code; EXAMPLES=20000 hunts for new ones.
EXAMPLES = os.environ.get("EXAMPLES")
many = settings(
    max_examples=int(EXAMPLES or 150), derandomize=not EXAMPLES, database=None, deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip


@many
@given(st.binary(max_size=400))
@example(b"\xff\xd8\xff")
@example(b"II*\0\x08\0\0\0\0\0\0\0\0\0")
def test_any_bytes(data):
    read_or_refused(data, SMALL)


@many
@given(st.sampled_from(SEEDS), st.data())
def test_any_change_to_a_picture(good, data):
    """Bytes replaced, cut out and put in, in a picture of each kind."""
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(changed)))
        changed[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    read_or_refused(bytes(changed), SMALL)


@many
@given(
    st.sampled_from([f for f in ("PNG", "TIFF", "BMP", "WEBP") if f in FORMATS]),
    st.integers(1, 40), st.integers(1, 40), st.randoms(use_true_random=False),
)  # fmt: skip
def test_a_valid_picture_comes_back_as_it_was(format, width, height, random):
    image = Image.frombytes("RGB", (width, height), random.randbytes(3 * width * height))
    upload = read_image(encode(image, format, **({"lossless": True} if format == "WEBP" else {})))
    assert upload.image.tobytes() == image.tobytes() and upload.notices == ()


@many
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_any_size_in_a_header(width, height):
    """A PNG of few bytes; only what fits is begun, and nothing that fits is complete."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail(f"decoded {self.size}"))
        if 0 < width * height <= reading.limits.pixels:
            return
        with pytest.raises(UploadError):
            read_image(png(width, height))


# Workers


def test_workers_say_the_same_as_this_process(workers):
    data = encode(plain(), "JPEG")
    here, there = read_image(data), workers.read(data)
    assert here.image.tobytes() == there.image.tobytes() and here.notices == there.notices


def test_a_slow_file_does_not_hold_up_the_next():
    with closing(Workers(Limits(seconds=100), count=2)) as started:
        worker, said = started._idle.queue[-1], []

        def send_bomb():
            with pytest.raises(UploadError) as caught:
                started.read(jpeg_of_many_scans(100_000))
            said.append(caught.value.code)

        bomb = threading.Thread(target=send_bomb)
        bomb.start()
        while started._idle.qsize() == 2:  # until it has the worker
            time.sleep(0.01)
        assert started.read(encode(plain(), "PNG")).image.size == (16, 12) and not said
        worker._process.kill()  # what the deadline would do
        bomb.join()
        assert said == ["too-demanding"]


def test_when_all_are_busy_the_sentence_says_so():
    started = Workers(Limits(seconds=0.05), count=1)
    with closing(started):
        worker = started._idle.get()
        with pytest.raises(UploadError, match="at this moment"):
            started.read(b"x")
        started._idle.put(worker)


def test_a_clock_on_the_wall_stands_behind_the_processors(monkeypatch):
    monkeypatch.setattr("attention.pictures.workers.PATIENCE", 0.001)
    with closing(Workers(Limits(seconds=50), count=1)) as started:
        started._idle.queue[0]._process.send_signal(signal.SIGSTOP)  # it takes no time of the processor
        with pytest.raises(UploadError) as caught:
            started.read(encode(plain(), "PNG"))
        assert caught.value.code == "too-demanding"


def test_where_no_process_can_be_started_the_sentence_says_so(monkeypatch):
    def refuse(*_arguments, **_options):
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("subprocess.Popen", refuse)
    with closing(Workers(Limits(seconds=5), count=1)) as started:
        for _ in range(2):  # and the place of the worker is free again
            with pytest.raises(UploadError, match="at this moment"):
                started.read(b"x")
        monkeypatch.undo()
        assert started.read(encode(plain(), "PNG")).image.size == (16, 12)


def test_a_worker_that_dies_is_replaced(workers):
    data = encode(plain(), "PNG")
    workers.read(data)
    worker = workers._idle.get()
    worker.end()
    workers._idle.put(worker)
    assert workers.read(data).image.size == (16, 12)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_memory_is_bounded_and_given_back(workers):
    with pytest.raises(UploadError) as caught:
        workers.read(tiff_of_tags(400, 10))
    assert caught.value.code == "too-demanding"
    worker = workers._idle.get()
    workers._idle.put(worker)
    assert worker.is_alive
    lines = Path(f"/proc/{worker._process.pid}/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    assert int(status["VmPeak"].split()[0]) * 1024 <= workers.limits.memory
    assert int(status["VmRSS"].split()[0]) < 400_000  # kB


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are read from /proc")
def test_nothing_is_left_behind():
    before = set(os.listdir("/proc/self/fd")), threading.active_count()
    with guarded(Limits(seconds=5)):
        assert read_image(encode(plain(), "PNG")).image.size == (16, 12)
        with pytest.raises(UploadError):
            read_image(b"no picture")
        assert reading._decode_elsewhere is not None
    assert reading._decode_elsewhere is None
    assert len(os.listdir("/proc/self/fd")) == len(before[0])
    assert threading.active_count() == before[1]


# Flags, and zips


def parsed(*arguments: str) -> Limits:
    import argparse

    parser = argparse.ArgumentParser()
    add_flags(parser)
    return from_flags(parser.parse_args(arguments))


def test_flags_go_before_environment_and_environment_before_defaults(monkeypatch):
    assert parsed() == Limits(20_000_000, 50_000_000, 10)
    monkeypatch.setenv("ATTENTION_MAX_MEGABYTES", "5")
    monkeypatch.setenv("ATTENTION_MAX_SECONDS", "0")
    assert parsed("--max-megapixels", "1.5") == Limits(5_000_000, 1_500_000, None)
    assert parsed("--max-megabytes", "0.001", "--max-seconds", "2").bytes == 1000


@pytest.mark.parametrize("value", ["0", "-1", "many", "nan", "inf", "1e99"])
def test_a_limit_that_makes_no_sense(value, capsys, monkeypatch):
    monkeypatch.setenv("ATTENTION_MAX_MEGAPIXELS", value)
    with pytest.raises(SystemExit):
        parsed()
    assert "--max-megapixels" in capsys.readouterr().err


def test_more_pixels_can_be_allowed():
    wide = png(12000, 10000, bytes(1501 * 10000), 1)
    with guarded(Limits(pixels=130_000_000, seconds=60)):
        assert read_image(wide).image.size == (12000, 10000)


def test_the_command_line_keeps_to_its_limits(tmp_path, published, capsys):
    path = tmp_path / "photo.png"
    path.write_bytes(encode(plain(), "PNG"))
    assert main(["compare", str(path), "--models", "baseline", "--max-megapixels", "0.0001"]) == 2
    assert (
        capsys.readouterr().err
        == "photo.png: This picture has more than 0.0001 million pixels; shrink it and try again.\n"
    )
    assert main(["compare", str(path), "--models", "baseline"]) == 0


NAMES = [
    "../../etc/a.png",
    "/etc/a.png",
    "C:\\a.png",
    "a/../../b.png",
    "\u202egnp.a.png",
    "церковь.png",
    "x" * 200 + ".png",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_a_zip_reaches_no_disk(name, tmp_path):
    file = tmp_path / "a.zip"
    file.write_bytes(zipped(name, encode(plain(), "PNG")))
    if ".." in name:  # passed over, as hidden files are
        with pytest.raises(batch.BatchError):
            batch.gather([file])
    else:
        (picture,) = batch.gather([file])
        assert picture.read().image.size == (16, 12)
    assert list(tmp_path.iterdir()) == [file]


def test_a_photo_with_an_archive_behind_it_is_a_photo(tmp_path):
    file = tmp_path / "photo.jpg"
    file.write_bytes(encode(plain(), "JPEG") + zipped("other.png", encode(plain(), "PNG")))
    (picture,) = batch.gather([file])
    assert picture.name == "photo.jpg" and picture.read().image.size == (16, 12)


def test_a_zip_of_very_many_entries_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "MAX_ENTRIES", 3)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(4):
            archive.writestr(f"{number}.txt", b"")
    with pytest.raises(batch.BatchError, match="more than 3 entries"):
        batch.gather([tmp_path / "a.zip"])


@pytest.mark.parametrize("at", range(0, 100, 3))
def test_a_damaged_zip_is_one_sentence(at, tmp_path):
    data, file = bytearray(zipped("a.png", encode(plain(), "PNG"))), tmp_path / "a.zip"
    data[-1 - at] ^= 0xFF
    file.write_bytes(data)
    with suppress(batch.BatchError, UploadError):
        for picture in batch.gather([file]):
            picture.read()


def test_the_table_in_the_docs_is_of_this_set():
    rows = [
        line.strip("| ").split(" | ") for line in (ROOT / "docs/security.md").read_text(encoding="utf-8").splitlines()
    ]
    said = {row[0]: row[2] for row in rows if len(row) == 3}
    for case in CASES:
        words = [NOTICES["en"][notice] for notice in case.notices] or ["Read, "]
        assert all(word in said[case.kind] for word in words) or case.code, case.kind
        if case.code:
            assert said[case.kind].startswith(MESSAGES["en"][case.code].partition("{")[0]), case.kind
