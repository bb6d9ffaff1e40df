"""What a Celery message costs by itself."""

from __future__ import annotations

import time
from typing import Any, Final

from benchmarks import machine
from benchmarks.figures import Figures
from benchmarks.jobs import Source
from benchmarks.load import Load
from benchmarks.redis_use import RedisUse, Sent, measuring_client
from benchmarks.sides import Enqueue, Side

__all__ = ["measure_messages"]

_QUEUE: Final = "celery"
_WARM: Final = 200
_LOOK_S: Final = 0.1
_PATIENCE_S: Final = 120.0
_MB: Final = 1e6


def measure_messages(
    load: Load, side: Side, redis_url: str, enqueue: Enqueue, sent: Sent
) -> Figures:
    """Enqueue messages, and wait until all are acknowledged.

    Args:
        load: How many.
        side: Whose tasks do nothing.
        redis_url: The server.
        enqueue: Publishes one.
        sent: What this process has sent to Redis.
    """
    with measuring_client(redis_url) as client:
        _work_off(client, side, enqueue, [Source(number, 0) for number in range(_WARM)])
        sources, roots = load.sources(side.name), [it.pid for it in side.workers]
        cpu_s, own_s = machine.cpu_seconds(roots), time.process_time()
        use, began = RedisUse.now(client, sent), time.monotonic()
        _work_off(client, side, enqueue, sources)
        took_s = time.monotonic() - began
        used = RedisUse.now(client, sent) - use
        held, count = machine.memory(roots), len(sources)
        return Figures(
            load=load.name,
            side=side.name,
            conversions=count,
            makespan_s=took_s,
            worker_cpu_ms=(machine.cpu_seconds(roots) - cpu_s) / count * 1000,
            producer_cpu_ms=(time.process_time() - own_s) / count * 1000,
            rss_mb=held.rss / _MB,
            pss_mb=held.pss / _MB,
            **used.each(count),
        )


def _work_off(client: Any, side: Side, enqueue: Enqueue, sources: list[Source]) -> None:
    for source in sources:
        enqueue(source)
    deadline = time.monotonic() + _PATIENCE_S
    while client.llen(_QUEUE) or client.hlen(side.unacked):
        if time.monotonic() > deadline:
            raise RuntimeError(f"messages are left after {_PATIENCE_S:g} s")
        time.sleep(_LOOK_S)
