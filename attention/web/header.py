"""The header above the tabs: the page's name, and the buttons that serve all tabs. No gradio here.

It is made before the server knows the visitor, so it holds every sentence in both languages; the style sheet shows the
one of <html lang>, and nothing moves when the page has loaded.
"""

import json
from html import escape

from attention.core.words import sentences
from attention.web.texts import TEXTS, text

SAID = tuple(key for key in sentences("page")["en"] if key.startswith(("link_", "present_")))  # what scripts say
TAGS = {"en": "en", "zh": "zh-CN"}  # as <html lang> and Gradio name the languages


def header(device: str) -> str:
    """The header as HTML; `device` is what the models run on."""
    tools = "".join(
        f'<button type="button" class="tool" id="{name}">{both(name.replace("-", "_"))}</button>'
        for name in ("copy-link", "present-now")
    )
    return (
        f'<a class="skip" href="#pages">{both("skip")}</a>'
        f'<div class="bar"><h1>{both("title")}</h1><div class="tools">{"".join(map(_other_language, TEXTS))}{tools}'
        f'<p class="said" role="status"></p></div></div>'
        f'<p>{both("lead")}</p><p class="device">{both("device", device=device)}</p>{busy()}'
    )


def busy() -> str:
    """The two lines where busy.js says how many are ahead: a visible one, and a rarer one for screen readers."""
    words = json.dumps(sentences("busy"))
    return f'<p id="busy" aria-hidden="true" data-words="{escape(words)}"></p><p id="busy-said" role="status"></p>'


def both(key: str, **fields) -> str:
    """A sentence in both languages, of which one is shown."""
    return "".join(f"<span {_shown_in(lang)}>{escape(text(lang, key, **fields))}</span>" for lang in TEXTS)


def _shown_in(lang: str) -> str:
    return f'class="in" lang="{TAGS[lang]}"'


def _other_language(lang: str) -> str:
    """The switch to the other language for a reader of `lang`: a link, so that it works before any script has run."""
    other = next(code for code in TEXTS if code != lang)
    name = escape(text(lang, "switch_language"))
    return (
        f'<span {_shown_in(lang)}><a class="tool language" href="?lang={other}" hreflang="{TAGS[other]}" '
        f'lang="{TAGS[other]}" data-language="{other}">{name}</a></span>'
    )


def loaded(lang: str, defaults: dict[str, str]) -> str:
    """An element that tells scripts that the page is loaded, what they say, and the defaults that links leave out."""
    words = {key: text(lang, key) for key in SAID}
    data = {"words": words, "defaults": defaults}
    attributes = " ".join(f'data-{name}="{escape(json.dumps(value))}"' for name, value in data.items())
    return f'<span id="page-loaded" {attributes}></span>'
