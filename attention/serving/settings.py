"""Every setting of a served page: a flag of app.py, an environment variable, and a default. docs/serving.md lists them."""

import argparse
import ipaddress
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def whole(minimum: int) -> Callable[[str], int]:
    """A parser of whole numbers of at least `minimum`."""

    def parse(text: str) -> int:
        number = int(text)
        if number < minimum:
            raise argparse.ArgumentTypeError(f"{number} is too small: at least {minimum}")
        return number

    parse.__name__ = "number"  # argparse names it in its error messages
    return parse


def origins(text: str) -> tuple[str, ...]:
    """Parse comma-separated origins, each a scheme, a host and, if need be, a port. Raises ArgumentTypeError."""
    found = tuple(part.strip().rstrip("/") for part in text.split(",") if part.strip())
    for origin in found:
        scheme, _, host = origin.partition("://")
        if scheme not in ("http", "https") or not host or "/" in host or "*" in host:
            raise argparse.ArgumentTypeError(f"{origin!r} is no origin: write one like https://lab.example.org")
    return found


def hosts(text: str) -> tuple[str, ...]:
    """Parse comma-separated host names, without scheme or port; returned in lower case. Raises ArgumentTypeError."""
    found = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    for host in found:
        if not re.fullmatch(r"[a-z0-9.-]+|[0-9a-f:]+", host):
            raise argparse.ArgumentTypeError(f"{host!r} is no name of a host: write one like lab.example.org")
    return found


@dataclass(frozen=True)
class Setting:
    """One setting. `parse` turns the text of the flag or the variable into its value."""

    flag: str
    default: str
    parse: Callable[[str], Any]
    help: str

    @property
    def name(self) -> str:
        return self.flag.removeprefix("--").replace("-", "_")

    @property
    def variable(self) -> str:
        """The flag's environment variable. HOST and PORT have no prefix, because hosting services set these names."""
        return self.name.upper() if self.name in ("host", "port") else f"ATTENTION_{self.name.upper()}"


SETTINGS = (
    Setting("--host", "127.0.0.1", str, "the address to serve at; 0.0.0.0 for every one of this machine"),
    Setting("--port", "7860", whole(0), "the port to serve at; 0 takes a free one"),
    Setting("--hosts", "", hosts, "names that the page answers to, with commas between; none for any"),
    Setting("--max-queue", "64", whole(1), "visitors that may wait for a result; further ones are asked to come back"),
    Setting("--rate-limit", "1200", whole(0), "comparisons and uploads an address may ask for in a minute; 0 for any number"),
    Setting("--keep-minutes", "60", whole(1), "minutes until uploads and made files are deleted"),
    Setting("--max-request-mb", "512", whole(1), "megabytes of one request, that of many photos included"),
    Setting("--max-uploads-mb", "4096", whole(0), "megabytes that visitors' files may take at a time; 0 for any number"),
    Setting("--max-request-seconds", "300", whole(0), "seconds until a visitor's work or upload is given up; 0 for any time"),
    Setting("--drain-seconds", "30", whole(0), "seconds that running work gets to finish when the page is asked to stop"),
    Setting("--allow-origins", "", origins, "other sites whose pages may call this one, with commas between"),
    Setting("--frame-ancestors", "", origins, "other sites that may show this page in a frame, with commas between"),
    Setting("--auth-file", "", str, "a file of names and hashed passwords (python -m attention password NAME)"),
    Setting("--metrics", "local", str, "who may read /metrics: local (this machine), all, or off"),
    Setting("--log", "text", str, "a line a request on standard error: text, json, or off"),
    Setting("--proxies", "0", whole(0), "reverse proxies in front whose X-Forwarded-For is believed"),
)  # fmt: skip
CHOICES = {"--metrics": ("local", "all", "off"), "--log": ("text", "json", "off")}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add a flag for each setting. Its default comes from the environment, and is checked as a flag's value is."""
    for setting in SETTINGS:
        parser.add_argument(
            setting.flag, type=setting.parse, choices=CHOICES.get(setting.flag),
            default=os.environ.get(setting.variable) or setting.default,
            help=f"{setting.help} (default: {setting.default or 'none'}; or ${setting.variable})",
        )  # fmt: skip


class Settings:
    """The values of SETTINGS by name: `Settings(port=0)`, or from parsed arguments, `Settings(**vars(arguments))`."""

    host: str
    port: int
    hosts: tuple[str, ...]
    max_queue: int
    rate_limit: int
    keep_minutes: int
    max_request_mb: int
    max_uploads_mb: int
    max_request_seconds: int
    drain_seconds: int
    allow_origins: tuple[str, ...]
    frame_ancestors: tuple[str, ...]
    auth_file: str
    metrics: str
    log: str
    proxies: int

    def __init__(self, **values):
        for setting in SETTINGS:
            default = setting.parse(setting.default)
            setattr(self, setting.name, values.get(setting.name, default))

    @property
    def visitor_is_host(self) -> bool:
        """Whether the page can be visited only from this machine itself."""
        try:
            local = self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:  # a host name
            return False
        return local and not self.proxies

    @property
    def passwords(self) -> Path | None:
        return Path(self.auth_file) if self.auth_file else None
