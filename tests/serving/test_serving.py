"""The door of the page: settings, passwords, limits, routes, headers, health, metrics and logs, around a toy application."""

import argparse
import asyncio
import base64
import errno
import io
import json
import os
import re
import socket
import threading
import time
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI, Request
from starlette.datastructures import Headers
from starlette.testclient import TestClient

from attention.cli.main import main
from attention.core.paths import ROOT
from attention.serving import connections, logs, passwords, routes
from attention.serving.disk_space import Room, taken
from attention.serving.door import Guard, _Body, address, content_security_policy
from attention.serving.health import FRESH_SECONDS, Health
from attention.serving.metrics import Metrics
from attention.serving.payloads import MAX_JSON_BYTES, MAX_KEY, MAX_PATH, MAX_VALUES
from attention.serving.rate_limit import ADDRESSES, RateLimit
from attention.serving.refusals import MESSAGES
from attention.serving.settings import SETTINGS, Settings, add_flags

pytestmark = pytest.mark.served

JOIN = "/gradio_api/queue/join"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def parsed(*flags: str) -> Settings:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return Settings(**vars(parser.parse_args(flags)))


# settings


def test_a_setting_comes_from_its_flag_then_its_variable_then_its_default(monkeypatch):
    assert vars(parsed()) == vars(Settings())
    monkeypatch.setenv("ATTENTION_MAX_QUEUE", "5")
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.setenv("ATTENTION_LOG", "")
    assert (parsed().max_queue, parsed().port, parsed().log) == (5, 9000, "text")
    assert parsed("--max-queue", "7").max_queue == 7
    assert parsed("--allow-origins", "https://a.example/, http://b.example:8000").allow_origins == (
        "https://a.example", "http://b.example:8000",
    )  # fmt: skip


@pytest.mark.parametrize(
    "flags",
    [("--port", "x"), ("--max-queue", "0"), ("--allow-origins", "*"), ("--frame-ancestors", "example.org"), ("--log", "loud")],
)  # fmt: skip
def test_a_wrong_setting_is_refused_by_its_flag(flags, capsys):
    with pytest.raises(SystemExit):
        parsed(*flags)
    assert flags[0] in capsys.readouterr().err


def test_a_wrong_variable_is_refused_too(monkeypatch, capsys):
    monkeypatch.setenv("ATTENTION_RATE_LIMIT", "many")
    with pytest.raises(SystemExit):
        parsed()
    assert "--rate-limit" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], True),
        (["--host", "127.8.9.10"], True),
        (["--host", "::1"], True),
        (["--host", "localhost"], True),
        (["--proxies", "1"], False),
        (["--host", "0.0.0.0"], False),
        (["--host", "::"], False),
        (["--host", "192.168.1.2"], False),
        (["--host", "127.0.0.1.example.org"], False),
    ],
)
def test_a_visitor_is_the_host_where_nobody_else_comes(flags, expected):
    assert parsed(*flags).visitor_is_host is expected


def test_every_setting_has_a_type_and_no_two_a_variable():
    assert {setting.name for setting in SETTINGS} == set(Settings.__annotations__)
    assert len({setting.variable for setting in SETTINGS}) == len(SETTINGS)


# passwords


def test_a_password_is_known_by_its_hash_alone(tmp_path):
    file = tmp_path / "users"
    lines = [passwords.line("ada", "correct horse"), passwords.line("bo", "battery staple")]
    file.write_text("# who may come in\n\n" + "\n".join(lines) + "\n")
    known = passwords.Passwords(file)
    assert known("ada", "correct horse") and known("bo", "battery staple")
    assert not known("ada", "battery staple") and not known("eve", "correct horse") and not known("", "")
    assert "horse" not in file.read_text()
    assert passwords.line("ada", "correct horse") != lines[0], "salted"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "holds none"),
        ("ada:correct horse", "Line 1"),
        ("# x\nada:md5:aa:bb", "Line 2"),
        ("ada:scrypt:%:%", "Line 1"),
    ],
)
def test_a_file_of_passwords_that_is_none_of_ours_is_refused(tmp_path, text, problem):
    (tmp_path / "users").write_text(text)
    with pytest.raises(passwords.PasswordError, match=problem):
        passwords.Passwords(tmp_path / "users")
    with pytest.raises(passwords.PasswordError, match="--auth-file") as error:
        passwords.Passwords(tmp_path / "none")
    assert str(tmp_path) not in str(error.value)


