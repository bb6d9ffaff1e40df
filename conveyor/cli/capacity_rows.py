"""What a load needs, as rows of text: for ``conveyor capacity`` and for the documentation."""

from __future__ import annotations

from conveyor.cli.text import size_text
from conveyor.planning.capacity import Capacity

__all__ = ["limit_rows", "rows"]


def rows(reckoned: Capacity) -> list[tuple[str, str]]:
    """What a load needs, for people.

    Args:
        reckoned: The figures.

    Returns:
        Names and figures.
    """
    it = reckoned
    return [
        ("polls a conversion", f"{it.polls:.2f}"),
        ("jobs at once at ConvertAPI", _number(it.jobs_at_once)),
        ("requests a second to ConvertAPI", _number(it.requests_per_s)),
        ("requests under way", _number(it.requests_at_once)),
        ("worker processes", f"{it.workers:,}"),
        ("of these for the CPU", f"{it.workers_for_cpu:,}"),
        ("of these for the requests", f"{it.workers_for_requests:,}"),
        ("cores busy in workers", _number(it.worker_cores)),
        ("memory of workers", size_text(round(it.worker_bytes))),
        ("web processes", f"{it.webs:,}" if it.webs else "-"),
        ("cores busy in web", _number(it.web_cores) if it.webs else "-"),
        ("Celery messages a second, at most", _number(it.messages_per_s)),
        ("round trips a second to Redis, at most", _number(it.round_trips_per_s)),
        ("Redis commands a second", _number(it.redis_commands_per_s)),
        ("Redis traffic a second", size_text(round(it.redis_bytes_per_s))),
        ("cores busy in Redis", _number(it.redis_cores)),
        ("Redis memory, in flight", size_text(round(it.redis_in_flight_bytes))),
        ("Redis memory, finished, 7 days", size_text(round(it.redis_kept_bytes))),
        ("Redis memory, Celery results, 1 day", size_text(round(it.redis_results_bytes))),
        ("result files a second", size_text(round(it.stored_bytes_per_s))),
        ("result files kept", size_text(round(it.stored_bytes))),
        ("namespaces, each on its Redis", f"{it.namespaces:,}"),
        ("accounts", f"{it.accounts:,}" if it.accounts else "-"),
    ]


def limit_rows(reckoned: Capacity) -> list[tuple[str, str, str, str]]:
    """What is full when, for people: one of what, conversions a second, how many, the cure.

    Args:
        reckoned: The figures.
    """
    return [
        (limit.name, f"{_number(limit.carries)}/s", f"{limit.needs:,}", limit.cure)
        for limit in reckoned.limits
    ]


def _number(value: float) -> str:
    """Three digits of it, or all that stand before the point."""
    whole = len(f"{value:.0f}") if value >= 1 else 0
    return f"{value:,.{max(0, 2 - whole)}f}"
