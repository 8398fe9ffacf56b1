"""Which language a visitor reads: what the address asks for (?lang=zh), else what they chose before, else what the browser asks for.

Gradio translates its components in the browser, by navigator.language and before any script of ours runs. So the page leaves
the server with the language in it: `SpeaksTheVisitorsLanguage` writes it into the document and tells the browser's Gradio.
"""

import gradio as gr
from gradio.context import LocalContext
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from attention.ui.header import TAGS
from attention.ui.texts import TEXTS, language_of

NAME = "lang"  # of the query parameter
COOKIE = "attention_lang"  # written by language.js when the visitor switches; holds "en" or "zh" and nothing else


def language(request: gr.Request | Request | None) -> str:
    """ "en" or "zh"; English where there is no browser. An event's request carries the page's query parameters and cookies."""
    if request is None:
        return "en"
    chosen = language_of_tag(request.query_params.get(NAME)) or language_of_tag(request.cookies.get(COOKIE))
    return chosen or language_of(request.headers.get("accept-language"))


def language_of_tag(tag: str | None) -> str | None:
    """ "zh" for zh, zh-CN and the like; None for a language that the page does not speak."""
    code = (tag or "").lower().split("-")[0]
    return code if code in TEXTS else None


class Page(gr.Blocks):
    """Blocks whose components know who asks while they read an event's inputs too: gradio tells it to handlers alone."""

    async def process_api(self, *args, request: gr.Request | None = None, **kwargs):
        LocalContext.request.set(request)
        return await super().process_api(*args, request=request, **kwargs)


def language_of_event() -> str:
    """The language of whoever sent the event that is being worked on; English outside of one."""
    return language(LocalContext.request.get(None))


class SpeaksTheVisitorsLanguage:
    """ASGI middleware: the document at "/" gets <html lang>, and a navigator.language by which Gradio translates."""

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
        await self.app({**scope, "headers": plain}, receive, translated)  # what is compressed cannot be written into


def in_language(page: bytes, tag: str) -> bytes:
    """The document with its language in it, before any other script."""
    script = f'<script>Object.defineProperty(navigator, "language", {{get: () => "{tag}"}})</script>'
    page = page.replace(b'lang="en"', f'lang="{tag}"'.encode(), 1)
    return page.replace(b"<head>", f"<head>{script}".encode(), 1)


MIDDLEWARE = [Middleware(SpeaksTheVisitorsLanguage)]  # for gradio's launch: app_kwargs