@pytest.mark.parametrize(
    ("name", "password"), [("", "long enough"), ("a:b", "long enough"), ("a b", "long enough"), ("ada", "short")]
)
def test_names_and_passwords_that_cannot_stand_in_a_file(name, password):
    with pytest.raises(passwords.PasswordError):
        passwords.line(name, password)


def test_the_hash_is_that_of_the_standard(tmp_path):
    """RFC 7914's own example has another cost, so an entry is made here with hashlib's scrypt called by its parameters."""
    import hashlib

    name, kind, salt, hashed = passwords.line("ada", "correct horse").split(":")
    made = hashlib.scrypt(b"correct horse", salt=base64.b64decode(salt), n=16384, r=8, p=1)
    assert (name, kind, base64.b64decode(hashed)) == ("ada", "scrypt", made)


# limits


def test_an_address_has_a_burst_and_then_its_rate():
    clock = Clock()
    limit = RateLimit(60, clock)
    assert [limit.seconds_to_wait("a") for _ in range(15)] == [0.0] * 15
    assert limit.seconds_to_wait("a") == pytest.approx(1)
    assert limit.seconds_to_wait("b") == 0, "another address has its own"
    clock.now = 0.5
    assert limit.seconds_to_wait("a") == pytest.approx(0.5)
    clock.now = 1.0
    assert limit.seconds_to_wait("a") == 0
    clock.now = 1000.0
    assert sum(limit.seconds_to_wait("a") == 0 for _ in range(20)) == 15, "no more than a burst is saved up"


def test_no_limit_and_no_growth():
    free = RateLimit(0)
    assert not any(free.seconds_to_wait("a") for _ in range(1000))
    limit = RateLimit(60, Clock())
    for number in range(ADDRESSES + 10):
        limit.seconds_to_wait(str(number))
    assert len(limit._buckets) == ADDRESSES


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, "6.6.6.6", "1.2.3.4"),
        (1, "", "1.2.3.4"),
        (1, "5.5.5.5", "5.5.5.5"),
        (1, "6.6.6.6, 5.5.5.5", "5.5.5.5"),
        (2, "6.6.6.6, 5.5.5.5, 4.4.4.4", "5.5.5.5"),
        (3, "5.5.5.5", "5.5.5.5"),
    ],
)
def test_an_address_is_believed_from_as_many_proxies_as_there_are(proxies, forwarded, expected):
    assert address({"client": ("1.2.3.4", 5)}, Headers({"x-forwarded-for": forwarded}), proxies) == expected


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        (["6.6.6.6", "5.5.5.5"], "5.5.5.5"),  # a line of its own, which the proxy appended
        (["5.5.5.5:4711"], "5.5.5.5"), (["2001:db8::1:2"], "2001:db8::/64"), (["[2001:db8::9]:80"], "2001:db8::/64"),
        (["2001:db8:0:1::1"], "2001:db8:0:1::/64"), (["::ffff:5.5.5.5"], "5.5.5.5"), (["unknown"], "unknown"),
    ],
)  # fmt: skip
def test_an_address_is_a_visitors_whatever_part_of_it_they_choose(forwarded, expected):
    headers = Headers(raw=[(b"x-forwarded-for", line.encode()) for line in forwarded])
    assert address({"client": ("1.2.3.4", 5)}, headers, 1) == expected
    assert address({"client": ("2001:db8::7", 5)}, Headers({}), 0) == "2001:db8::/64"


