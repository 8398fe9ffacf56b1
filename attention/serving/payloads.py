"""What a request may hold, looked at before the framework does: it opens, fetches, decodes and keeps whatever it is given."""

import json
import os
import re
import stat
from pathlib import Path

from attention.serving.refusals import Refused

MAX_JSON_BYTES = 1_000_000  # a thousand photos' names take half of it
MAX_VALUES = 12_000  # a waiting request is kept as Python's objects, of which the smallest take the most
MAX_PATH = 4096  # a file system's own limit; what is longer takes its square to resolve
MAX_KEY = 64  # characters of what a browser makes up to be known by: a session, an upload
_UTF_8 = re.compile(r"charset=\"?utf-8\"?(?=$|\s|;)")


def check_json(body: bytes, uploads: Path | None) -> None:
    """Raises Refused for what is no JSON, has too many values, or names what is not a file below `uploads`.

    That is an address, which the server would fetch, a path elsewhere, which the framework opens unless it says itself that
    it is a file, and a folder, in which everybody's files lie.
    """
    try:
        value = json.loads(body or b"null")
        for path in _paths(value):
            _check_path(path, uploads)
    except (ValueError, RecursionError) as error:  # no JSON, or a path that no file system has
        raise Refused(400, "json") from error
    if isinstance(value, dict):
        check_keys([value.get("session_hash")])


def check_keys(keys: list) -> None:
    """Raises Refused for a name of a session or an upload that is longer than any is: each is kept for a while."""
    if any(isinstance(key, str) and len(key) > MAX_KEY for key in keys):
        raise Refused(400, "json")


def check_charset(content_type: str) -> None:
    """Raises Refused for a form in another encoding than UTF-8: some that Python knows take the square of the length."""
    if "charset" in _UTF_8.sub("", content_type.lower()):
        raise Refused(400, "charset")


def _paths(value) -> set[str]:
    """What a request names as files: every text that is called a path, at any depth."""
    found, left, seen = set(), [value], 0
    while left:
        value = left.pop()
        if isinstance(value, dict):
            if isinstance(value.get("path"), str):
                found.add(value["path"])
            value = list(value.values())
        if isinstance(value, list):
            seen += len(value)
            left += value
        if seen > MAX_VALUES:
            raise Refused(413, "values", values=MAX_VALUES)
    return found


def _check_path(path: str, uploads: Path | None) -> None:
    if "://" in path:
        raise Refused(400, "address")
    if uploads is None or len(path) > MAX_PATH:
        raise Refused(403, "path")
    root, found = os.path.realpath(uploads), os.path.realpath(path)
    if found == root or os.path.commonpath((root, found)) != root or not _is_file_or_gone(found):
        raise Refused(403, "path")


def _is_file_or_gone(path: str) -> bool:
    """What was deleted in the meantime is let through: whoever reads it says so."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return True
