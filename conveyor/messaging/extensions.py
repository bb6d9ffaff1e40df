"""Our transport and result backend, by the names under which Celery loads them.

Celery loads a transport and a result backend when it first connects. So a process that only makes
requests ready never loads them.
"""

from __future__ import annotations

from typing import Final

from conveyor.domain.url_parts import SCHEMES, is_redis_url

__all__ = ["BACKENDS", "transport_of"]

BACKENDS: Final = dict.fromkeys(SCHEMES, "conveyor.messaging.result_backend:Backend")
"""For a Celery app's loader: who keeps results, by the scheme of the result backend's URL."""


_MODULES: Final = {
    "Transport": "conveyor.messaging.transport",
    "ProducerTransport": "conveyor.messaging.producer_transport",
}


def transport_of(broker_url: str, kind: str = "Transport") -> str | None:
    """Which transport an app shall use.

    Args:
        broker_url: Where its broker is.
        kind: ``Transport``, or ``ProducerTransport`` where a web request waits.

    Returns:
        Ours for Redis; None where Celery shall choose.
    """
    return f"{_MODULES[kind]}:{kind}" if is_redis_url(broker_url) else None