# routes


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"), ("HEAD", "/"), ("GET", "/config"), ("GET", "/assets/index-1.js"), ("GET", "/theme.css"), ("GET", "/healthz"),
        ("GET", "/gradio_api/info"), ("GET", "/gradio_api/queue/data"), ("GET", "/gradio_api/call/compare/0a1b"),
        ("GET", "/gradio_api/file=/tmp/gradio/ab/a.png"), ("POST", JOIN), ("POST", "/gradio_api/upload"),
        ("POST", "/gradio_api/call/compare"), ("POST", "/gradio_api/run/predict/"), ("POST", "/login"), ("POST", "/gradio_api/cancel"),
        ("OPTIONS", JOIN), ("GET", "/gradio_api/heartbeat/abc1"),
    ],
)  # fmt: skip
def test_what_the_page_needs_is_open(method, path):
    assert routes.is_open(method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/monitoring"), ("GET", "/gradio_api/runs"), ("GET", "/gradio_api/proxy=http://a.example"), ("GET", "/docs"),
        ("GET", "/gradio_api/file=http://a.example/x"), ("GET", "/gradio_api/file=file:///etc/passwd"), ("GET", "/gradio_api/dev/reload"),
        ("GET", "/gradio_api/token"), ("POST", "/gradio_api/vibe-edit"), ("POST", "/gradio_api/component_server"), ("PUT", "/"),
        ("POST", "/"), ("DELETE", "/gradio_api/upload"), ("TRACE", "/"), ("GET", "/app.py"), ("GET", "/checkpoints/imagenette/manifest.json"),
        ("GET", "/gradio_api/custom_component/a/client/b/c.py"), ("OPTIONS", "/monitoring"), ("GET", "/.git/config"),
    ],
)  # fmt: skip
def test_all_else_is_closed(method, path):
    assert not routes.is_open(method, path)


def test_labels_hold_nothing_of_a_visitor():
    assert routes.label("/gradio_api/file=/tmp/gradio/ab/Ada.png") == "/gradio_api/file=*"
    assert routes.label("/gradio_api/heartbeat/k3j2") == "/gradio_api/heartbeat/*"
    assert routes.label("/gradio_api/call/compare/0a1b") == "/gradio_api/call/compare/*"
    assert routes.label("/gradio_api/queue/join") == JOIN


# the guard


async def echo(scope, receive, send):
    """Answers with the body it got, and the forwarded host it saw."""
    body, more = b"", True
    while more and scope["method"] == "POST":
        message = await receive()
        body, more = body + message["body"], message.get("more_body", False)
    seen = dict(scope["headers"]).get(b"x-forwarded-host", b"")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"seen", seen)]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def door(tmp_path):
    """door(**settings) -> (client of a guarded echo, its metrics, a switch for draining)."""

    def make(**settings):
        metrics, leaving = Metrics(), []
        guard = Guard(echo, Settings(**settings), metrics, lambda: bool(leaving), uploads=tmp_path)
        return TestClient(guard, base_url="http://lab.example"), metrics, leaving

    return make


def test_every_answer_carries_the_headers(door):
    client, _, _ = door()
    for answer in (client.get("/"), client.get("/monitoring"), client.post(JOIN, content=b"{")):
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])
    assert client.get("/", headers={"x-request-id": "abc-12345"}).headers["x-request-id"] == "abc-12345"
    assert "\n" not in client.get("/", headers={"x-request-id": "a b;c<script>"}).headers["x-request-id"]
    framed = door(frame_ancestors=("https://a.example",))[0].get("/").headers
    assert (
        "frame-ancestors 'self' https://a.example" in framed["content-security-policy"]
        and "x-frame-options" not in framed
    )
    assert "http" not in content_security_policy(()), "nothing from anywhere else"


def test_another_sites_page_may_send_nothing(door):
    client, _, _ = door(allow_origins=("https://friend.example",))

    def status(origin):
        return client.post(JOIN, json={}, headers={"origin": origin}).status_code

    assert status("http://lab.example") == status("https://friend.example") == 200
    assert status("http://evil.example") == status("null") == status("http://lab.example.evil.example") == 403
    assert client.post(JOIN, json={}).status_code == 200, "a program sends no origin"


def test_the_forwarded_host_is_believed_behind_a_proxy_alone(door):
    headers = {"x-forwarded-host": "lab.public.example", "origin": "https://lab.public.example"}
    assert door()[0].post(JOIN, json={}, headers=headers).status_code == 403
    answer = door(proxies=1)[0].post(JOIN, json={}, headers=headers)
    assert answer.status_code == 200 and answer.headers["seen"] == "lab.public.example"
    assert door()[0].get("/", headers=headers).headers["seen"] == ""


def test_a_body_is_no_larger_than_it_may_be_whatever_its_header_says(door):
    client, metrics, _ = door(max_request_mb=1)
    assert client.post("/gradio_api/upload", content=b"x" * 1_000_000).status_code == 200
    answer = client.post("/gradio_api/upload", content=b"x" * 1_000_001)
    assert answer.status_code == 413 and answer.json() == {
        "detail": "This request is larger than 1 MB. Send less at once."
    }
    chunks = (b"x" * 600_000 for _ in range(2))  # sent in chunks, without a length
    assert client.post("/gradio_api/upload", content=chunks).status_code == 413
    assert client.post(JOIN, content=b" " * (MAX_JSON_BYTES + 1)).status_code == 413
    assert metrics.refused.labels("size")._value.get() == 3


