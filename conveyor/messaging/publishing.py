"""How messages are published, by producers and workers alike.

What we send ourselves is written straight to the broker: no route, serializer, signal handler or
other setting of the application that we live in has a part in it (invariant I7). A signature is
published by whoever runs it, so its options say the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from celery import Celery

from conveyor import names
from conveyor.names import Queues

__all__ = ["Publisher", "announce", "options_of", "publish"]

_PERSISTENT: Final = 2


@dataclass(frozen=True, slots=True)
class Publisher:
    """Where messages are published.

    Attributes:
        app: To send through; one of ours.
        queues: Which ones they go into.
    """

    app: Celery
    queues: Queues


def options_of(queue: str, app: Celery) -> dict[str, Any]:
    """Celery options that send a task to a queue of ours, whatever the sender's settings are.

    The broker's nameless exchange takes a message to the queue that its routing key names. Celery
    leaves such a pair alone if the exchange's type is not its default. It then looks up no queue,
    so ``task_queues`` and ``task_create_missing_queues`` don't matter, and declares none.

    Args:
        queue: The queue.
        app: The app of the process that makes the signature.

    Returns:
        Options that survive JSON.
    """
    options: dict[str, Any] = {
        "exchange": "",
        "exchange_type": "topic",
        "routing_key": queue,
        "declare": [],
        "delivery_mode": _PERSISTENT,
        "priority": 0,
        "serializer": "json",
    }
    if app.conf.task_create_missing_queues:
        options["queue"] = queue
    if app.conf.task_compression:
        # Celery takes no "none" for an answer. This one every worker can read.
        options["compression"] = "gzip"
    return options


def publish(  # noqa: PLR0917 - by name, but for the first two
    app: Celery,
    name: str,
    queue: str = "",
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    task_id: str | None = None,
    retry_policy: Mapping[str, Any] | None = None,
    embed: Mapping[str, Any] | None = None,
    **fields: Any,
) -> str:
    """Send a task's message, past all that the sender's settings might do with it.

    Args:
        app: One of ours, to send through.
        name: The task's.
        queue: The queue that the message goes to.
        args: The task's arguments.
        kwargs: The same, by name.
        task_id: Its id; a new one unless given.
        retry_policy: kombu's, for a broker that is away; the app's unless given.
        embed: What else the worker's request shall hold.
        fields: Further fields of a task's message, by the names of ``AMQP.as_task_v2``.

    Returns:
        The task's id.

    Raises:
        OperationalError: The broker did not take the message.
    """
    message = app.amqp.as_task_v2(
        task_id or str(uuid4()),
        name,
        args=tuple(args),
        kwargs=dict(kwargs or {}),
        # Bells are no news; `announce` tells of conversions.
        create_sent_event=False,
        **fields,
    )
    message.headers[names.VERSION_HEADER] = names.MESSAGE_VERSION
    *call, callbacks = message.body
    body = (*call, {**callbacks, **(embed or {})})
    policy = {**app.conf.task_publish_retry_policy, **(retry_policy or {})}
    with app.producer_or_acquire() as producer:
        producer.publish(
            body,
            exchange="",
            routing_key=queue,
            serializer="json",
            delivery_mode=_PERSISTENT,
            headers=message.headers,
            retry=True,
            retry_policy=policy,
            **message.properties,
        )
    return str(message.headers["id"])


def announce(publisher: Publisher, task_id: str, name: str, kwargsrepr: str) -> None:
    """Show Flower a conversion as soon as it is enqueued, if the app sends task-sent events.

    Args:
        publisher: Where messages are sent.
        task_id: The conversion's id.
        name: The task's.
        kwargsrepr: What Flower shows of its arguments.
    """
    app, queue = publisher.app, publisher.queues.of_tasks[name]
    if not app.conf.task_send_sent_event:
        return
    message = app.amqp.as_task_v2(
        task_id, name, argsrepr="()", kwargsrepr=kwargsrepr, create_sent_event=True
    )
    fields = {**message.sent_event, "queue": queue, "exchange": "", "routing_key": queue}
    with suppress(Exception), app.producer_or_acquire() as producer:
        app.events.Dispatcher(enabled=False).publish("task-sent", fields, producer)
