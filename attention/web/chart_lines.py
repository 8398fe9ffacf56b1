"""The lines under every chart and table of the Benchmarks tab: what it says, how to read it, where it comes from."""

import re
from html import escape

from attention.web.texts import text


def heading_html(heading: str, says: str = "") -> str:
    """The heading of a section, with a sentence below it."""
    said = f'<p class="says">{escape(says)}</p>' if says else ""
    return f'<div class="section"><h2>{escape(heading)}</h2>{said}</div>'


def source(lang: str, files: str, command: str) -> str:
    return text(lang, "source_line", files=files, command=command)


def lines_html(says: str, read: str, source_line: str) -> str:
    """The three lines as HTML; an empty one is left out."""
    parts = (("says", says), ("read", read), ("source", source_line))
    return "".join(f'<p class="{kind}">{_commands(escape(words))}</p>' for kind, words in parts if words)


def _commands(words: str) -> str:
    """Marks commands as code, so that none is broken over two lines."""
    return re.sub(r"python -m attention [a-z-]+(?: --[a-z]+)*", r"<code>\g<0></code>", words)