def test_a_body_arrives_as_it_was_sent(door, tmp_path):
    client, _, _ = door()
    upload = f"{tmp_path}/ab/a.png"
    body = {"data": [{"path": upload, "url": f"http://lab.example/gradio_api/file={upload}"}, "http://in.a.text"]}
    assert client.post(JOIN, json=body).json() == body
    assert client.post("/gradio_api/cancel", content=b"").content == b""


@pytest.mark.parametrize(
    "path", ["http://10.0.0.1/", "https://a.example/x.png", "HTTP://a.example", "ftp://a.example/x"]
)
def test_no_address_is_fetched(door, path):
    client, _, _ = door()
    for body in ({"data": [{"path": path}]}, {"data": [[[{"image": {"path": path, "meta": {}}}]]]}):
        answer = client.post("/gradio_api/call/compare", json=body)
        assert answer.status_code == 400 and "not as an address" in answer.json()["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "samples/church.jpg",
        "../../etc/passwd",
        "",
        "{uploads}/../other",
        "{uploads}-2/a",
        "{uploads}/link",
        "{uploads}",
        "{uploads}/folder",
        "{uploads}/folder/../..",
        "{uploads}/pipe",
    ],
)
def test_a_path_outside_of_the_uploads_is_no_upload(door, tmp_path, path):
    """The framework looks only at what says that it is a file of Gradio's, and opens what does not."""
    client, metrics, _ = door()
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    file = {"path": path.format(uploads=tmp_path)}
    marked = file | {"meta": {"_type": "gradio.FileData"}}
    for one in (file, marked, file | {"meta": {"_type": "else"}}, {"image": file}):
        answer = client.post("/gradio_api/run/compare", json={"data": [None, [one], ["baseline"]]})
        assert answer.status_code == 403 and answer.json() == {"detail": MESSAGES["en"]["path"]}
    assert metrics.refused.labels("path")._value.get() == 4
    (tmp_path / "a.png").write_bytes(b"x")
    body = {"data": [{"path": f"{tmp_path}/a.png"}, {"path": f"{tmp_path}/gone/b.png"}, {"path": 7}, {"path": None}]}
    assert client.post(JOIN, json=body).status_code == 200


