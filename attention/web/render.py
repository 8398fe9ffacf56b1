"""Templates to HTML: Jinja2 with autoescape, so that whatever a template prints is text. The one user of jinja2; no gradio here.

A template gets finished objects and a language: it loops and chooses, looks nothing up, and asks `t` for the sentence of a key.
Its line breaks and indentation print nothing before a tag, and a space elsewhere. HTML of our own passes by `|safe`.
"""

import re
from functools import lru_cache, partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension

from attention.web.texts import text

FOLDER = Path(__file__).resolve().parent / "templates"


class _Dense(Extension):
    """Takes the layout of a template's source out of its output."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002
        return re.sub(r"\s*\n\s*", " ", re.sub(r"\n\s*(?=[<{])|\s*\n$", "", source))


@lru_cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, auto_reload=False,
        extensions=[_Dense], cache_size=-1,
    )  # fmt: skip


def render(template: str, lang: str, **values) -> str:
    """A template of web/templates as HTML. Raises UndefinedError for a value that it asks for and does not get."""
    return _environment().get_template(template).render(t=partial(text, lang), lang=lang, **values)


def notice(sentence: str) -> str:
    """A sentence that is said in place of what was asked for, or above it."""
    return render("notice.html", "en", said=sentence)
