"""The fleet's figures for Prometheus, read from the ledger when they are asked for.

Every web process shows the same: they are the fleet's, not the process's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, chain
from typing import Any, Final

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from conveyor import CallbackCounts, Conveyor, FailureKind, Fleet
from conveyor.domain.counters import POLL_BOUNDS, STORED_BOUNDS_S
from web.wiring import Wired

__all__ = ["FleetCollector", "router"]

router = APIRouter(tags=["health"])

_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
_OUTCOMES: Final = ("succeeded", *(kind.value for kind in FailureKind))
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Prometheus's text format",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
}


@router.get(
    "/metrics",
    operation_id="getMetrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses=_RESPONSES,
)
def get_metrics(services: Wired) -> Response:
    """Show the metrics of the whole fleet."""
    registry = CollectorRegistry()
    registry.register(FleetCollector(services.conveyor))
    return Response(generate_latest(registry), media_type=_TEXT)


class FleetCollector(Collector):
    """Reads the fleet and exports it as metrics.

    Args:
        conveyor: The library.
    """

    def __init__(self, conveyor: Conveyor) -> None:
        self._conveyor = conveyor

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: it would be read from Redis."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The fleet's current metrics.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        fleet = self._conveyor.fleet()
        return chain(metrics_of(fleet), callback_metrics(self._conveyor.callbacks.counts(), fleet))


def metrics_of(fleet: Fleet) -> Iterator[Metric]:
    """A fleet as metrics."""
    counts = fleet.counts
    yield _by_label("conversions", "Conversions by state.", "state", fleet.states)
    yield _by_label("dead_letters", "Dead letters by class.", "kind", fleet.dead)
    outcomes = CounterMetricFamily(
        "conveyor_outcomes", "Conversions that ended, by outcome.", labels=["outcome"]
    )
    for outcome in _OUTCOMES:
        outcomes.add_metric([outcome], counts.get(outcome, 0))
    yield outcomes
    yield _counter("polls", "Polls of jobs.", counts)
    yield _counter("throttles", "Throttles by ConvertAPI.", counts)
    yield _counter("cost", "What ConvertAPI charged, in its units.", counts)
    yield _histogram(
        "polls_per_conversion",
        "Polls until the end.",
        _buckets(counts, "polls_le", POLL_BOUNDS),
        counts.get("polls_sum", 0),
    )
    yield _histogram(
        "ready_to_stored_seconds",
        "From the result's being seen to its files' being stored.",
        _buckets(counts, "stored_le", STORED_BOUNDS_S),
        counts.get("stored_sum_ms", 0) / 1000,
    )
    yield GaugeMetricFamily(
        "conveyor_oldest_overdue_seconds",
        "How late the latest conversion is.",
        value=fleet.oldest_overdue_s,
    )
    yield GaugeMetricFamily(
        "conveyor_unreadable_entries",
        "Entries in Redis that can't be read: nothing is done for them.",
        value=fleet.unreadable,
    )
    yield GaugeMetricFamily(
        "conveyor_newer_entries",
        "Conversions that a later release of Conveyor has written: this one leaves them alone.",
        value=fleet.newer,
    )
    yield _counter("lost", "Conversions whose entry in Redis was evicted or deleted.", counts)
    yield GaugeMetricFamily(
        "conveyor_leftovers",
        "Jobs and files that are still to be deleted at ConvertAPI.",
        value=fleet.leftovers,
    )
    yield GaugeMetricFamily(
        "conveyor_workers_with_other_storage",
        "Workers whose storage is another than the one in use: they hold their work.",
        value=len(fleet.strangers),
    )
    yield _counter("deleted", "Jobs and files deleted at ConvertAPI.", counts)
    yield _counter("not_deleted", "Jobs and files that ConvertAPI removed by itself.", counts)
    yield _counter("deletions", "Conversions that somebody has deleted.", counts)
    yield _counter("erased", "Deleted conversions of which nothing is left.", counts)
    yield _counter("files_removed", "Result files that were removed after their life.", counts)
    held = {account.account: int(bool(account.held)) for account in fleet.accounts}
    yield _by_label("account_held", "Whether an account is on hold.", "account", held)


def callback_metrics(callbacks: CallbackCounts, fleet: Fleet) -> Iterator[Metric]:
    """How far callbacks are."""
    yield GaugeMetricFamily(
        "conveyor_callbacks_pending", "Callbacks on their way.", value=callbacks.pending
    )
    yield GaugeMetricFamily(
        "conveyor_oldest_callback_seconds",
        "Since when the oldest callback has been on its way.",
        value=callbacks.oldest_pending_s,
    )
    tries = CounterMetricFamily(
        "conveyor_callback_tries", "Tries of callbacks, by outcome.", labels=["outcome"]
    )
    for outcome in ("received", "again", "given_up", "lost"):
        tries.add_metric([outcome], fleet.counts.get(f"notices_{outcome}", 0))
    yield tries


def _by_label(name: str, text: str, label: str, values: Mapping[Any, int]) -> Metric:
    family = GaugeMetricFamily(f"conveyor_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([str(key)], value)
    return family


def _counter(name: str, text: str, counts: Mapping[str, int]) -> Metric:
    return CounterMetricFamily(f"conveyor_{name}", text, value=counts.get(name, 0))


def _histogram(name: str, text: str, buckets: Sequence[tuple[str, int]], total: float) -> Metric:
    return HistogramMetricFamily(f"conveyor_{name}", text, buckets=buckets, sum_value=total)


def _buckets(
    counts: Mapping[str, int], prefix: str, bounds: Sequence[float]
) -> list[tuple[str, int]]:
    """The ledger counts each bucket by itself; Prometheus wants them cumulative."""
    single = [counts.get(f"{prefix}:{bound:g}", 0) for bound in bounds]
    names = ["+Inf" if bound == float("inf") else f"{bound:g}" for bound in bounds]
    return list(zip(names, accumulate(single), strict=True))