def test_a_path_of_any_length_costs_nothing(door, tmp_path):
    """Resolving one takes the square of its length, and a body has room for half a million folders."""
    began = time.perf_counter()
    for path in ("a/" * (MAX_PATH // 2) + "a", str(tmp_path) + "/a" * 400_000):
        assert door()[0].post("/gradio_api/cancel", json={"path": path}).status_code == 403
    assert time.perf_counter() - began < 5


def test_a_request_holds_as_many_values_as_a_thousand_photos(door, tmp_path):
    file = {"path": f"{tmp_path}/{'a' * 64}/photo.jpg", "url": "x" * 200, "orig_name": "photo.jpg", "size": 1, "mime_type": "image/jpeg",
            "is_stream": False, "meta": {"_type": "gradio.FileData"}}  # fmt: skip
    client = door()[0]
    assert client.post(JOIN, json={"data": [[file] * 1000, ["baseline"] * 12]}).status_code == 200
    for many in ([{"": 0}] * MAX_VALUES, {"data": {str(n): n for n in range(MAX_VALUES)}}):
        answer = client.post(JOIN, json=many)
        assert answer.status_code == 413 and answer.json() == {
            "detail": MESSAGES["en"]["values"].format(values=MAX_VALUES)
        }


@pytest.mark.parametrize("where", ["body", "session_hash", "upload_id"])
def test_what_a_browser_is_known_by_is_short(door, where):
    client = door()[0]
    for length, status in ((MAX_KEY, 200), (MAX_KEY + 1, 400)):
        if where == "body":
            answer = client.post(JOIN, json={"data": [], "session_hash": "a" * length})
        else:
            answer = client.get("/gradio_api/queue/data", params={where: "a" * length})
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("multipart/form-data; boundary=x", 200), ("multipart/form-data; boundary=x; charset=UTF-8", 200),
        ('multipart/form-data; charset="utf-8"; boundary=x', 200), ("multipart/form-data; boundary=x; charset=punycode", 400),
        ("multipart/form-data; boundary=x; charset*=utf-8''punycode", 400), ("multipart/form-data; CHARSET = idna", 400),
        ("multipart/form-data; charset=utf-8; charset=punycode", 400), ("multipart/form-data; charset=utf-8x", 400),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/gradio_api/upload", "/login"])
def test_forms_are_utf_8(door, path, content_type, status):
    assert door()[0].post(path, content=b"x", headers={"content-type": content_type}).status_code == status


def test_the_page_answers_to_its_own_names(door):
    client = door(hosts=("lab.example", "::1"))[0]
    for host, status in (
        ("lab.example", 200),
        ("LAB.example:8000", 200),
        ("[::1]:7860", 200),
        ("evil.example", 421),
        ("[", 421),
    ):
        assert client.get("/", headers={"host": host}).status_code == status
    assert client.get("/", headers={"x-forwarded-host": "lab.example", "host": "evil.example"}).status_code == 421
    assert client.get("/healthz", headers={"host": "127.0.0.1:7860"}).status_code == 200, (
        "whoever looks after it may use any"
    )
    behind = door(hosts=("lab.example",), proxies=1)[0]
    assert behind.get("/", headers={"x-forwarded-host": "lab.example", "host": "inside"}).status_code == 200
    for name in (
        "evil.example",
        "evil.example\\@lab.example",
        "lab.example/evil",
        "lab.example#evil",
        "evil@lab.example",
    ):
        assert behind.get("/", headers={"x-forwarded-host": name}).status_code == 421


def test_only_endpoints_that_there_are_can_be_called(tmp_path):
    metrics = Metrics()
    guard = Guard(echo, Settings(), metrics, lambda: False, endpoints={"compare"})
    client = TestClient(guard, base_url="http://lab.example")
    for path in ("run/compare", "run/predict", "run/predict/", "call/compare", "call/v2/compare/"):
        assert client.post(f"/gradio_api/{path}", json={}).status_code == 200
    for path in ("run/x", "run/predict_1", "call/predict", "call/y", "call/v2/z", "api/compare", "run/partial_1"):
        assert client.post(f"/gradio_api/{path}", json={}).status_code == 404
    assert client.get("/gradio_api/call/compare/0a1b").status_code == 200
    assert (
        client.get("/gradio_api/call/other/0a1b").status_code
        == client.get("/gradio_api/call/v2/o/1").status_code
        == 404
    )
    text = metrics.text().decode()
    assert "other" not in text and "partial" not in text, "what anybody may choose is no label"


def test_there_is_one_page(door):
    client = door()[0]
    assert client.get("/?page=zzz").status_code == 404 and client.get("/?tab=zzz").status_code == 200


def test_a_door_that_knows_no_uploads_lets_none_in():
    client = TestClient(Guard(echo, Settings(), Metrics(), lambda: False), base_url="http://lab.example")
    assert client.post(JOIN, json={"data": [{"path": "/tmp/a.png"}]}).status_code == 403


@pytest.mark.parametrize(
    "body", [b"{", b"\xff\xfe", b"[" * 100_000, b"nonsense", b'{"path": "\\u0000"}', b'{"path": "\\ud800"}']
)
def test_what_is_no_json_is_refused_in_a_sentence(door, body):
    answer = door()[0].post(JOIN, content=body)
    assert answer.status_code == 400 and answer.json()["detail"].endswith(".")


def test_an_address_that_asks_too_much_is_told_when_to_come_back(door):
    client, metrics, _ = door(rate_limit=8)
    assert [client.post(JOIN, json={}).status_code for _ in range(3)] == [200, 200, 429]
    answer = client.post("/gradio_api/upload", content=b"")
    assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 1
    assert client.get("/").status_code == 200, "looking is free"
    assert metrics.refused.labels("rate")._value.get() == 2


def test_passwords_cannot_be_tried_fast(door):
    client, _, _ = door()
    tries = [client.post("/login", content=b"username=a&password=b").status_code for _ in range(5)]
    assert tries == [200, 200, 200, 429, 429]


def test_no_new_work_while_the_page_leaves(door):
    client, _, leaving = door()
    leaving.append(True)
    answer = client.post(JOIN, json={})
    assert answer.status_code == 503 and answer.headers["retry-after"] == "30"
    assert client.get("/").status_code == 200 and client.post("/gradio_api/cancel", json={}).status_code == 200


def test_metrics_count_by_route_and_not_by_what_anyone_may_choose(door):
    client, metrics, _ = door()
    client.get("/")
    for number in range(3):
        client.get(f"/closed/{number}")
    metrics.watch("waiting", "Waiting.", lambda: 7)
    text = metrics.text().decode()
    assert 'attention_requests_total{method="GET",route="/",status="200"} 1.0' in text
    assert 'attention_requests_total{method="any",route="closed",status="404"} 3.0' in text
    assert 'attention_refused_total{why="route"} 3.0' in text
    assert "attention_waiting 7.0" in text and "attention_request_seconds_bucket" in text and "/closed/" not in text


def test_a_line_a_request_without_anything_of_the_visitor(door, capsys):
    logs.configure("json")
    client, _, _ = door()
    client.post(JOIN, json={"data": ["secret"]}, headers={"x-request-id": "my-request"})
    said = json.loads(capsys.readouterr().err)
    assert said["event"] == "request" and said["id"] == "my-request" and said["route"] == JOIN and said["status"] == 200
    assert said["ms"] >= 0 and "secret" not in str(said) and "testclient" not in str(said)
    logs.configure("text")
    client.get("/")
    assert re.search(r"info request id=\w+ method=GET route=/ status=200 ms=", capsys.readouterr().err)
    logs.configure("off")
    client.get("/")
    assert capsys.readouterr().err == ""


# health


class FakeModels:
    names = ("a", "b")

    def __init__(self, value: float = 0.5, **problems: str):
        self.value, self.problems, self.asked = value, problems, []

    def prepare(self, image):
        return image

    def run(self, name, images):
        self.asked.append(name)
        return SimpleNamespace(probabilities=np.array([self.value, 0.5]))


def test_models_answer_in_turn_and_an_answer_is_good_for_a_while():
    clock, models = Clock(), FakeModels()
    health = Health(lambda: models, clock)
    assert health() == health() == (True, {"status": "ok", "models": 2, "unavailable": []})
    assert len(models.asked) == 1
    clock.now = FRESH_SECONDS + 1
    assert health()[0] and set(models.asked) == {"a", "b"}


@pytest.mark.parametrize("value", [0.2, float("nan"), float("inf")])
def test_a_model_that_does_not_answer_as_one_is_not_healthy(value):
    assert not Health(lambda: FakeModels(value))()[0]


def test_some_models_missing_is_said_and_all_missing_is_not_healthy():
    healthy, said = Health(lambda: FakeModels(a="altered"))()
    assert healthy and said == {"status": "some models are unavailable", "models": 1, "unavailable": ["a"]}
    assert not Health(lambda: FakeModels(a="altered", b="missing"))()[0]

    def broken():
        raise RuntimeError("/a/path")

    healthy, said = Health(broken)()
    assert not healthy and "/a/path" not in str(said)


def test_the_command_makes_a_line_for_the_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    assert main(["password", "ada"]) == 0
    (tmp_path / "users").write_text(capsys.readouterr().out)
    assert passwords.Passwords(tmp_path / "users")("ada", "correct horse")
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert main(["password", "ada"]) == 2
    assert "at least 8 characters" in capsys.readouterr().err


def test_the_documentation_lists_every_setting_with_its_default():
    text = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    for setting in SETTINGS:
        assert (
            f"| `{setting.flag}` | `{setting.variable}` | {f'`{setting.default}`' if setting.default else 'none'} |"
            in text
        )


# what goes wrong behind the door


def test_an_upload_that_finds_no_place_is_told_in_the_visitors_language():
    """The framework beneath sends a 500 of its own before it raises; a body that is still on its way is read."""
    page = FastAPI()

    @page.post("/gradio_api/upload")
    async def upload(request: Request):
        async for _ in request.stream():
            raise OSError(errno.ENOSPC, "No space left on device", "/a/path")

    metrics = Metrics()
    guard = Guard(page, Settings(), metrics, lambda: False, lambda scope: Headers(scope=scope)["accept-language"])
    client = TestClient(guard, base_url="http://lab.example")
    for language in MESSAGES:
        chunks = (b"x" * 60_000 for _ in range(20))
        answer = client.post("/gradio_api/upload", content=chunks, headers={"accept-language": language})
        assert answer.status_code == 507 and answer.json() == {"detail": MESSAGES[language]["disk"]}
        assert answer.headers["retry-after"] == "60" and "content-security-policy" in answer.headers
    assert metrics.refused.labels("disk")._value.get() == 2


def test_visitors_together_fill_no_more_of_the_disk_than_they_may(tmp_path):
    metrics = Metrics()
    guard = Guard(echo, Settings(max_uploads_mb=1), metrics, lambda: False, uploads=tmp_path)
    client = TestClient(guard, base_url="http://lab.example")

    def send(size, path="/gradio_api/upload"):
        return client.post(path, content=b"x" * size)

    assert send(600_000).status_code == 200
    refused = send(600_000)  # what the first one left is not on the disk here, and counts all the same
    assert refused.status_code == 507 and refused.json() == {"detail": MESSAGES["en"]["disk"]}
    assert refused.headers["retry-after"] == "60" and metrics.refused.labels("disk")._value.get() == 1
    assert send(300_000).status_code == 200
    chunks = (b"x" * 60_000 for _ in range(2))  # of a size that is not told
    assert client.post("/gradio_api/upload", content=chunks).status_code == 507
    assert send(100_000).status_code == 200, "who was refused took nothing"
    assert client.post(JOIN, json={}).status_code == 200, "whoever is there goes on"


def test_a_length_that_is_not_true_makes_no_room(tmp_path):
    """0 bytes are announced, and more follow in chunks."""
    guard = Guard(echo, Settings(max_uploads_mb=1), Metrics(), lambda: False, uploads=tmp_path)
    client = TestClient(guard, base_url="http://lab.example")
    statuses = [
        client.post("/gradio_api/upload", content=b"x" * 600_000, headers={"content-length": "0"}).status_code
        for _ in range(2)
    ]
    assert statuses == [200, 507]


def test_uploads_on_their_way_count_as_far_as_they_have_come(tmp_path, in_a_thread):
    """Each of them is told that there is room, and all of them together have too much; who is refused gives its part back."""
    settings = Settings(max_uploads_mb=1)
    guard, statuses = Guard(echo, settings, Metrics(), lambda: False, uploads=tmp_path), []

    async def visit(count):
        left = count

        async def receive():
            nonlocal left
            await asyncio.sleep(0.01)
            left -= 1
            return {"type": "http.request", "body": b"x" * 100_000, "more_body": left > 0}

        async def send(message):
            statuses.extend([message["status"]] if "status" in message else [])

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/gradio_api/upload",
            "headers": [],
            "client": ("1.2.3.4", 5),
        }
        await guard(scope, receive, send)

    async def three_together():
        await asyncio.gather(visit(4), visit(4), visit(4))

    in_a_thread(asyncio.wait_for(three_together(), 20))
    assert sorted(statuses) == [200, 200, 507]
    in_a_thread(asyncio.wait_for(visit(2), 20))
    assert statuses[-1] == 200
    in_a_thread(asyncio.wait_for(visit(1), 20))
    assert statuses[-1] == 507


def test_room_counts_what_ends_while_it_is_measured(tmp_path, monkeypatch):
    room = Room(tmp_path, 10, lambda: 0.0)
    assert room.take(3)

    def slowly(folder):
        room.end(3, kept=True)
        return 1

    monkeypatch.setattr("attention.serving.disk_space.taken", slowly)
    assert room.has(6) and not room.has(7)
    assert room.take(6) and not room.take(1)
    room.end(6, kept=False)
    assert room.has(6)


def test_room_is_measured_again_after_a_while(tmp_path):
    now = 0.0
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "photo.jpg").write_bytes(bytes(90_000))
    os.utime(tmp_path / "a" / "photo.jpg", (1, 1))  # from before the page was started: its time is not over yet
    (tmp_path / "a" / "tiny.jpg").write_bytes(b"x")  # takes a block
    (tmp_path / "a" / "empty.jpg").write_bytes(b"")  # as many as there are blocks would take the disk's last inode
    room = Room(tmp_path, 108_000, lambda: now)
    assert taken(tmp_path) == (22 + 3) * 4096 and not room.has(6_000) and room.has(5_000)
    (tmp_path / "a" / "photo.jpg").unlink()
    assert not room.has(6_000)
    now = 11.0
    assert room.has(90_000) and room.take(90_000) and not room.has(6_000)
    assert Room(tmp_path, 0).has(10**12), "0 is any number"
    assert Room(tmp_path / "not there yet", 10).has(10)


