"""The container, nginx and Spaces files hold what docs/containers.md promises; nginx reads its file where it is installed."""

import http.server
import json
import re
import shlex
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from fnmatch import fnmatchcase

import pytest
import yaml

from attention.core.paths import ROOT
from attention.pictures.limits import _FLAGS, MAX_MEGABYTES
from attention.serving.settings import SETTINGS

pytestmark = pytest.mark.served

PORT = "7860"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
needs_nginx = pytest.mark.skipif(not NGINX, reason="no nginx here: apt install nginx-light")
SECRET = re.compile(r"(password|passwd|secret|token|api_?key|private_?key)", re.IGNORECASE)
NGINX_CONF = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")


def dockerfile() -> list[tuple[str, str]]:
    """(instruction, arguments) in order, continued lines joined, comments left out."""
    lines = [
        line for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines() if line.lstrip()[:1] != "#"
    ]
    joined = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [tuple(line.split(None, 1)) for line in joined if line.strip()]


def arguments(instruction: str) -> list[str]:
    return [given for name, given in dockerfile() if name == instruction]


def last_stage() -> list[tuple[str, str]]:
    parsed = dockerfile()
    return parsed[max(index for index, (name, _) in enumerate(parsed) if name == "FROM") :]


def copied() -> list[str]:
    """What COPY takes from the folder of the build, in every stage."""
    return [source for given in arguments("COPY") if "--from" not in given for source in shlex.split(given)[:-1]]


def is_ignored(path: str) -> bool:
    """By .dockerignore: the last pattern that matches the path, or a folder that it lies in, decides."""
    parts, ignored = path.split("/"), False
    for pattern in (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n"):
        if not pattern or pattern.startswith("#"):
            continue
        wanted = pattern.lstrip("!").removeprefix("**/")
        for length in range(1, len(parts) + 1):
            head = parts[:length]
            whole = "/".join(head[-1:] if "**/" in pattern else head)
            same_depth = "**/" in pattern or wanted.count("/") == length - 1
            if same_depth and fnmatchcase(whole, wanted):
                ignored = not pattern.startswith("!")
    return ignored


# The image


def test_the_base_image_is_pinned():
    (python,) = [given for given in arguments("ARG") if given.startswith("PYTHON=")]
    assert re.fullmatch(r"PYTHON=3\.11\.\d+-slim-[a-z]+", python)
    assert [given.split()[0] for given in arguments("FROM")] == ["python:${PYTHON}"] * 2


def test_it_runs_as_nobody_in_particular_and_tells_its_health():
    stage = last_stage()
    (user,) = [given for name, given in stage if name == "USER"]
    assert user.isdigit() and int(user) >= 1000  # a number: Kubernetes cannot tell that a name is not root
    names = [name for name, _ in stage]
    assert max(index for index, name in enumerate(names) if name in ("COPY", "RUN", "ADD")) < names.index("USER")
    (health,) = [given for name, given in stage if name == "HEALTHCHECK"]
    command = json.loads(health.partition("CMD")[2])
    compile(command[2], "healthcheck", "exec")
    assert command[:2] == ["python", "-c"] and "/healthz" in command[2] and "--start-period" in health
    assert [given for name, given in stage if name == "EXPOSE"] == [PORT]
    (environment,) = [given for name, given in stage if name == "ENV"]
    assert f"PORT={PORT}" in environment and "HOST=0.0.0.0" in environment


def test_the_healthcheck_fails_where_nothing_answers():
    (health,) = arguments("HEALTHCHECK")
    command = json.loads(health.partition("CMD")[2])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound, but nobody listens
        port = str(free.getsockname()[1])
        done = subprocess.run(
            ["python3", *command[1:]], env={"PORT": port, "PATH": "/usr/bin:/bin"}, capture_output=True
        )
    assert done.returncode == 1 and b"refused" in done.stderr


def test_nothing_secret_or_remote_is_built_in():
    text = " ".join(given for name, given in dockerfile() if name in ("ENV", "ARG", "RUN"))
    assert not SECRET.search(text) and not arguments("ADD")
    assert not re.search(r"https?://(?!127\.0\.0\.1)", text) and "curl" not in text and "trusted-host" not in text


def test_what_is_copied_is_there_and_reaches_the_builder():
    for source in copied():
        assert (ROOT / source).exists() and not is_ignored(source), source
    for needed in ("attention/web/page.py", "checkpoints/imagenette/manifest.json", "data/results/runs.csv"):
        assert (ROOT / needed).exists() and not is_ignored(needed), needed
        assert any(needed.startswith(source) for source in copied()), needed


@pytest.mark.parametrize("path", [
    ".git/config", ".venv/bin/python", "runs/state.pt", "out/space/app.py", "data/imagenette2-160/train/a.JPEG",
    "data/own/shapes/list.json", "data/downloads/imagenette.tgz", "tests/hostile.py", ".env", "deploy/nginx.conf",
    "attention/__pycache__/uploads.cpython-311.pyc", ".github/token",
])  # fmt: skip
def test_photographs_runs_and_history_stay_here(path):
    assert is_ignored(path)


# Compose


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


def test_the_page_is_confined(compose):
    page = compose["services"]["page"]
    assert page["read_only"] and page["cap_drop"] == ["ALL"] and page["mem_limit"] and page["pids_limit"]
    assert "no-new-privileges:true" in page["security_opt"] and "privileged" not in page
    assert "ports" not in page and page["expose"] == [PORT]  # nginx alone is reached from outside
    assert page["build"]["args"].keys() <= {given.split("=")[0] for given in arguments("ARG")}


def test_its_environment_is_what_the_page_reads(compose):
    known = {variable: default for variable, default, _ in _FLAGS.values()}
    settings = {setting.variable: setting for setting in SETTINGS}
    for variable, given in compose["services"]["page"]["environment"].items():
        if variable in known:
            assert given == f"${{{variable}:-{known[variable]:g}}}"
        else:
            settings[variable].parse(str(given))
    assert compose["services"]["page"]["environment"]["ATTENTION_PROXIES"] == 1  # nginx


def test_nginx_is_pinned_and_faces_this_machine_alone(compose):
    nginx = compose["services"]["nginx"]
    assert re.fullmatch(r"nginx:\d+\.\d+\.\d+(-alpine)?", nginx["image"])
    assert all(port.startswith("127.0.0.1:") for port in nginx["ports"])
    assert nginx["depends_on"]["page"]["condition"] == "service_healthy"
    source, target, mode = nginx["volumes"][0].split(":")
    assert (ROOT / source).exists() and target == "/etc/nginx/nginx.conf" and mode == "ro"
    listens = re.search(r"listen (\d+);", NGINX_CONF)[1]
    assert nginx["ports"][0].endswith(f":{listens}") and f"server page:{PORT}" in NGINX_CONF


# nginx


def test_nginx_serves_no_file_and_takes_what_the_page_takes():
    assert not re.search(r"^\s*(root|alias|autoindex)\b", NGINX_CONF, re.MULTILINE)
    (most,) = [setting.default for setting in SETTINGS if setting.flag == "--max-request-mb"]
    assert f"client_max_body_size {most}m;" in NGINX_CONF and int(most) > MAX_MEGABYTES
    assert NGINX_CONF.count("{") == NGINX_CONF.count("}")
    stream = re.search(r"location ~ \S*queue/data.*?\n        }", NGINX_CONF, re.DOTALL)[0]
    assert "proxy_buffering off" in stream and "proxy_read_timeout 1h" in stream and "limit_req " not in stream


@contextmanager
def replicas(count: int):
    """The ports of servers that answer with their own port and one header each."""

    class Answers(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            body = json.dumps([self.server.server_port, self.headers["X-Forwarded-For"]]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments):
            pass

    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) for _ in range(count)]
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield [server.server_port for server in servers]
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


