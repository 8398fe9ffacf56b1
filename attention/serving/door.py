"""The door: ASGI middleware that checks every request before the page sees it, and adds headers to every answer."""

import asyncio
import ipaddress
import logging
import math
import re
import time
import uuid
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from attention.core.files import CANNOT_WRITE
from attention.serving import payloads, routes
from attention.serving.disk_space import Room
from attention.serving.logs import log
from attention.serving.metrics import Metrics
from attention.serving.rate_limit import RateLimit
from attention.serving.refusals import Refused
from attention.serving.settings import Settings

MAX_THROWN_AWAY_BYTES = 32_000_000  # read and dropped of a refused upload: enough for a photo, not for a film
LOGINS_A_MINUTE = 12
_PORT = re.compile(r"^(?:\[(.*)\]|([^:]*))(?::\d+)?$")  # 192.0.2.1:80 and [2001:db8::1]:80, not 2001:db8::1
_FORWARDED = (b"x-forwarded-", b"forwarded", b"x-real-ip", b"via")  # headers that a proxy in front adds
_REQUEST_ID = re.compile(r"[\w-]{8,64}", re.ASCII)


def content_security_policy(frame_ancestors: tuple[str, ...]) -> str:
    """Allows nothing from other sites. Gradio needs inline scripts, and eval to make functions of its event strings."""
    return "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "media-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self' data: blob:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            " ".join(("frame-ancestors 'self'", *frame_ancestors)),
        )
    )


