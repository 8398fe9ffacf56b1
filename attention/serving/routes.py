"""The list of open routes. All others of Gradio are closed, because a new version of it may bring new ones."""

import re
from collections.abc import Collection

_READ = re.compile(
    r"/|/(config|theme\.css|robots\.txt|manifest\.json|favicon\.ico|logout|healthz|metrics)/?"
    r"|/(assets|static|svelte)/.+"
    r"|/gradio_api/(info|openapi\.json|user|login_check|app_id|startup-events|theme\.css|upload_progress|queue/data|queue/status)/?"
    r"|/gradio_api/heartbeat/\w{1,64}"
    r"|/gradio_api/call/(v2/)?\w{1,64}/\w{1,64}"
    r"|/gradio_api/file=(?!\w+:/).+",  # files of its cache alone: the server would fetch an address
    re.ASCII,
)
_WORK = re.compile(r"/gradio_api/(queue/join|upload|(run|call|call/v2)/\w{1,64})/?", re.ASCII)
_WRITE = re.compile(r"/(login|gradio_api/(cancel|reset))/?", re.ASCII)
_NUMBERS = re.compile(r"(?<=/heartbeat/).+|(?<=/file=).+|(?<=/assets/).+|(?<=/static/).+|(?<=/svelte/).+")
_NAMED = re.compile(r"/gradio_api/(?:run|call)/(?:v2/)?(\w+)(?:/\w+)?/?", re.ASCII)
_EVENT = re.compile(r"(/call/(?:v2/)?\w+)/\w+")


def is_open(method: str, path: str, endpoints: Collection[str] | None = None) -> bool:
    """Whether a route is open. Calls may name `endpoints` (None: any) and `predict`, which the page's scripts use."""
    named = _NAMED.fullmatch(path)
    if named and endpoints is not None and named[1] not in endpoints and path.rstrip("/") != "/gradio_api/run/predict":
        return False
    if method == "OPTIONS":  # the preflight request for another site's page, which CORS answers
        return is_open("GET", path) or is_open("POST", path)
    if method in ("GET", "HEAD"):
        return _READ.fullmatch(path) is not None
    return method == "POST" and (is_work(method, path) or _WRITE.fullmatch(path) is not None)


def is_work(method: str, path: str) -> bool:
    """Whether a request is costly: an upload, or a run of models."""
    return method == "POST" and _WORK.fullmatch(path) is not None


def is_upload(path: str) -> bool:
    return path.rstrip("/") == "/gradio_api/upload"


def label(path: str) -> str:
    """The route for metrics and logs, with * for the parts that differ between visitors and files."""
    return _EVENT.sub(r"\1/*", _NUMBERS.sub("*", path))
