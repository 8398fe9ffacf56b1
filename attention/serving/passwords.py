"""Names and hashed passwords in a file: lines `name:scrypt:salt:hash`, made by `python -m attention password NAME`."""

import base64
import hashlib
import hmac
import secrets
from pathlib import Path

COST = {"n": 2**14, "r": 8, "p": 1}  # 16 MB and some tens of milliseconds per try (RFC 7914)


class PasswordError(ValueError):
    """A name, a password or a file of them that cannot be used; the message says what to do."""


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, **COST)


def line(name: str, password: str) -> str:
    """A line for the file. Raises PasswordError for a name or a password that is not allowed."""
    if not name or ":" in name or any(ord(letter) < 33 for letter in name):
        raise PasswordError("A name has at least one letter, and neither blanks nor colons: choose another.")
    if len(password) < 8:
        raise PasswordError("A password has at least 8 characters: choose a longer one.")
    salt = secrets.token_bytes(16)
    return ":".join((name, "scrypt", base64.b64encode(salt).decode(), base64.b64encode(_hash(password, salt)).decode()))


class Passwords:
    """`Passwords(path)(name, password)` says whether they match. Reads the file once; raises PasswordError."""

    def __init__(self, path: Path):
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PasswordError(
                f"The file of passwords cannot be read ({type(error).__name__}): check --auth-file."
            ) from error
        self._known = {}
        for number, entry in enumerate(text.splitlines(), 1):
            if entry.strip() and not entry.startswith("#"):
                name, salt, hashed = _parse(entry, number)
                self._known[name] = salt, hashed
        if not self._known:
            raise PasswordError("The file of passwords holds none: add a line with python -m attention password NAME.")

    def __call__(self, name: str, password: str) -> bool:
        salt, hashed = self._known.get(name, (b"\0" * 16, b""))  # an unknown name takes as long as a known one
        return hmac.compare_digest(_hash(password, salt), hashed)


def _parse(entry: str, number: int) -> tuple[str, bytes, bytes]:
    try:
        name, kind, salt, hashed = entry.strip().split(":")
        if kind != "scrypt":
            raise ValueError
        return name, base64.b64decode(salt, validate=True), base64.b64decode(hashed, validate=True)
    except ValueError as error:
        raise PasswordError(
            f"Line {number} of the file of passwords is none of ours: make it anew with python -m attention password NAME."
        ) from error