class Guard:
    """Wraps the page's ASGI application. `draining()` says whether the page is shutting down and takes no new work.

    `language(scope)` is the language of a refusal, `uploads` the folder of visitors' files: without one no request may
    name a file. `endpoints` are the API names that may be called; None allows all.
    """

    def __init__(
        self, app: ASGIApp, settings: Settings, metrics: Metrics, draining: Callable[[], bool],
        language: Callable[[Scope], str] = lambda scope: "en", uploads: Path | None = None,
        endpoints: Collection[str] | None = None,
    ):  # fmt: skip
        self.app, self.settings, self.metrics = app, settings, metrics
        self.draining, self.language, self.uploads = draining, language, uploads
        self.endpoints = endpoints
        self.room = Room(uploads, settings.max_uploads_mb * 10**6) if uploads else None
        self.work = RateLimit(settings.rate_limit)
        self.logins = RateLimit(LOGINS_A_MINUTE if settings.rate_limit else 0)
        self.headers = {
            "content-security-policy": content_security_policy(settings.frame_ancestors),
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "permissions-policy": "camera=(self), microphone=(), geolocation=()",
            "cross-origin-opener-policy": "same-origin",
        }
        if not settings.frame_ancestors:
            self.headers["x-frame-options"] = "SAMEORIGIN"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # the page has none
            await send({"type": "websocket.close", "code": 1000})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = _Answer(self, scope, send)
        scope = self._believed(scope)
        upload = routes.is_upload(scope["path"])
        most = self.settings.max_request_mb * 10**6 if upload else payloads.MAX_JSON_BYTES
        body = _Body(receive, most, self.settings.max_request_seconds, self.room if upload else None)
        try:
            await self.app(scope, await self._let_in(scope, receive, body, most), answer)
            await answer.release()
        except Refused as refusal:
            await self._refuse(refusal, answer, scope, body)
        except Exception as error:
            if not (upload and isinstance(error, OSError) and error.errno in CANNOT_WRITE):
                await self._refuse(Refused(500, "error", id=answer.request_id), answer, scope, body)
                raise
            log("no place for an upload", logging.ERROR, reason=error.strerror)
            await self._refuse(Refused(507, "disk", 60), answer, scope, body)
        finally:
            body.end(kept=answer.status == 200)
            answer.note()

    def _believed(self, scope: Scope) -> Scope:
        """The scope without Gradio's internal header and, if no proxy is in front, without the X-Forwarded ones.

        Adds "attention.direct": whether the request came without any proxy's header.
        """
        lies = (b"x-gradio-server",) if self.settings.proxies else (b"x-gradio-server", b"x-forwarded-")
        kept = [(name, value) for name, value in scope["headers"] if not name.startswith(lies)]
        return scope | {
            "headers": kept,
            "attention.direct": not any(name.startswith(_FORWARDED) for name, _ in scope["headers"]),
        }

    async def _refuse(self, refusal: Refused, answer: "_Answer", scope: Scope, body: "_Body") -> None:
        self.metrics.refused.labels(refusal.why).inc()
        if answer.begun:
            return
        if scope["method"] == "POST" and routes.is_upload(scope["path"]) and refusal.why not in ("size", "slow"):
            await body.throw_away(MAX_THROWN_AWAY_BYTES)
        answer.held.clear()
        headers = {"retry-after": str(max(1, round(refusal.wait)))} if refusal.wait else None
        detail = {"detail": refusal.sentence(self.language(scope))}
        await JSONResponse(detail, refusal.status, headers)(scope, body, answer.pass_on)

    async def _let_in(self, scope: Scope, receive: Receive, body: "_Body", most: int) -> Receive:
        """Check a request: raises Refused, or returns the `receive` from which the page reads the body."""
        method, path, headers = scope["method"], scope["path"], Headers(scope=scope)
        asked = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        if not routes.is_open(method, path, self.endpoints) or (path == "/" and "page" in asked):  # there is one page
            raise Refused(404, "route")
        self._check_host(headers, path)
        payloads.check_keys([*asked.get("session_hash", ()), *asked.get("upload_id", ())])
        if method == "POST":
            self._check_origin(headers, scope)
        if routes.is_work(method, path):
            if self.draining():
                raise Refused(503, "draining", 30)
            self._check_rate(self.work, scope, headers)
        elif path.startswith("/login"):
            self._check_rate(self.logins, scope, headers)
        if method != "POST":
            return receive
        size = int(headers.get("content-length", 0))  # it may be missing or false, so `body` counts too
        if size > most:
            raise Refused(413, "size", megabytes=most / 1e6)
        if self.room and routes.is_upload(path) and not await to_thread.run_sync(self.room.has, size):
            raise _no_room(self.room)
        if routes.is_upload(path) or path.startswith("/login"):
            payloads.check_charset(headers.get("content-type", ""))
            return body
        return await self._looked_through(body)

    async def _looked_through(self, receive: Receive) -> Receive:
        """Read the whole body and check its JSON; returns a `receive` that gives the page the same body."""
        body = await _whole(receive)
        await to_thread.run_sync(payloads.check_json, body, self.uploads)  # it can name many paths
        read = False

        async def again() -> Message:
            nonlocal read
            if read:
                return await receive()
            read = True
            return {"type": "http.request", "body": body, "more_body": False}

        return again

    def _check_rate(self, limit: RateLimit, scope: Scope, headers: Headers) -> None:
        wait = limit.seconds_to_wait(address(scope, headers, self.settings.proxies))
        if wait:
            raise Refused(429, "rate", math.ceil(wait))

    def _check_origin(self, headers: Headers, scope: Scope) -> None:
        """Refuses what another site's page sends, because it would act in the name of a visitor who is here too."""
        origin = headers.get("origin")
        if origin is None or origin in self.settings.allow_origins:
            return
        if urlsplit(origin).netloc != self._host(headers):
            raise Refused(403, "origin")

    def _check_host(self, headers: Headers, path: str) -> None:
        """Refuses a host name that is not one of ours, because another site could point its own name at this server.

        /healthz and /metrics may be asked for by any name.
        """
        if not self.settings.hosts or path.rstrip("/") in ("/healthz", "/metrics"):
            return
        name = _PORT.sub(r"\1\2", self._host(headers).lower())
        if name not in self.settings.hosts:
            raise Refused(421, "host")

    def _host(self, headers: Headers) -> str:
        forwarded = headers.get("x-forwarded-host") if self.settings.proxies else None
        return forwarded or headers.get("host", "")


def address(scope: Scope, headers: Headers, proxies: int) -> str:
    """The address a request comes from: as many steps back in X-Forwarded-For as there are proxies in front, no more.

    Without a port. An IPv6 address becomes its /64 network, because one visitor has all addresses of it.
    """
    forwarded = [part.strip() for part in ",".join(headers.getlist("x-forwarded-for")).split(",") if part.strip()]
    if proxies and forwarded:
        found = forwarded[max(0, len(forwarded) - proxies)]
    else:
        found = (scope.get("client") or ("unknown",))[0]
    host = _PORT.sub(r"\1\2", found)
    try:
        known = ipaddress.ip_address(host)
    except ValueError:
        return host
    if known.version == 4:
        return str(known)
    return str(known.ipv4_mapped or ipaddress.ip_network((known, 64), strict=False))


