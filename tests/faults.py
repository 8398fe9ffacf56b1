"""Faults, each caused on a page that is really served, and what a visitor saw: python -m tests.faults prints the table.

Checkpoints are a copy that may be altered; uploads lie on a disk of 16 MB of their own (`Disk`), which is filled or made
read-only. tests/browser/test_faults_served.py holds the rows against docs/serving.md.
"""

import errno
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from attention.core.paths import ROOT

PHOTO, OTHER = (str(ROOT / "samples" / f"{name}.jpg") for name in ("church", "golf-ball"))
SECONDS = 8  # that a request may take on this page, and the models of a slow comparison do not keep to
SET, LATER = "imagenette", "imagewoof"  # shown first, and loaded when it is asked for
DISK_MB = 16


class Disk:
    """A small disk at `folder`; where none may be mounted, faulty.py refuses to write there as a disk would."""

    def __init__(self, folder: Path):
        self.folder, self.fault = folder, folder.with_name("disk-fault")
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
        self.is_real = shutil.which("mount") is not None and not subprocess.run(command, capture_output=True).returncode

    def fill(self) -> None:
        if not self.is_real:
            self.fault.write_text(str(errno.ENOSPC))
            return
        with suppress(OSError), open(self.folder / "ballast", "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def make_read_only(self) -> None:
        if self.is_real:
            subprocess.run(["mount", "-o", "remount,ro", str(self.folder)], check=True)
        else:
            self.fault.write_text(str(errno.EROFS))

    def mend(self) -> None:
        if self.is_real:
            subprocess.run(["mount", "-o", "remount,rw", str(self.folder)], check=True)
            (self.folder / "ballast").unlink(missing_ok=True)
        self.fault.unlink(missing_ok=True)

    def left(self) -> list[str]:
        """Files that are no finished upload: those that an upload leaves which came to nothing."""
        return [path.name for path in (self.folder / "cache").iterdir() if path.is_file()]

    def unmount(self) -> None:
        if self.is_real:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)


@dataclass
class Lab:
    """A served page whose files can be spoilt, and a visitor's tab on it."""

    address: str
    folder: Path
    disk: Disk
    tab: Page

    def file(self, name: str, dataset: str = SET) -> Path:
        return self.folder / "checkpoints" / dataset / name

    @contextmanager
    def without(self, *paths: Path) -> Iterator[None]:
        """Files that may be altered or removed; after it they are as they were."""
        kept = {path: path.read_bytes() for path in paths}
        try:
            yield
        finally:
            for path, data in kept.items():
                path.write_bytes(data)

    def open(self) -> None:
        self.tab.goto(self.address)
        self.tab.wait_for_selector("#samples img")

    def upload(self, photo: str = PHOTO) -> None:
        self.tab.set_input_files("#photo input[type=file]", photo)

    def says(self, where: str = "[data-testid=toast-text]") -> str:
        found = self.tab.locator(where).first
        expect(found).to_contain_text(re.compile("[.。]"), timeout=60_000)
        return found.inner_text().strip()

    def compares(self) -> int:
        """The models that answer on a photo."""
        self.open()
        self.upload()
        self.tab.wait_for_selector("#results .summary:not(:text-is('\\00a0'))", timeout=60_000)
        return self.tab.locator("#results .card:not(.failed)").count()

    def health(self) -> dict:
        return httpx.get(self.address + "/healthz", timeout=60).json()


Seen = tuple[str, bool]  # what the visitor saw, and whether the page works again without a restart


def weights_altered(lab: Lab) -> Seen:
    with lab.without(lab.file("se-block.safetensors"), lab.file("baseline.safetensors")):
        lab.file("se-block.safetensors").write_bytes(b"altered")
        lab.file("baseline.safetensors").unlink()
        assert lab.compares() >= 6
    return "Nothing: the models in memory go on.", True


def manifest_half_written(lab: Lab) -> Seen:
    with lab.without(lab.file("manifest.json")):
        lab.file("manifest.json").write_text(lab.file("manifest.json").read_text()[:200])
        assert lab.compares() >= 6
        said = lab.health()
        assert said["status"] == "some files cannot be read" and "not valid JSON" in said["problems"][SET]
    return f"Nothing: the models in memory go on. `/healthz`: “{said['problems'][SET]}”", lab.health()["status"] == "ok"


