"""Checks what a request holds before Gradio sees it, which opens, fetches, decodes and keeps whatever it is given."""

import json
import os
import re
import stat
from pathlib import Path

from attention.serving.refusals import Refused

MAX_JSON_BYTES = 1_000_000  # the names of a thousand photos take half of it
MAX_VALUES = 12_000  # a waiting request is kept as Python objects, and small ones take far more memory than their JSON
MAX_PATH = 4096  # the limit of file systems; resolving a longer path takes quadratic time
MAX_KEY = 64  # characters of an id that a browser makes up, for its session or an upload
_UTF_8 = re.compile(r"charset=\"?utf-8\"?(?=$|\s|;)")


def check_json(body: bytes, uploads: Path | None) -> None:
    """Raises Refused for a body that is not JSON, has too many values, or names anything but a file below `uploads`.

    So it refuses addresses, which the server would fetch; paths elsewhere, which Gradio opens unless the request itself
    marks them as files; and folders, because everybody's files are in them.
    """
    try:
        value = json.loads(body or b"null")
        for path in _paths(value):
            _check_path(path, uploads)
    except (ValueError, RecursionError) as error:  # not JSON, or a path that no file system allows
        raise Refused(400, "json") from error
    if isinstance(value, dict):
        check_keys([value.get("session_hash")])


def check_keys(keys: list) -> None:
    """Raises Refused for a session or upload id longer than MAX_KEY, because the server keeps each for a while."""
    if any(isinstance(key, str) and len(key) > MAX_KEY for key in keys):
        raise Refused(400, "json")


def check_charset(content_type: str) -> None:
    """Refuses forms that are not UTF-8, because Python needs quadratic time to decode some other encodings."""
    if "charset" in _UTF_8.sub("", content_type.lower()):
        raise Refused(400, "charset")


def _paths(value) -> set[str]:
    """The files that a request names: every string under a key "path", at any depth. Refuses too many values."""
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
    """Whether a path is a regular file, or gone: a file deleted meanwhile passes, because its reader will report it."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return True
