"""Celery's options, each with its reason."""

from __future__ import annotations

from typing import Any, Final

from kombu.entity import Exchange, Queue

from config.settings import WorkerSettings
from conveyor.messaging.extensions import transport_of
from conveyor.names import Queues

__all__ = ["celery_options"]

# Beside the pool's threads: the consumer, the heart beat, events, remote control.
_SPARE_CONNECTIONS: Final = 16
_STORE_RETRY: Final = {"max_retries": 1, "interval_start": 0.2}
# A warm shutdown waits for running tasks; each is bounded by the HTTP time-outs.
_SHUTDOWN_S: Final = 10.0


def celery_options(settings: WorkerSettings) -> dict[str, Any]:
    """The worker's Celery configuration.

    Args:
        settings: The workers' settings.

    Returns:
        Options for ``app.conf.update``.
    """
    broker = settings.broker_url.get_secret_value()
    queues = Queues(settings.namespace)
    connections = settings.concurrency + _SPARE_CONNECTIONS
    socket_options = {
        # A broker that is away must show, and not hold a slot.
        "socket_connect_timeout": 5,
        "socket_timeout": 30,
        "socket_keepalive": True,
    }
    return {
        "broker_url": broker,
        "result_backend": settings.result_backend.get_secret_value(),
        # kombu's default of 10 connections starves a larger pool: acknowledgements fail then,
        # and their messages run again after the visibility time-out.
        "broker_pool_limit": connections,
        "redis_max_connections": connections,
        "broker_transport_options": {
            **socket_options,
            "max_connections": connections,
            # Nobody else's messages are touched, and nobody else touches ours (invariant I7).
            **queues.unacknowledged,
            # Minutes: above every countdown, and short enough to bring back what a killed worker
            # held. The sweep brings work back sooner.
            "visibility_timeout": settings.visibility_timeout_seconds,
        },
        "result_backend_transport_options": {
            "visibility_timeout": settings.visibility_timeout_seconds,
            # A result backend that is away must not hold a slot: `workers.reporting` comes again.
            "retry_policy": _STORE_RETRY,
        },
        "redis_socket_connect_timeout": 5,
        "redis_socket_timeout": 30,
        "broker_connection_retry_on_startup": True,
        # A broker that is away for an hour must find the workers waiting for it.
        "broker_connection_max_retries": None,
        # With kombu's own a worker dies of a broker that is restarted, and is of no use once the
        # primary was switched.
        "broker_transport": transport_of(broker),
        "worker_pool": settings.pool,
        "worker_concurrency": settings.concurrency,
        # Bells lie in the memory of the worker that drew them: a limit shares them out.
        "worker_eta_task_limit": settings.eta_limit,
        "worker_prefetch_multiplier": 1,
        # Every task may be repeated: what is due stands in the ledger (invariant I6). So a message
        # is acknowledged when its work is done, and a lost worker loses none.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_soft_shutdown_timeout": _SHUTDOWN_S,
        # JSON alone: a message can hold data, and never code.
        "accept_content": ["json"],
        "task_serializer": "json",
        "result_serializer": "json",
        "result_extended": False,
        # The workers consume their own queues; what the callers' canvas names without a queue
        # goes where the callers' workers listen.
        "task_default_queue": settings.canvas_queue,
        "task_create_missing_queues": True,
        "task_routes": {name: {"queue": queue} for name, queue in queues.of_tasks.items()},
        # What a worker consumes unless `-Q` names some of them.
        "task_queues": [_declared(name) for name in queues.names],
        "task_track_started": False,
        # For Flower. Arguments are shown redacted, by `argsrepr` and `kwargsrepr`. Producers tell
        # of what they send. Bells are no news, and an event costs as much as a message.
        "task_send_sent_event": False,
        "worker_send_task_events": True,
        # Ours are structured; `workers.logs` sets them up.
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "enable_utc": True,
        "timezone": "UTC",
    }


def _declared(name: str) -> Queue:
    exchange = Exchange(name, type="direct")
    return Queue(name, exchange, routing_key=name)
