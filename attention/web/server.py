"""What `python app.py` serves: the page behind its Guard, and how the server shuts down."""

import contextlib
import logging
import os
import socket
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import gradio as gr
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from attention.core import threads
from attention.inference.model_sets import ModelSets
from attention.pictures import reading
from attention.serving import cleanup, door, health, logs
from attention.serving.connections import Connection
from attention.serving.metrics import Metrics
from attention.serving.passwords import Passwords
from attention.serving.settings import Settings
from attention.web import gradio_compat, language, page, theme
from attention.web.tabs.compare import tab as compare

CLEAN_SECONDS = 60  # between two searches for files that are old enough to delete
LOCAL = ("127.0.0.1", "::1")


class ServeError(RuntimeError):
    """The page cannot be served; the message says what to do."""


class Served:
    """The page as a server: `app` is the ASGI application, with the page, /healthz and /metrics behind a Guard.

    `may_fetch`: visitors may have this machine download a data set. Raises PasswordError.
    """

    def __init__(self, sets: ModelSets, settings: Settings, may_fetch: bool = False):
        self.settings, self.metrics, self.draining = settings, Metrics(), False
        self.health = health.Health(lambda: sets.first, problems=lambda: sets.problems, uploads=health.upload_folder())
        self.page = page.build(sets, may_fetch)
        self.page.max_seconds = settings.max_request_seconds or None
        # Gradio's clean-up deletes only files that it knows, stops at the first that it cannot delete, and deletes them
        # all at shutdown, so ours runs too (serving/cleanup.py)
        self.page.delete_cache = (CLEAN_SECONDS, 60 * settings.keep_minutes)
        self.page.queue(max_size=settings.max_queue, api_open=False)  # no way past the queue
        gradio_compat.queue_by_address(self.page, settings.max_queue, compare.CONCURRENCY, self._address)
        threads.share_unless(lambda: self.at_work() > 1)
        self.metrics.watch("waiting", "Results that are waited for, running ones included.", self.at_work)
        inner = FastAPI(
            docs_url=None, redoc_url=None, openapi_url=None, lifespan=lambda _: cleanup.cleaning(self.clean, CLEAN_SECONDS)
        )  # fmt: skip
        inner.get("/healthz")(self._healthz)
        inner.get("/metrics")(self._metrics)
        inner.add_middleware(  # Gradio's own lets any site in unless the page's host is localhost
            CORSMiddleware, allow_origins=settings.allow_origins, allow_methods=["GET", "POST"], allow_headers=["*"],
            allow_credentials=True,
        )  # fmt: skip
        self._mount(inner)
        self.app = door.Guard(
            inner, settings, self.metrics, lambda: self.draining, language.language_of_sender, health.upload_folder(),
            endpoints={fn.api_name for fn in self.page.fns.values() if fn.api_visibility == "public"},
        )  # fmt: skip

    def _mount(self, inner: FastAPI) -> None:
        auth = Passwords(self.settings.passwords) if self.settings.passwords else None
        gr.mount_gradio_app(
            inner,
            self.page,
            path="/",
            auth=auth,
            theme=theme.build_theme(),
            css=theme.CSS,
            head=theme.HEAD,
            i18n=page.I18N,
            app_kwargs={"middleware": [*language.MIDDLEWARE, Middleware(gradio_compat.DescribesForEachCaller)]},
            footer_links=["api"],
            max_file_size=reading.limits.bytes,
            show_error=False,  # visitors see nothing of errors that are not meant for them
            ssr_mode=False,
            enable_monitoring=False,
            run_history=False,
        )
        gradio_compat.apply(inner, self.page, timedelta(minutes=self.settings.keep_minutes))

    def clean(self) -> None:
        """Delete visitors' files that are old enough, and Gradio's notes of files that are gone."""
        folder = health.upload_folder()
        kept = {file for block in self.page.blocks.values() for file in block.keep_in_cache}
        if deleted := cleanup.clean(folder, 60 * self.settings.keep_minutes, kept | self._on_their_way(folder)):
            logs.log("deleted", files=deleted)
        for noted in self.page.temp_file_sets:
            noted.difference_update([file for file in noted.copy() if not os.path.exists(file)])

    def _on_their_way(self, folder: Path) -> set[str]:
        """Recent files directly in the folder: parts of unfinished uploads, whose first file waits for the last."""
        oldest = time.time() - (self.settings.max_request_seconds or 3600) - CLEAN_SECONDS
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            return {entry.path for entry in entries if entry.is_file() and entry.stat().st_mtime > oldest}
        return set()

    def _healthz(self) -> Response:
        if self.draining:
            return JSONResponse({"status": "leaving"}, 503)
        healthy, said = self.health()
        return JSONResponse(said, 200 if healthy else 503)

    def _metrics(self, request: Request) -> Response:
        local = request.client and request.client.host in LOCAL and request.scope.get("attention.direct")
        if self.settings.metrics == "off" or (self.settings.metrics == "local" and not local):
            return JSONResponse({"detail": "There is nothing at this address."}, 404)
        return Response(self.metrics.text(), media_type=self.metrics.content_type)

    def _address(self, request: Request) -> str:
        return door.address(request.scope, request.headers, self.settings.proxies)

    def at_work(self) -> int:
        """How many results visitors wait for: those that run and those in the queue."""
        queue = self.page._queue
        return len(queue) + sum(len(job) for job in queue.active_jobs if job)

    def run(self, listening: socket.socket) -> None:
        """Serve until a signal, then let running work end."""
        if self.settings.proxies:
            Connection.of_one_address = None
        config = uvicorn.Config(
            self.app,
            http=Connection,
            ws="none",  # the page has no WebSocket, and one would escape Connection's limits
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=3,
        )
        _Server(config, self).run(sockets=[listening])


class _Server(uvicorn.Server):
    """At the first signal the server takes no new work and stops when it is idle; at the second it stops at once."""

    def __init__(self, config: uvicorn.Config, served: Served):
        super().__init__(config)
        self._served = served

    def handle_exit(self, sig, frame) -> None:
        if self._served.draining:
            super().handle_exit(sig, frame)
            return
        self._served.draining = True
        threading.Thread(target=self._leave, args=(sig, frame), name="leaving", daemon=True).start()

    def _leave(self, sig, frame) -> None:
        logs.log("leaving", waiting=self._served.at_work())
        until = time.monotonic() + self._served.settings.drain_seconds
        while self._served.at_work() and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(0.3)  # the last results are on their way
        left = self._served.at_work()
        logs.log("left", logging.WARNING if left else logging.INFO, cut_off=left)
        super().handle_exit(sig, frame)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, opened before any model is loaded. Raises ServeError where host and port cannot be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno) if getattr(error, "errno", None) else str(error)
        raise ServeError(f"The page cannot be served at {host}:{port}: {reason}. Try another --port.") from error


def announce(listening: socket.socket, sets: ModelSets) -> None:
    host, port = listening.getsockname()[:2]
    host = f"[{host}]" if ":" in host else host
    print(f"Attention Lab: http://{host}:{port} on {sets.device}", flush=True)
    for problem in sets.first.problems.values():
        print(problem, file=sys.stderr)


def check_disk(folder: Path) -> None:
    """Raises ServeError if uploads cannot be written, which would otherwise only show in the middle of a request."""
    try:
        health.check_writable(folder)
    except OSError as error:
        raise ServeError(
            f"Uploads cannot be kept: {error.strerror}. Set GRADIO_TEMP_DIR to a folder that can be written."
        ) from error