class _Body:
    """A `receive` that raises Refused when a body grows beyond `most` bytes or `room`, or takes longer than `seconds`.

    It counts the bytes, whatever Content-Length says. The time limit (0: none) is for clients that send a byte now and
    then, because such a body would never end.
    """

    def __init__(self, receive: Receive, most: int, seconds: float, room: Room | None = None):
        self._receive, self._most, self._seconds, self._room = receive, most, seconds, room
        self._until, self._seen, self._whole = time.monotonic() + seconds, 0, False
        self._taken = 0  # bytes, counted in `room`

    async def __call__(self) -> Message:
        if self._whole or not self._seconds:  # after the body comes http.disconnect, at any time
            message = await self._receive()
        else:
            try:
                message = await asyncio.wait_for(self._receive(), self._until - time.monotonic())
            except TimeoutError as error:
                raise Refused(408, "slow", seconds=self._seconds) from error
        self._whole = not message.get("more_body", False)
        size = len(message.get("body", b""))
        self._seen += size
        if self._seen > self._most:
            raise Refused(413, "size", megabytes=self._most / 1e6)
        if self._room and size:
            if not self._room.take(size):
                raise _no_room(self._room)
            self._taken += size
        return message

    def end(self, kept: bool) -> None:
        """Tell `room` that the page is done with the body, and whether it kept the file."""
        if self._room:
            self._room.end(self._taken, kept)
            self._taken = 0

    async def throw_away(self, most: int) -> None:
        """Read and drop up to `most` bytes: a browser that is still sending takes an answer for a lost connection."""
        self._most = min(self._most, self._seen + most)
        self.end(kept=False)
        self._room = None
        with suppress(Refused):
            while not self._whole:
                await self()


def _no_room(room: Room) -> Refused:
    log("no room for an upload", logging.WARNING, megabytes=room.most // 10**6)
    return Refused(507, "disk", 60)


async def _whole(receive: Receive) -> bytes:
    chunks, more = [], True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(chunks)


class _Answer:
    """A `send` that adds the headers of every answer and notes status, time and size for the metrics and the log.

    A 500 is held back until the page has ended: the framework sends one for every exception raised beneath it, and the
    exception may have a better answer.
    """

    def __init__(self, guard: Guard, scope: Scope, send: Send):
        self.guard, self.scope, self.send = guard, scope, send
        given = Headers(scope=scope).get("x-request-id", "")
        self.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        self.started, self.status, self.seconds, self.size = time.perf_counter(), 499, 0.0, 0  # 499: the visitor left
        self.begun, self.held = False, []

    async def __call__(self, message: Message) -> None:
        if self.held or (message["type"] == "http.response.start" and message["status"] == 500):
            self.held.append(message)
        else:
            await self.pass_on(message)

    async def release(self) -> None:
        held, self.held = self.held, []
        for message in held:
            await self.pass_on(message)

    async def pass_on(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun, self.status = True, message["status"]
            self.seconds = time.perf_counter() - self.started
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = self.request_id
            for name, value in self.guard.headers.items():
                headers[name] = value
        self.size += len(message.get("body", b""))
        await self.send(message)

    def note(self) -> None:
        method, path = self.scope["method"], self.scope["path"]
        open_route = routes.is_open(method, path, self.guard.endpoints)
        where = routes.label(path) if open_route else "closed"  # nobody may make up labels
        method = method if open_route else "any"
        self.guard.metrics.requests.labels(method, where, self.status).inc()
        self.guard.metrics.seconds.labels(method, where).observe(self.seconds)
        log(
            "request", logging.WARNING if self.status >= 500 else logging.INFO, id=self.request_id, method=method, route=where,
            status=self.status, ms=round(1e3 * (time.perf_counter() - self.started), 1), bytes=self.size,
        )  # fmt: skip