def manifest_gone(lab: Lab) -> Seen:
    with lab.without(lab.file("manifest.json")):
        lab.file("manifest.json").unlink()
        assert lab.compares() >= 6
    return "Nothing: the models in memory go on.", lab.compares() >= 6


def later_manifest_damaged(lab: Lab) -> Seen:
    """Before that data set is in memory."""
    with lab.without(lab.file("manifest.json", LATER)):
        lab.file("manifest.json", LATER).write_text("{}")
        lab.open()
        lab.upload()
        lab.tab.wait_for_selector("#results .card")
        lab.tab.locator("#compare-dataset label", has_text="Imagewoof").click()
        said = lab.says("#results .notice")
        works = lab.compares() >= 6
    return said, works


def later_weights_altered(lab: Lab) -> Seen:
    """Before that data set is in memory; once the file is back, the model answers."""
    with lab.without(lab.file("se-block.safetensors", LATER)):
        lab.file("se-block.safetensors", LATER).write_bytes(b"altered")
        lab.open()
        lab.tab.locator("#compare-dataset label", has_text="Imagewoof").click()
        lab.tab.locator("#classes", has_text="dingo").wait_for(timeout=60_000)
        lab.upload()
        said = lab.says("#results .card .notice")
        answered = lab.tab.locator("#results .card[data-model=baseline] .prediction, #results .card .top5").count()
        assert answered, "the other models answer"
        assert f"{LATER}/se-block" in lab.health()["problems"]
    lab.tab.click("#go")
    expect(lab.tab.locator("#results .card .notice")).to_have_count(0, timeout=60_000)
    return said, "problems" not in lab.health()


def disk_full(lab: Lab) -> Seen:
    return _no_place(lab, lab.disk.fill)


def disk_read_only(lab: Lab) -> Seen:
    return _no_place(lab, lab.disk.make_read_only)


def _no_place(lab: Lab, spoil: Callable[[], None]) -> Seen:
    lab.open()
    spoil()
    try:
        lab.upload()
        said = lab.says()
        assert lab.health()["status"].startswith("no place for uploads")
    finally:
        lab.disk.mend()
    return said, lab.compares() >= 6 and not lab.disk.left()


def report_on_full_disk(lab: Lab) -> Seen:
    assert lab.compares() >= 6
    lab.disk.fill()
    try:
        lab.tab.click("#save-report")
        said = lab.says("#save-says .notice")
    finally:
        lab.disk.mend()
    with lab.tab.expect_download(timeout=60_000):
        lab.tab.click("#save-report")
    return said, True


def table_on_full_disk(lab: Lab) -> Seen:
    """The CSV of many photos: the table itself is shown."""
    lab.open()
    lab.tab.get_by_role("tab", name="Many photos").click()
    lab.tab.set_input_files("#many-files input[type=file]", [PHOTO, OTHER])
    expect(lab.tab.locator("#many-files")).to_contain_text("golf-ball")
    lab.disk.fill()
    try:
        lab.tab.click("#many-go")
        said = lab.says()
        assert lab.tab.locator("#many-table tbody tr").count() == 2
    finally:
        lab.disk.mend()
    lab.tab.click("#many-go")
    lab.tab.locator("#many-csv").wait_for(timeout=60_000)
    return said, not lab.disk.left()


def page_opened_read_only(lab: Lab) -> Seen:
    """Samples are pictures that a visit writes."""
    lab.disk.make_read_only()
    try:
        lab.tab.goto(lab.address)
        said = lab.says()
    finally:
        lab.disk.mend()
    return said, lab.compares() >= 6


def takes_too_long(lab: Lab) -> Seen:
    lab.open()
    (lab.folder / "slow").touch()
    try:
        lab.upload()
        said = lab.says()
    finally:
        (lab.folder / "slow").unlink()
    return said, lab.compares() >= 6


