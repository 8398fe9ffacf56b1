"""The page as it is put on a network: what it refuses, who it lets in, how it fails and how it leaves."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file

from attention.core.paths import ROOT
from attention.serving.passwords import line

SAMPLE = sorted((ROOT / "samples").glob("*.jpg"))[0]
PICTURE = {"meta": {"_type": "gradio.FileData"}}


@pytest.fixture
def http(server):
    with httpx.Client(base_url=server, timeout=60) as client:
        yield client


def test_healthy_when_models_answer(http):
    answer = http.get("/healthz")
    assert answer.status_code == 200 and answer.json()["status"] == "ok" and answer.json()["models"] > 0


def test_metrics_for_this_machine(http):
    http.get("/healthz")
    text = http.get("/metrics").text
    assert 'route="/healthz"' in text and "process_resident_memory_bytes" in text and "attention_waiting" in text
    for name in ("x-forwarded-for", "forwarded", "x-real-ip", "via"):
        assert http.get("/metrics", headers={name: "1.2.3.4"}).status_code == 404, "a proxy stands in front"


def test_the_description_of_the_api_names_the_host_as_each_visitor_does(http, server):
    """What one visitor is told is not kept for the next: a host that somebody made up would stand in their snippets."""
    evil = http.get("/gradio_api/info", headers={"host": "evil.example"}).text
    assert "http://evil.example" in evil
    mine = http.get("/gradio_api/info").text
    assert "evil.example" not in mine and server in mine
    assert "evil.example" not in http.get("/gradio_api/info", headers={"x-gradio-server": "http://evil.example"}).text


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd", "/gradio_api/file=/etc/passwd", "/gradio_api/file=../../../etc/passwd", "/gradio_api/file=app.py",
        f"/gradio_api/file={ROOT}/app.py", f"/gradio_api/file={ROOT}/checkpoints/imagenette/baseline.safetensors",
        "/gradio_api/file=checkpoints/imagenette/manifest.json", "/gradio_api/file=http://127.0.0.1/healthz",
        "/assets/../../../routes.py", "/assets/%2e%2e/%2e%2e/routes.py", "/static/..%2f..%2fapp.py", "/monitoring", "/docs",
        "/gradio_api/runs", "/gradio_api/proxy=http://127.0.0.1/", "/checkpoints/imagenette/manifest.json", "/openapi.json",
    ],
)  # fmt: skip
def test_no_file_of_the_server_is_served(server, path):
    """Raw, since clients tidy a path before they send it."""
    host, port = server.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 30) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.split(b"\r\n")[0].split()[1] in (b"403", b"404"), answer[:200]
    assert b"root:" not in answer and b"import argparse" not in answer


def test_hostile_requests_get_a_sentence(http):
    evil = {"origin": "http://evil.example"}
    assert http.post("/gradio_api/call/benchmarks", json={"data": []}, headers=evil).status_code == 403
    assert "access-control-allow-origin" not in http.get("/config", headers=evil).headers
    fetched = http.post(
        "/gradio_api/call/compare", json={"data": [{"path": "http://127.0.0.1/x.png", **PICTURE}, None]}
    )
    assert fetched.status_code == 400 and "upload" in fetched.json()["detail"]
    assert http.post("/gradio_api/call/compare", content=b"{nonsense").status_code == 400
    assert http.post("/gradio_api/call/compare", content=b" " * 1_000_001).status_code == 413
    assert http.post("/gradio_api/upload", files={"files": ("a.jpg", b"\0" * 20_000_001)}).status_code == 413
    for wrong in ("[]", '{"data": {"a": 1}}', '{"data": ["x"]}', '{"data": [null, ["nonsense"]]}', '{"data": [1, 2]}'):
        answer = http.post("/gradio_api/call/compare", content=wrong, headers={"content-type": "application/json"})
        if answer.status_code == 200:
            answer = http.get(f"/gradio_api/call/compare/{answer.json()['event_id']}")
            assert "event: error" in answer.text
        else:
            assert answer.status_code == 422
        assert str(ROOT) not in answer.text and "Traceback" not in answer.text
    assert http.get("/healthz").json()["status"] == "ok"


def test_an_upload_is_never_a_page_of_ours(http):
    page = b"<script>alert(document.cookie)</script>"
    (path,) = http.post("/gradio_api/upload", files={"files": ("../../evil.html", page)}).json()
    assert Path(path).name == "evil.html" and ".." not in path
    answer = http.get(f"/gradio_api/file={path}")
    assert "attachment" in answer.headers.get("content-disposition", "") or answer.status_code in (403, 404)
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_password_is_asked_for(tmp_path, start):
    users = tmp_path / "users"
    users.write_text(line("ada", "correct horse"))
    with start(
        tmp_path, "app.py", "--device", "cpu", "--dataset", "imagenette", "--auth-file", str(users), "--port"
    ) as address:
        with httpx.Client(base_url=address, timeout=60) as client:
            assert client.get("/healthz").status_code == 200, "a load balancer has no password"
            assert client.post("/gradio_api/call/benchmarks", json={"data": []}).status_code == 401
            assert client.post("/gradio_api/upload", files={"files": ("a.jpg", b"x")}).status_code == 401
            assert client.post("/login", data={"username": "ada", "password": "wrong"}).status_code == 400
            assert client.post("/login", data={"username": "ada", "password": "correct horse"}).status_code == 200
            assert client.post("/gradio_api/call/benchmarks", json={"data": []}).status_code == 200


def test_asked_to_leave_in_mid_request_it_finishes_first(tmp_path):
    """Six comparisons are under way when SIGTERM comes: each gets its answer, newcomers are told, and the process is gone."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"GRADIO_TEMP_DIR": str(tmp_path / "cache"), "ATTENTION_DATA": str(tmp_path)}
    with open(tmp_path / "log", "w") as output:
        process = subprocess.Popen(
            [sys.executable, "app.py", "--device", "cpu", "--dataset", "imagenette", "--port", str(port), "--log", "json"], cwd=ROOT, env=environment,
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        _until_healthy(port, process, tmp_path / "log")
        client = Client(f"http://127.0.0.1:{port}", verbose=False)
        jobs = [client.submit(handle_file(str(SAMPLE)), None, api_name="/compare") for _ in range(6)]
        deadline = time.monotonic() + 60
        while (
            any(job.status().code.name in ("STARTING", "JOINING_QUEUE") for job in jobs) and time.monotonic() < deadline
        ):
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        assert all(len(job.result(timeout=120)["models"]) > 5 for job in jobs)
        process.wait(60)
    finally:
        process.kill()
    events = [json.loads(row) for row in (tmp_path / "log").read_text().splitlines() if row.startswith("{")]
    (left,) = [event for event in events if event["event"] == "left"]
    assert left["cut_off"] == 0


def _until_healthy(port: int, process: subprocess.Popen, log: Path) -> None:
    for _ in range(240):
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.5)
    raise AssertionError(log.read_text())