@contextmanager
def nginx(folder, upstreams: list[int]):
    """The address of our nginx.conf before these ports."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    conf, file = NGINX_CONF.replace("listen 8080", f"listen 127.0.0.1:{port}"), folder / "nginx.conf"
    conf = re.sub(r"server page:\d+[^;]*;", " ".join(f"server 127.0.0.1:{port};" for port in upstreams), conf)
    conf = conf.replace("/tmp/nginx", f"{folder}/nginx").replace("/dev/stdout", f"{folder}/access.log")
    file.write_text(conf, encoding="utf-8")
    tested = subprocess.run([NGINX, "-t", "-c", str(file)], capture_output=True, text=True)
    assert tested.returncode == 0, tested.stderr
    process = subprocess.Popen(
        [NGINX, "-c", str(file), "-g", "daemon off; master_process off;"], stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def ask(address: str, **headers: str):
    """(answer, headers of the answer)"""
    request = urllib.request.Request(
        address, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer), answer.headers


@needs_nginx
def test_a_visitor_stays_with_a_replica(tmp_path):
    with replicas(3) as ports, nginx(tmp_path, ports) as address:
        seen = set()
        for _ in range(12):
            (first, _), headers = ask(f"{address}/?lang=zh")
            cookie = headers["Set-Cookie"].partition(";")[0]
            paths = (
                "/config",
                "/gradio_api/upload",
                "/gradio_api/queue/data?session_hash=a",
                "/gradio_api/heartbeat/a",
                "/",
            )
            answers = [ask(address + path, Cookie=cookie) for path in paths]
            assert {port for (port, _), _ in answers} == {first}
            assert not any("Set-Cookie" in headers for _, headers in answers)
            seen.add(first)
        assert len(seen) > 1  # 3 ^ -11 that chance alone gives all of them one replica
        programs = {ask(address + path)[0][0] for path in ("/config", "/gradio_api/upload", "/gradio_api/call/compare")}
        assert len(programs) == 1  # without cookies, by address


@needs_nginx
def test_addresses_cannot_be_claimed_and_metrics_are_closed(tmp_path):
    with replicas(1) as ports, nginx(tmp_path, ports) as address:
        (_, seen), headers = ask(address + "/", X_Forwarded_For="6.6.6.6")
        assert seen == "127.0.0.1"
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Server"] == "nginx"
        with pytest.raises(urllib.error.HTTPError, match="404") as caught:
            ask(address + "/metrics")
        caught.value.close()


# Hugging Face Spaces, and the lock


def test_the_space_says_what_it_is():
    _, front, body = (ROOT / "deploy" / "spaces" / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    said = yaml.safe_load(front)
    assert said["sdk"] == "docker" and str(said["app_port"]) == PORT and said["license"] == "apache-2.0"
    assert {said["colorFrom"], said["colorTo"]} <= {
        "red",
        "yellow",
        "green",
        "blue",
        "indigo",
        "purple",
        "pink",
        "gray",
    }
    assert len(said["short_description"]) <= 60 and body.strip().startswith("# Attention Lab")


def test_the_space_holds_what_the_image_takes():
    recipe = re.search(
        r"^space:.*?(?=\n\n)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )[0]
    archived = recipe.partition("git archive HEAD ")[2].partition("|")[0].split()
    assert set(copied()) | {"Dockerfile"} == set(archived)
