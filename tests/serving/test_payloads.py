"""What a request may hold, to the last value: the door's tests (test_serving.py) send it whole."""

import json
import os

import pytest

from attention.serving import payloads
from attention.serving.payloads import MAX_KEY, MAX_PATH, MAX_VALUES
from attention.serving.refusals import Refused


def refused(body, uploads=None) -> tuple[int, str] | None:
    """Status and word of a refusal; None for what is let through. A body that is no bytes is sent as JSON."""
    try:
        payloads.check_json(body if isinstance(body, bytes) else json.dumps(body).encode(), uploads)
    except Refused as refusal:
        assert refusal.sentence() and "{" not in refusal.sentence()
        return refusal.status, refusal.why
    return None


@pytest.mark.parametrize(
    "body", [b"", b"null", b"{}", b"[]", b"7", '"é"'.encode("utf-16"), b'{"data": [1, "a://b", null]}']
)
def test_what_names_no_file_is_let_through(body):
    assert refused(body) is None


@pytest.mark.parametrize(
    "body", [b"{", b"\xff\xfe\x00", b"[" * 100_000, b'{"path": "\\u0000"}', b'{"path": "\\ud800"}']
)
def test_no_json_and_no_path_of_any_file_system(body, tmp_path):
    assert refused(body, tmp_path) == (400, "json")


def test_as_many_values_as_there_may_be():
    assert refused([0] * MAX_VALUES) is None and refused([0] * (MAX_VALUES + 1)) == (413, "values")
    assert refused({str(n): 0 for n in range(MAX_VALUES + 1)}) == (413, "values")
    half = [0] * (MAX_VALUES // 2)
    assert refused([half, half[2:]]) is None and refused([half, half[1:]]) == (413, "values"), (
        "those of all lists together"
    )
    with pytest.raises(Refused) as told:
        payloads.check_json(json.dumps([0] * (MAX_VALUES + 1)).encode(), None)
    assert str(MAX_VALUES) in told.value.sentence()


@pytest.mark.parametrize(
    "at", [lambda f: f, lambda f: [1, f], lambda f: {"data": [[{"image": f}]]}, lambda f: {"a": {"b": f}}]
)
def test_files_are_found_at_any_depth(at, tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    assert refused(at({"path": str(tmp_path / "a.png")}), tmp_path) is None
    assert refused(at({"path": "/etc/passwd"}), tmp_path) == (403, "path")
    assert refused(at({"path": "http://a.example/"}), tmp_path) == (400, "address")
    assert refused(at({"path": "/etc/passwd"}), None) == (403, "path"), "without a folder of uploads there are none"


def test_a_path_that_is_no_text_is_no_file(tmp_path):
    assert refused({"path": 7, "data": {"path": None}}, tmp_path) is None
    assert refused({"path": ["/etc/passwd"]}, tmp_path) is None  # nor what the framework opens
    assert refused({"path": {"path": "/etc/passwd"}}, tmp_path) == (403, "path")


def test_files_below_the_folder_and_no_folder(tmp_path):
    uploads = tmp_path / "uploads"
    (uploads / "ab").mkdir(parents=True)
    (uploads / "ab" / "photo.jpg").write_bytes(b"x")
    (tmp_path / "uploads-2").write_bytes(b"x")
    (uploads / "link").symlink_to("/etc/passwd")
    (uploads / "up").symlink_to(tmp_path)
    (uploads / "inside").symlink_to(uploads / "ab" / "photo.jpg")
    os.mkfifo(uploads / "pipe")

    def asked(path):
        return refused({"path": f"{uploads}{path}"}, uploads)

    for path in ("/ab/photo.jpg", "/ab/../ab/photo.jpg", "/ab/gone.jpg", "/gone/gone.jpg", "/inside"):
        assert asked(path) is None, path
    for path in ("", "/", "/ab", "/ab/..", "/link", "/up", "/up/uploads-2", "/pipe", "/../uploads-2", "-2"):
        assert asked(path) == (403, "path"), path
    linked = tmp_path / "linked"
    linked.symlink_to(uploads)
    assert refused({"path": f"{linked}/ab/photo.jpg"}, uploads) is None
    assert refused({"path": f"{uploads}/ab/photo.jpg"}, linked) is None, "the folder may have two names"


def test_a_path_is_as_long_as_a_file_systems(tmp_path):
    def asked(length):
        return refused({"path": f"{tmp_path}/".ljust(length, "a")}, tmp_path)

    assert asked(MAX_PATH) is None and asked(MAX_PATH + 1) == (403, "path")


def test_names_of_sessions_are_short():
    assert refused({"session_hash": "a" * MAX_KEY}) is None and refused({"session_hash": None}) is None
    assert refused({"session_hash": "a" * (MAX_KEY + 1)}) == (400, "json")
    assert refused({"data": {"session_hash": "a" * 1000}}) is None, "data, that is, and no name"
    payloads.check_keys(["a" * MAX_KEY, 7, None, [0] * 1000])
    with pytest.raises(Refused):
        payloads.check_keys(["a", "a" * (MAX_KEY + 1)])


@pytest.mark.parametrize(
    ("content_type", "good"),
    [
        ("", True), ("multipart/form-data; boundary=x", True), ("text/plain; charset=utf-8", True), ("a/b;charset=UTF-8;c=d", True),
        ('a/b; charset="utf-8"', True), ("a/b; charset=utf-8 ; c=d", True), ("a/b; charset=punycode", False),
        ("a/b; charset*=utf-8''idna", False), ("a/b; CHARSET = idna", False), ("a/b; charset=utf-8; charset=idna", False),
        ("a/b; charset=utf-8x", False), ("a/b; charset=utf-80", False), ("a/b; charset*0=utf-8; charset*1=x", False),
    ],
)  # fmt: skip
def test_forms_are_utf_8(content_type, good):
    if good:
        payloads.check_charset(content_type)
    else:
        with pytest.raises(Refused) as told:
            payloads.check_charset(content_type)
        assert (told.value.status, told.value.why) == (400, "charset")