def _fails(*flags: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "app.py", "--device", "cpu", "--dataset", "imagenette", *flags], cwd=ROOT, env=os.environ | environment, capture_output=True,
        text=True, timeout=250,
    )  # fmt: skip
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    return done.stderr.strip()


def test_what_stops_the_page_at_its_start_is_said_in_a_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = _fails("--port", str(taken.getsockname()[1]))
        assert said.endswith("Try another --port.") and len(said.splitlines()) == 1
    (tmp_path / "file").write_text("")
    assert "Set GRADIO_TEMP_DIR" in _fails("--port", "0", GRADIO_TEMP_DIR=str(tmp_path / "file" / "cache"))
    assert "check --auth-file" in _fails("--port", "0", "--auth-file", str(tmp_path / "none"))


def test_uploads_go_after_their_time(tmp_path, start):
    """By their age, known to gradio or not; a page with the shortest of ages, looked at until they are gone."""
    code = (
        "import sys; from attention.web import server; server.CLEAN_SECONDS = 1; import app;"
        "made = server.Served.__init__\n"
        "def quick(self, sets, settings, **others):\n    settings.keep_minutes, settings.max_request_seconds = 1 / 30, 2\n    made(self, sets, settings, **others)\n"
        "server.Served.__init__ = quick; sys.exit(app.main(['--device', 'cpu', '--dataset', 'imagenette', '--port', sys.argv[1]]))"
    )
    with start(tmp_path, "-c", code) as address, httpx.Client(base_url=address, timeout=60) as client:
        (path,) = client.post("/gradio_api/upload", files={"files": ("a.jpg", SAMPLE.read_bytes())}).json()
        assert Path(path).exists()
        uploads = Path(path).parents[1]
        (uploads / "tmpleft").write_bytes(b"x")
        beside = uploads.parent / "of another program"
        beside.write_bytes(b"x")
        deadline = time.monotonic() + 60
        while list(uploads.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.25)
        assert list(uploads.iterdir()) == [] and beside.exists()
