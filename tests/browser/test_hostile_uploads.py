"""Hostile files through the running page and its API: a sentence, or the right answer, and the page goes on."""

import json
import socket
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from hostile import CASES, encode, plain
from playwright.sync_api import expect

from attention.core.paths import ROOT
from attention.pictures.reading import MESSAGES
from attention.serving import refusals

GOOD = str(ROOT / "samples" / "church.jpg")
CHOSEN = {
    case.kind: case
    for case in CASES
    if case.kind
    in (
        "SVG with a script", "EPS (Pillow would run Ghostscript)", "PNG, half of it", "PNG of no width",
        "PNG, 14 kB for 120 million pixels", "TIFF, 2,000 tags of 10 MB each", "PNG, text that unpacks to 500 MB",
        "JPEG with a script in its comment", "GIF that is a script too", "CMYK JPEG, inverted as Adobe does",
        "float TIFF, all NaN", "16-bit grey PNG", "JPEG on its side, with a place", "animated GIF",
    )
}  # fmt: skip
NAMES = [  # of a file, as it is sent
    "../../../../etc/passwd.png",
    "..%2f..%2fapp.py",
    "/etc/cron.d/job.png",
    "C:\\windows\\a.png",
    '"; rm -rf ~.png',
    "<img src=x onerror=alert(1)>.png",
    "\u202egnp.exe",
    "照片 церковь 🙂.png",
    "a" * 3000 + ".png",
    ".png",
    "no-ending",
]


@pytest.fixture(scope="module")
def client(server):
    client = Client(server, verbose=False)
    yield client
    client.close()


def sentence(case) -> str:
    """The sentence of a refusal, as far as it holds no numbers."""
    return MESSAGES["en"][case.code].partition("{")[0]


def write(case, folder: Path) -> str:
    path = folder / "photo.png"  # whatever it is
    path.write_bytes(case.make())
    return str(path)


def test_all_chosen_are_in_the_set():
    assert len(CHOSEN) == 14


@pytest.mark.parametrize("kind", CHOSEN)
def test_the_api(client, kind, tmp_path):
    case = CHOSEN[kind]
    if case.code:
        with pytest.raises(AppError) as caught:
            client.predict(handle_file(write(case, tmp_path)), ["baseline"], api_name="/compare")
        assert sentence(case) in str(caught.value) and str(tmp_path) not in str(caught.value)
    else:
        answer = client.predict(handle_file(write(case, tmp_path)), ["baseline"], api_name="/compare")
        assert tuple(answer["notices"]) == case.notices and len(answer["models"]) == 1


def test_the_page(visit, tmp_path):
    tab = visit()
    for kind in ("SVG with a script", "PNG, 14 kB for 120 million pixels", "TIFF, 2,000 tags of 10 MB each"):
        tab.page.set_input_files("#photo input[type=file]", write(CHOSEN[kind], tmp_path))
        expect(tab.page.locator(".toast-body").first).to_contain_text(sentence(CHOSEN[kind]), timeout=30_000)
        # the browser itself reports that it cannot show such a file
        tab.messages[:] = [message for message in tab.messages if "Failed to load resource" not in message]
        tab.page.reload()
        tab.page.wait_for_selector("#samples img")
    tab.page.set_input_files("#photo input[type=file]", GOOD)
    tab.page.wait_for_selector("#results .summary:not(:text-is('\\00a0'))")


