"""What the service counts, for Prometheus."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from simulator.domain import TextArray

_BATCH_SIZES = (1, 4, 16, 64, 256, 1_024, 4_096)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_MOST_REASONS = 32
"""Distinct reasons of failure that get a series of their own; the rest are "other"."""


class Meters:
    """Counters and histograms of one service, in a registry of their own.

    Args:
        usage: The engine's counters, read when metrics are asked for.
        waiting_rows: The length of the queue, likewise.
    """

    def __init__(
        self, usage: Callable[[], Mapping[str, float]], waiting_rows: Callable[[], int]
    ) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "nudgesim_requests",
            "Requests answered.",
            ["endpoint", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "nudgesim_request_seconds",
            "From the first byte of a request to the last of its answer.",
            ["endpoint"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._decisions = Counter(
            "nudgesim_decisions", "Exposures that the model answered.", registry=self._registry
        )
        self._failures = Counter(
            "nudgesim_failures",
            "Exposures that the model did not answer, by reason.",
            ["reason"],
            registry=self._registry,
        )
        self._batch_rows = Histogram(
            "nudgesim_batch_rows",
            "Exposures that the engine got at a time.",
            buckets=_BATCH_SIZES,
            registry=self._registry,
        )
        self._batch_requests = Histogram(
            "nudgesim_batch_requests",
            "Requests that a batch was merged from.",
            buckets=_BATCH_SIZES,
            registry=self._registry,
        )
        self._waiting = Histogram(
            "nudgesim_waiting_seconds",
            "From a request's entry into the queue to the start of its batch.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        queue = Gauge(
            "nudgesim_queue_rows", "Exposures that wait for the engine.", registry=self._registry
        )
        queue.set_function(waiting_rows)
        self._registry.register(_EngineCounters(usage))
        self._reasons: set[str] = set()

    def request(self, endpoint: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests.labels(endpoint, str(status)).inc()
        self._seconds.labels(endpoint).observe(seconds)

    def batch(self, rows: int, waited: Sequence[float], failure: TextArray) -> None:
        """The engine answered a batch.

        Args:
            rows: In it.
            waited: Seconds that each of its requests had waited.
            failure: Why each row has no answer, or "".
        """
        self._batch_rows.observe(rows)
        self._batch_requests.observe(len(waited))
        for seconds in waited:
            self._waiting.observe(seconds)
        failed = [reason for reason in failure.tolist() if reason]
        self._decisions.inc(rows - len(failed))
        for reason in failed:
            self._failures.labels(self._series(reason)).inc()

    def exposition(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)

    def _series(self, reason: str) -> str:
        """The reason without its numbers, so that there are never many series."""
        series = re.sub(r"\d+(\.\d+)?", "N", reason)
        if series not in self._reasons and len(self._reasons) >= _MOST_REASONS:
            return "other"
        self._reasons.add(series)
        return series


class _EngineCounters(Collector):
    """The engine's own counters, as they are when asked for."""

    def __init__(self, usage: Callable[[], Mapping[str, float]]) -> None:
        self._usage = usage

    def collect(self) -> Iterable[Metric]:
        for name, value in self._usage().items():
            yield CounterMetricFamily(
                f"nudgesim_engine_{name}", f"The engine's counter {name}.", value=value
            )