@pytest.mark.parametrize("error", [OSError(errno.EPIPE, "x"), ValueError("/a/path"), OSError(errno.ENOSPC, "x")])
def test_any_other_error_says_nothing_and_is_raised(error):
    page = FastAPI()

    @page.get("/")
    async def read():
        raise error

    guard = Guard(page, Settings(), Metrics(), lambda: False)
    answer = TestClient(guard, raise_server_exceptions=False).get("/")
    said = MESSAGES["en"]["error"].format(id=answer.headers["x-request-id"])
    assert answer.status_code == 500 and answer.json() == {"detail": said}
    with pytest.raises(type(error)):
        TestClient(guard).get("/")


@pytest.mark.parametrize("path", ["/gradio_api/upload", JOIN])
def test_a_body_that_trickles_in_is_given_up(path, in_a_thread):
    settings = Settings()
    settings.max_request_seconds = 0.2
    guard, sent, received = Guard(echo, settings, Metrics(), lambda: False), [], []
    scope = {"type": "http", "method": "POST", "path": path, "headers": [], "client": ("1.2.3.4", 5)}

    async def receive():
        await asyncio.sleep(0.02)
        received.append(1)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def send(message):
        sent.append(message)

    in_a_thread(asyncio.wait_for(guard(scope, receive, send), 20))
    assert sent[0]["status"] == 408 and b"took longer than 0.2 s" in sent[1]["body"] and 1 < len(received) < 12