def send(server: str, name: str, content: bytes, field: str = "files") -> bytes:
    """POST one file under any name; the answer, or HTTPError."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    head = f'--x\r\nContent-Disposition: form-data; name="{field}"; filename="{quoted}"\r\n\r\n'
    request = urllib.request.Request(
        f"{server}/gradio_api/upload", head.encode() + content + b"\r\n--x--\r\n",
        {"Content-Type": "multipart/form-data; boundary=x"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_leads_nowhere(server, tmp_path_factory, name):
    """Whatever a file is called, it lies in the folder of uploads, or is refused."""
    content = encode(plain(), "PNG")
    try:
        (path,) = json.loads(send(server, name, content))
    except urllib.error.HTTPError as error:
        with error:
            assert 400 <= error.code < 500
        return
    lies = Path(path)
    assert lies.read_bytes() == content
    assert lies.resolve() == lies and "cache" in lies.parts[:-2] and lies.name not in ("app.py", "passwd")


def test_a_file_that_is_too_large_is_refused_before_it_is_read(server):
    with pytest.raises((urllib.error.HTTPError, ConnectionError, urllib.error.URLError)) as caught:
        send(server, "a.png", bytes(25_000_000))
    if isinstance(caught.value, urllib.error.HTTPError):
        with caught.value as refusal:
            assert refusal.code == 413


@pytest.mark.parametrize("path", [
    "/etc/passwd", "../../../../etc/passwd", "app.py", "checkpoints/imagenette/manifest.json", "attention/pictures/reading.py",
    str(ROOT / "app.py"), str(ROOT / "checkpoints" / "imagenette" / "manifest.json"), "..%2f..%2f..%2fetc%2fpasswd",
])  # fmt: skip
@pytest.mark.parametrize("route", ["/gradio_api/file=", "/file=", "/static/", "/gradio_api/stream/", "/assets/", "/"])
def test_no_file_of_the_server_is_served(server, route, path):
    """Sent as it is: urllib would tidy the dots away."""
    host, port = urllib.parse.urlsplit(server).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as plug:
        plug.sendall(f"GET {route}{path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: plug.recv(65536), b""))
    status, body = int(answer.split()[1]), answer.partition(b"\r\n\r\n")[2]
    assert 400 <= status < 500, answer[:300]
    assert not any(word in body for word in (b"root:", b"argparse", b"sha256", b"import "))


@pytest.mark.parametrize(
    "path", ["/etc/passwd", str(ROOT / "samples" / "church.jpg"), "samples/church.jpg", str(ROOT / "app.py")]
)
@pytest.mark.parametrize("says", [{"meta": {"_type": "gradio.FileData"}}, {"meta": {"_type": "else"}}, {}])
@pytest.mark.parametrize("route", ["run", "call"])
def test_a_path_on_the_server_is_no_upload(server, path, says, route):
    """A client may send {"path": ...} of a file that nobody uploaded; it gets neither an answer about it nor the file."""
    answer = httpx.post(f"{server}/gradio_api/{route}/compare", json={"data": [{"path": path} | says, ["baseline"]]})
    assert answer.status_code == 403 and answer.json() == {"detail": refusals.MESSAGES["en"]["path"]}


def test_what_nobody_uploaded_in_the_folder_of_uploads(server):
    """The folder itself, where everybody's files lie, is refused; of a file that is not there nothing is said."""
    (path,) = json.loads(send(server, "photo.png", b"x"))
    compare = f"{server}/gradio_api/call/compare"

    def ask(path):
        return httpx.post(
            compare, json={"data": [{"path": str(path), "meta": {"_type": "gradio.FileData"}}, ["baseline"]]}
        )

    assert [ask(folder).status_code for folder in (Path(path).parents[1], Path(path).parent)] == [403, 403]
    said = httpx.get(f"{compare}/{ask(Path(path).with_name('none.png')).json()['event_id']}", timeout=60).text
    assert "event: error" in said and "none.png" not in said


@pytest.mark.parametrize(
    "part",
    [
        'name="other"; filename="a.png"',
        'name="files"; filename=".."',
        'name="files"; filename="a/.."',
        'name="files"; filename=".\x01."',
        'name="files"',
        'name="other"',
    ],
    ids=ascii,
)
def test_what_is_no_file_of_an_upload_is_refused_and_leaves_nothing(server, part):
    (path,) = json.loads(send(server, "photo.png", b"x"))
    uploads = Path(path).parents[1]
    before = set(uploads.iterdir())
    body = f"--x\r\nContent-Disposition: form-data; {part}\r\n\r\nx\r\n--x--\r\n".encode()
    request = urllib.request.Request(
        f"{server}/gradio_api/upload", body, {"Content-Type": "multipart/form-data; boundary=x"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=60)
    with refused.value as answer:
        assert answer.code == 400
    assert set(uploads.iterdir()) <= before
