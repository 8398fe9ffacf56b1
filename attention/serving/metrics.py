"""The figures at /metrics, in Prometheus' text format: requests and their times by route, work in hand, the process."""

from collections.abc import Callable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The metrics of one page, in a registry of their own so that two pages in one process do not share them."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self):
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        names = ["method", "route", "status"]
        self.requests = Counter("attention_requests", "Requests answered.", names, registry=self.registry)
        self.seconds = Histogram(
            "attention_request_seconds", "From a request to the first byte of its answer.", names[:2], buckets=SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.refused = Counter("attention_refused", "Requests refused at the door.", ["why"], registry=self.registry)

    def watch(self, name: str, words: str, value: Callable[[], float]) -> None:
        """Add a gauge whose value is read whenever /metrics is asked for."""
        Gauge(f"attention_{name}", words, registry=self.registry).set_function(value)

    def text(self) -> bytes:
        return generate_latest(self.registry)
