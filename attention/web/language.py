"""A visitor's language: what the address asks for (?lang=zh), else their earlier choice, else the browser's.

Gradio translates its components in the browser, by navigator.language and before any script of ours runs. So the
language has to be in the document itself: `SpeaksTheVisitorsLanguage` writes it there and sets navigator.language.
"""

import logging
from urllib.parse import parse_qs

import gradio as gr
from gradio.context import LocalContext
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from attention.core import deadlines
from attention.core.files import CANNOT_WRITE, WriteError
from attention.models.checkpoints import CheckpointError
from attention.serving.logs import log
from attention.web.header import TAGS
from attention.web.texts import TEXTS, language_of, text

NAME = "lang"  # of the query parameter
COOKIE = "attention_lang"  # written by language.js when the visitor switches; holds "en" or "zh" and nothing else


def language(request: gr.Request | Request | None) -> str:
    """ "en" or "zh"; English where there is no browser. An event's request carries the page's query parameters and cookies."""
    if request is None:
        return "en"
    chosen = language_of_tag(request.query_params.get(NAME)) or language_of_tag(request.cookies.get(COOKIE))
    return chosen or language_of(request.headers.get("accept-language"))


def language_of_sender(scope: Scope) -> str:
    """The language of a request sent by the page's scripts. They carry no ?lang=, so it is read from the Referer."""
    request = Request(scope)
    asked = parse_qs(request.headers.get("referer", "").partition("?")[2]).get(NAME, [""])
    return language_of_tag(asked[-1]) or language(request)


def language_of_tag(tag: str | None) -> str | None:
    """ "zh" for zh, zh-CN and the like; None for a language that the page does not speak."""
    code = (tag or "").lower().split("-")[0]
    return code if code in TEXTS else None


class Page(gr.Blocks):
    """Blocks whose components see the request while they read an event's inputs; Gradio shows it only to handlers.

    An event may take `max_seconds` (None: no limit), all steps of a generator together. Errors that are not the
    visitor's fault are shown as a sentence (what_to_tell).
    """

    max_seconds: float | None = None

    async def process_api(self, *args, request: gr.Request | None = None, event_id: str | None = None, **kwargs):
        LocalContext.request.set(request)
        try:
            with deadlines.within(self._seconds_left(event_id)):
                return await super().process_api(*args, request=request, event_id=event_id, **kwargs)
        except Exception as error:
            sentence = what_to_tell(error, language(request), self.max_seconds)
            if sentence is None:
                raise
            log("given up", logging.ERROR, reason=type(error.__cause__ or error).__name__)
            raise gr.Error(sentence, title="", duration=None, print_exception=False) from error

    def _seconds_left(self, event_id: str | None) -> float | None:
        if self.max_seconds is None:
            return None
        event = self._queue.event_ids_to_events.get(event_id)  # the queue records the time of the steps before this one
        return self.max_seconds - (event.run_time if event else 0.0)


def what_to_tell(error: Exception, lang: str, seconds: float | None) -> str | None:
    """The sentence for a visitor about a problem of the server; None for any other error."""
    if isinstance(error, deadlines.TimeUp):
        return text(lang, "time_up", seconds=seconds)
    if isinstance(error, CheckpointError):
        return str(error)
    if isinstance(error, WriteError) or (isinstance(error, OSError) and error.errno in CANNOT_WRITE):
        return text(lang, "no_place")
    if error.__cause__ is not None and not isinstance(error, gr.Error):  # gradio wraps what a component raises
        return what_to_tell(error.__cause__, lang, seconds)
    return None


def language_of_event() -> str:
    """The language of whoever sent the event that is being worked on; English outside of an event."""
    return language(LocalContext.request.get(None))


class SpeaksTheVisitorsLanguage:
    """ASGI middleware: sets <html lang>, and navigator.language, by which Gradio translates, in the document at "/"."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"].rstrip("/"):
            return await self.app(scope, receive, send)
        start: Message = {}
        body = b""

        async def translated(message: Message) -> None:
            nonlocal body
            if message["type"] == "http.response.start":
                start.update(message)
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            headers = MutableHeaders(scope=start)
            page = body
            if headers.get("content-type", "").startswith("text/html"):
                page = in_language(body, TAGS[language(Request(scope))])
                headers["content-length"] = str(len(page))
                headers.append("vary", "Accept-Language, Cookie")
            await send(start)
            await send({**message, "body": page})

        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await self.app({**scope, "headers": plain}, receive, translated)  # a compressed page cannot be edited


def in_language(page: bytes, tag: str) -> bytes:
    """The document with <html lang> and, before any other script, one that sets navigator.language."""
    script = f'<script>Object.defineProperty(navigator, "language", {{get: () => "{tag}"}})</script>'
    page = page.replace(b'lang="en"', f'lang="{tag}"'.encode(), 1)
    return page.replace(b"<head>", f"<head>{script}".encode(), 1)


MIDDLEWARE = [Middleware(SpeaksTheVisitorsLanguage)]  # for app_kwargs of gr.mount_gradio_app
