"""Renders templates to HTML. Only this module imports jinja2; no gradio here.

Autoescape is on, so that whatever a template prints is text; HTML of our own is marked `|safe`. A template gets
finished objects and a language: it has loops and conditions, looks nothing up, and calls `t` for the sentence of a key.
Line breaks and indentation in it print nothing before a tag and a space elsewhere.
"""

import re
from functools import lru_cache, partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension

from attention.web.texts import text

FOLDER = Path(__file__).resolve().parent / "templates"


class _Dense(Extension):
    """Keeps the line breaks and indentation of a template's source out of its output."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002
        return re.sub(r"\s*\n\s*", " ", re.sub(r"\n\s*(?=[<{])|\s*\n$", "", source))


@lru_cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, auto_reload=False,
        extensions=[_Dense], cache_size=-1,
    )  # fmt: skip


def render(template: str, lang: str, **values) -> str:
    """A template of web/templates as HTML. Raises UndefinedError where a value that it uses is missing."""
    return _environment().get_template(template).render(t=partial(text, lang), lang=lang, **values)


def notice(sentence: str) -> str:
    """A notice as HTML: a sentence above what was asked for, or in its place."""
    return render("notice.html", "en", said=sentence)
