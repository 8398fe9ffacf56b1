"""Visitors' files are deleted by their age, whatever else goes wrong, and nothing beside them."""

import asyncio
import errno
import os
import time
from types import SimpleNamespace

import pytest

from attention.serving import health, logs
from attention.serving.cleanup import clean, cleaning
from attention.serving.settings import Settings
from attention.web.server import Served

pytestmark = pytest.mark.served


@pytest.fixture
def uploads(tmp_path):
    """A folder of uploads as gradio leaves it, and files outside of it."""
    folder = tmp_path / "uploads"
    for name in ("hash/photo.jpg", "hash/kept.jpg", "unnoted"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    (folder / "empty").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "ours").write_bytes(b"x")
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "hash" / "link").symlink_to(tmp_path / "outside" / "ours")
    return folder


def left(folder) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def in_an_hour() -> float:
    return time.time() + 3600


def test_what_is_old_goes_and_what_is_kept_stays(uploads, tmp_path):
    everything = left(uploads)
    assert clean(uploads, 60) == 0 and left(uploads) == everything, "nothing is old"
    assert clean(uploads, 60, {str(uploads / "hash" / "kept.jpg")}, in_an_hour) == 4, "two files and two links"
    assert left(uploads) == {"hash", "hash/kept.jpg"}
    assert (tmp_path / "outside" / "ours").exists(), "links are not followed"
    assert clean(uploads, 60, clock=in_an_hour) == 1 and left(uploads) == set() and uploads.exists()
    assert clean(tmp_path / "nowhere", 60) == 0


def test_a_copy_is_as_old_as_itself_not_as_its_original(uploads):
    os.utime(uploads / "unnoted", (1, 1))
    assert clean(uploads, 60) == 0


def test_a_folder_that_leads_elsewhere_is_left_alone(uploads, tmp_path):
    (tmp_path / "elsewhere").symlink_to(uploads)
    assert clean(tmp_path / "elsewhere", 60, clock=in_an_hour) == 0 and (uploads / "unnoted").exists()


def test_what_cannot_be_deleted_does_not_keep_the_rest(uploads, monkeypatch):
    unlink = os.unlink

    def read_only(path):
        if path.endswith("photo.jpg"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        unlink(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", read_only)
        assert clean(uploads, 60, clock=in_an_hour) == 4 and left(uploads) == {"hash", "hash/photo.jpg"}
    assert clean(uploads, 60, clock=in_an_hour) == 1


def test_no_error_ends_the_cleaning(in_a_thread, monkeypatch):
    done, noted = [], []
    monkeypatch.setattr("attention.serving.cleanup.log", lambda event, level, **fields: noted.append(fields))

    def work():
        done.append(1)
        if len(done) < 3:
            raise OSError(errno.EROFS, "read-only")

    async def served():
        async with cleaning(work, 0.001):
            while len(done) < 4:
                await asyncio.sleep(0.001)

    in_a_thread(served())
    assert noted == [{"reason": "OSError"}] * 2


def test_a_page_deletes_what_gradio_forgot_and_forgets_what_it_deleted(uploads, monkeypatch):
    """Named as ours, since the page empties no other folder; gradio notes its files, which are older than they may be here."""
    ours = uploads.parent / health.FOLDER
    uploads.rename(ours)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(uploads.parent))
    said = []
    monkeypatch.setattr(logs, "log", lambda event, **fields: said.append((event, fields)))
    kept, gone, here = str(ours / "hash" / "kept.jpg"), str(ours / "unnoted"), str(uploads.parent / "outside" / "ours")
    page = Served.__new__(Served)
    page.page = SimpleNamespace(
        blocks={1: SimpleNamespace(keep_in_cache={kept}), 2: SimpleNamespace(keep_in_cache=set())},
        temp_file_sets=[{gone, kept}, {here}],
    )
    page.settings = Settings(keep_minutes=-1, max_request_seconds=-100)  # so that what was written just now is old
    page.clean()
    assert left(ours) == {"hash", "hash/kept.jpg"} and said == [("deleted", {"files": 4})]
    assert page.page.temp_file_sets == [{kept}, {here}]
    page.clean()
    assert len(said) == 1, "nothing to say"


@pytest.mark.parametrize("given", [None, "", "/x", f"/x/{health.FOLDER}"])
def test_the_folder_is_this_pages_alone(given, monkeypatch):
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    if given is not None:
        monkeypatch.setenv("GRADIO_TEMP_DIR", given)
    folder = health.upload_folder()
    assert folder.name == health.FOLDER != folder.parent.name
    assert folder.parent.name == ("x" if given else "gradio")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    assert health.upload_folder() == folder


def test_the_first_file_of_an_upload_waits_for_the_last(uploads, monkeypatch):
    """What is on its way lies right in the folder, for as long as a request may take and no longer."""
    ours = uploads.parent / health.FOLDER
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(ours))
    ours.mkdir()
    (ours / "tmpfirst").write_bytes(b"x")
    page = Served.__new__(Served)
    page.page = SimpleNamespace(blocks={}, temp_file_sets=[])
    for seconds, there in ((300, True), (0, True), (-100, False)):  # 0 is any time, of which an hour is enough
        page.settings = Settings(keep_minutes=-1, max_request_seconds=seconds)
        page.clean()
        assert (ours / "tmpfirst").exists() is there