def trickles(lab: Lab) -> Seen:
    """An upload of a byte a second: whoever sends it is told, and the file is gone."""
    host, port = lab.address.removeprefix("http://").split(":")
    head = '--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    with socket.create_connection((host, int(port)), 60) as raw:
        raw.settimeout(1)
        raw.sendall(
            f"POST /gradio_api/upload HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            f"Content-Length: 100000\r\n\r\n{head}".encode()
        )
        answer = b""
        for _ in range(4 * SECONDS):
            with suppress(TimeoutError):
                answer += raw.recv(65536)
            if answer.endswith(b"}"):
                break
            raw.sendall(b"x")
    assert answer.startswith(b"HTTP/1.1 408")
    return json.loads(answer[answer.index(b"{") :])["detail"], lab.compares() >= 6 and not lab.disk.left()


def port_taken(lab: Lab) -> Seen:
    port = lab.address.rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "app.py", "--device", "cpu", "--dataset", "imagenette", "--port", port], cwd=ROOT, capture_output=True, text=True, timeout=250
    )  # fmt: skip
    assert done.returncode == 2
    return f"The host: “{done.stderr.strip().replace(port, '7860')}”", lab.compares() >= 6


@dataclass(frozen=True)
class Fault:
    what: str
    cause: Callable[[Lab], Seen]

    def row(self, saw: str, recovered: bool) -> str:
        quoted = saw if "“" in saw or saw.startswith("Nothing") else f"“{saw}”"
        return f"| {self.what} | {quoted} | {'yes' if recovered else 'no'} |"


FAULTS = (  # in this order: the first of the data set that is loaded later want it unloaded
    Fault("manifest of a data set that is not loaded yet, of another shape", later_manifest_damaged),
    Fault("weights of a data set that is not loaded yet, altered", later_weights_altered),
    Fault("weights altered and weights removed, of models in memory", weights_altered),
    Fault("manifest half written while the page runs", manifest_half_written),
    Fault("manifest removed while the page runs", manifest_gone),
    Fault("disk full, a photo is uploaded", disk_full),
    Fault("file system turned read-only, a photo is uploaded", disk_read_only),
    Fault("file system read-only, the page is opened", page_opened_read_only),
    Fault("disk full, a report is saved", report_on_full_disk),
    Fault("disk full, the table of many photos is saved", table_on_full_disk),
    Fault(f"a comparison that takes longer than `--max-request-seconds` ({SECONDS} here)", takes_too_long),
    Fault("an upload that trickles in", trickles),
    Fault("port taken", port_taken),
)


@contextmanager
def lab(folder: Path, chromium) -> Iterator[Lab]:
    """A page of faulty.py on a disk of its own, and a tab of the browser `chromium`."""
    shutil.copytree(ROOT / "checkpoints", folder / "checkpoints")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    disk = Disk(folder / "disk")
    (disk.folder / "tmp").mkdir()
    (disk.folder / "cache").mkdir()
    environment = os.environ | {"ATTENTION_DATA": str(folder), "ATTENTION_OWN": str(folder / "own"), "PYTHONPATH": str(ROOT)}  # fmt: skip
    environment |= {"GRADIO_TEMP_DIR": str(disk.folder / "cache"), "TMPDIR": str(disk.folder / "tmp")}
    command = [sys.executable, "tests/browser/faulty.py", str(folder), "--max-request-seconds", str(SECONDS), "--port"]
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(
            [*command, address.rpartition(":")[2]], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    context = chromium.new_context(locale="en-GB", viewport={"width": 1440, "height": 1000})
    try:
        _wait_for(address, process, folder / "log")
        tab = context.new_page()
        tab.set_default_timeout(60_000)
        yield Lab(address, folder, disk, tab)
    finally:
        context.close()
        process.terminate()
        process.wait(60)
        disk.unmount()


def _wait_for(address: str, process: subprocess.Popen, log: Path) -> None:
    for _ in range(240):
        assert process.poll() is None, log.read_text()
        with suppress(httpx.HTTPError):
            if httpx.get(f"{address}/healthz", timeout=5).status_code == 200:
                return
        time.sleep(0.5)
    raise AssertionError(log.read_text())


def main() -> None:
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import CHROMIUM, FLAGS

    print("| fault | what the visitor saw | works again, without a restart |\n|---|---|---|")
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as folder,
        sync_playwright() as playwright,
        lab(Path(folder), playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)) as page,
    ):
        for fault in FAULTS:
            print(fault.row(*fault.cause(page)), flush=True)


if __name__ == "__main__":
    main()