def test_a_body_that_is_there_has_no_clock(in_a_thread):
    """After it the page waits for the visitor to leave, as long as its answer takes."""
    body = _Body(_later({"type": "http.request"}, {"type": "http.disconnect"}), 10, 0.1)

    async def read():
        first = await body()
        return first, await body()

    assert [message["type"] for message in in_a_thread(read())] == ["http.request", "http.disconnect"]


def _later(first: dict, then: dict):
    messages = [first, then]

    async def receive():
        if len(messages) == 1:
            await asyncio.sleep(0.3)
        return messages.pop(0)

    return receive


def test_a_refused_upload_is_read_on_but_not_for_ever(in_a_thread):
    read = []

    async def receive():
        read.append(1)
        return {"type": "http.request", "body": b"x" * 100, "more_body": True}

    in_a_thread(_Body(receive, 10_000, 60).throw_away(1000))
    assert len(read) == 11


@pytest.fixture
def listening(monkeypatch):
    """A server of connections.Connection whose page takes its time; its port."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)

    async def page(scope, receive, send):
        await asyncio.sleep(0.6)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    config = uvicorn.Config(page, port=0, http=connections.Connection, log_config=None, lifespan="off")
    server, taken = uvicorn.Server(config), socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]})
    thread.start()
    yield taken.getsockname()[1]
    server.should_exit = True
    thread.join(30)
    taken.close()


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: "])
def test_a_connection_that_says_nothing_whole_is_closed(listening, said):
    with socket.create_connection(("127.0.0.1", listening), 20) as raw:
        raw.sendall(said)
        assert raw.recv(100) == b""


def test_one_address_has_so_many_connections_and_no_more(listening, monkeypatch):
    monkeypatch.setattr(connections.Connection, "of_one_address", 2)
    monkeypatch.setattr(connections, "HEAD_SECONDS", 20)

    def answers(raw):
        answer = b""
        with suppress(ConnectionError):
            raw.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            while not answer.endswith(b"ok") and (more := raw.recv(1000)):
                answer += more
        return answer.endswith(b"ok")

    def connect():
        return socket.create_connection(("127.0.0.1", listening), 20)

    with connect() as one, connect() as two:
        assert answers(one) and answers(two)
        with connect() as three:
            assert not answers(three)
        one.close()
        for _ in range(100):  # until the server has seen that it is gone
            if connections.Connection._open["127.0.0.1"] < 2:
                break
            time.sleep(0.05)
        with connect() as four:
            assert answers(four) and answers(two)


def test_a_request_that_is_answered_late_is_not_cut_off(listening):
    with socket.create_connection(("127.0.0.1", listening), 20) as raw:
        for _ in range(2):  # the second on the same connection
            raw.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = b""
            while not answer.endswith(b"ok"):
                answer += raw.recv(1000) or pytest.fail("closed")
        raw.sendall(b"GET / HT")
        assert raw.recv(100) == b""
