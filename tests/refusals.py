"""What the page refuses, as curl says it: python -m tests.refusals (make refusals).

It starts the page, runs each line, and prints them with the status and the first line of what came back, as Markdown.
"""

import json
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from attention.core.paths import ROOT

PAGE = "http://127.0.0.1:7860"  # as printed
HOME = "/home/page/"  # stands for where the page lies
# a fifth of the default rate, to come to it soon
SERVED = ("app.py", "--device", "cpu", "--dataset", "imagenette", "--rate-limit", "240", "--port")
JSON = "-H 'Content-Type: application/json'"
WEIGHTS = "checkpoints/imagenette/baseline.safetensors"


@dataclass(frozen=True)
class Case:
    """`line` is a command of a shell that ends with a request of curl; `status` what it has to get."""

    group: str
    line: str
    status: int


def photo(path: str) -> str:
    """A body that asks for a comparison of a picture at `path`."""
    return json.dumps({"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}, ["baseline"]]})


def bare(path: str) -> str:
    """The same, without saying that it is a file of Gradio's, which the framework then does not look at but opens."""
    return json.dumps({"data": [{"path": path}, ["baseline"]]})


def get(group: str, *paths: str, status: int = 404) -> list[Case]:
    return [Case(group, f"curl --path-as-is '{PAGE}{path}'", status) for path in paths]


def post(group: str, path: str, body: str, status: int, header: str = JSON) -> Case:
    return Case(group, f"curl {header} -d '{body}' {PAGE}/gradio_api/{path}".replace("  ", " "), status)


def zeros(count: int, request: str) -> str:
    return f"head -c {count} /dev/zero | curl {request}"


CASES = [
    *get(
        "Path traversal", "/gradio_api/file=../../../../etc/passwd", "/gradio_api/file=%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/gradio_api/file=%252e%252e%252f%252e%252e%252fetc%252fpasswd", "/gradio_api/file=/tmp/../etc/passwd",
        "/gradio_api/file=/etc/passwd", "/gradio_api/file=/etc/passwd%00.jpg", status=403,
    ),
    *get("Path traversal", "/assets/../../../routes.py", "/static/..%2f..%2f..%2fapp.py", status=403),
    *get("Path traversal", "/../../etc/passwd"),
    *get(
        "Source and weights", "/gradio_api/file=app.py", f"/gradio_api/file={ROOT}/attention/web/page.py",
        f"/gradio_api/file={WEIGHTS}", f"/gradio_api/file={ROOT}/{WEIGHTS}", "/gradio_api/file=/proc/self/environ", status=403,
    ),
    *get("Source and weights", "/app.py", "/attention/serving/door.py", f"/{WEIGHTS}", "/.git/config"),
    Case("Other sites", f"curl -H 'Origin: http://evil.example' {JSON} -d '{{\"data\": []}}' {PAGE}/gradio_api/run/benchmarks", 403),
    Case("Other sites", f"curl -H 'Origin: null' {JSON} -d '{{\"data\": []}}' {PAGE}/gradio_api/run/benchmarks", 403),
    Case("Other sites", f"curl -H 'Origin: http://evil.example' -H 'X-Forwarded-Host: evil.example' -F files=@app.py {PAGE}/gradio_api/upload", 403),
    Case("Other sites", f"curl -H 'Host: evil.example' -H 'Origin: {PAGE}' {JSON} -d '{{\"data\": []}}' {PAGE}/gradio_api/run/benchmarks", 403),
    Case("Too large", zeros(1_000_001, f"{JSON} --data-binary @- {PAGE}/gradio_api/run/compare"), 413),
    Case("Too large", zeros(1_000_001, f"-H 'Transfer-Encoding: chunked' {JSON} --data-binary @- {PAGE}/gradio_api/queue/join"), 413),
    Case("Too large", zeros(20_000_001, f"-F 'files=@-;filename=photo.jpg' {PAGE}/gradio_api/upload"), 413),
    Case("Too large", f"curl -H 'Content-Length: 600000000' -d x {PAGE}/gradio_api/upload", 413),
    post("Wrong types", "run/compare", "hello", 400, "-H 'Content-Type: text/plain'"),
    post("Wrong types", "run/compare", "<photo/>", 400, "-H 'Content-Type: application/xml'"),
    post("Wrong types", "run/compare", '{"data": [', 400),
    post("Wrong types", "run/compare", "[1, 2, 3]", 422),
    post("Wrong types", "run/compare", '{"data": {"photo": 1}}', 422),
    post("Wrong types", "upload", '{"files": []}', 400),
    Case("Wrong types", f"curl -H 'Content-Type: multipart/form-data; boundary=x; charset=punycode' -d x {PAGE}/gradio_api/upload", 400),
    Case("Wrong types", f"curl -H 'Content-Type: application/x-www-form-urlencoded; charset=idna' -d x {PAGE}/login", 400),
    post("A file of the server as an upload", "run/compare", photo("/etc/passwd"), 403),
    post("A file of the server as an upload", "run/compare", photo("../../etc/passwd"), 403),
    post("A file of the server as an upload", "run/compare", photo("samples/church.jpg"), 403),
    post("A file of the server as an upload", "run/compare", bare(f"{ROOT}/samples/church.jpg"), 403),
    post("A file of the server as an upload", "call/compare", bare("samples/church.jpg"), 403),
    post("A file of the server as an upload", "queue/join", bare("/etc/passwd"), 403),
    Case("A file of the server as an upload", f"curl {JSON} -d '{{\"data\": [{{\"path\": \"'$(dirname $(dirname $(curl -s -F files=@samples/church.jpg {PAGE}/gradio_api/upload | cut -d'\"' -f2)))'\"}}, [\"baseline\"]]}}' {PAGE}/gradio_api/call/compare", 403),
    post("An address as an upload", "run/compare", photo("http://127.0.0.1:22/"), 400),
    post("An address as an upload", "call/compare", photo("http://169.254.169.254/latest/meta-data/"), 400),
    post("An address as an upload", "queue/join", photo("file:///etc/passwd"), 400),
    *get("An address as an upload", "/gradio_api/file=http://127.0.0.1/", "/gradio_api/proxy=http://127.0.0.1/"),
    *get("Closed routes", "/monitoring", "/openapi.json", "/docs", "/gradio_api/runs", "/gradio_api/deep_link", "/gradio_api/component_server"),
    post("Closed routes", "run/compare", json.dumps({"data": [None, ["baseline"]]}), 404),
    post("Closed routes", "call/partial_1", json.dumps({"data": []}), 404),
    Case("Wrong method", f"curl -X DELETE {PAGE}/", 404),
    Case("Wrong method", f"curl -X PUT -d x {PAGE}/gradio_api/upload", 404),
    Case("Wrong method", f"curl -X TRACE {PAGE}/", 404),
    Case("Wrong method", f"curl -X POST -d x {PAGE}/healthz", 404),
    Case("Too many", f"curl -d 'username=ada&password=guess' '{PAGE}/login?[1-12]'", 429),
    Case("Too many", f"curl {JSON} -d '{{' '{PAGE}/gradio_api/run/compare?[1-400]'", 429),
]  # fmt: skip


def answer(case: Case, address: str) -> tuple[int, str]:
    """The status, and the first line of the body. Of a line that asks many times the answer that is expected, or the last."""
    line = case.line.replace("curl ", "curl -s -m 60 -w '\\n%{http_code}\\n' ", 1).replace(PAGE, address)
    done = subprocess.run(line, shell=True, cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=280)
    answers = re.findall(r"(.*?)^(\d{3})$", done.stdout, flags=re.MULTILINE | re.DOTALL)
    body, status = next((found for found in answers if int(found[1]) == case.status), answers[-1])
    return int(status), body.strip().split("\n")[0].replace(f"{ROOT}/", HOME)[:160]


def transcript(address: str) -> None:
    group = None
    for case in CASES:
        if case.group != group:
            print(("```\n" if group else "") + f"\n{case.group}\n\n```console")
            group = case.group
        status, said = answer(case, address)
        print(
            f"$ {case.line.replace(f'{ROOT}/', HOME)}\n{status} {said}"
            + ("" if status == case.status else f"   # EXPECTED {case.status}"),
            flush=True,
        )
    print("```")


def main() -> None:
    from tests.browser.conftest import serving

    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), *SERVED) as address:
        transcript(address)


if __name__ == "__main__":
    main()
