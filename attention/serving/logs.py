"""Logs a line per request to stderr (text or JSON): id, route, status, time, size; no address, file name or picture."""

import json
import logging
import sys
from datetime import UTC, datetime

LOGGER = logging.getLogger("attention.serving")


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={value}" for name, value in record.__dict__.get("fields", {}).items())
        return f"{_now()} {record.levelname.lower()} {record.getMessage()} {fields}".rstrip()


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        said = {"time": _now(), "level": record.levelname.lower(), "event": record.getMessage()}
        return json.dumps(said | record.__dict__.get("fields", {}), ensure_ascii=False)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def configure(form: str) -> None:
    """Set up the log in one `form`: text, json or off."""
    LOGGER.handlers.clear()
    LOGGER.propagate = False
    LOGGER.setLevel(logging.INFO if form != "off" else logging.CRITICAL)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    LOGGER.addHandler(handler)


def log(event: str, level: int = logging.INFO, **fields) -> None:
    LOGGER.log(level, event, extra={"fields": fields})
