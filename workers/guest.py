"""Our worker as a guest: the broker may belong to an application, with workers of its own.

Workers that share a broker hear each other. Here stands what our worker does not take from others.
The control exchange stays Celery's own, so that an application's ``AsyncResult.revoke()`` reaches
our workers.
"""

from __future__ import annotations

import sys
from typing import Any

from celery import Celery
from celery.app.amqp import AMQP, Queues
from celery.apps.worker import Worker
from celery.worker import control
from kombu.entity import Exchange, Queue

__all__ = ["GuestAmqp", "GuestWorker"]


class _GuestQueues(Queues):  # type: ignore[misc] # Celery ships no types
    """Queues of which those that are not ours are only sent to, and never declared.

    A Redis needs no declaration. kombu's would bind the queue to an exchange of its own name, and
    where an application has a topic exchange of that name, Celery's default for instance, the queue
    would get a copy of every message of that exchange: each task would run twice.
    """

    def new_missing(self, name: str) -> Queue:
        """Make a queue that is only sent to, for a name that is not among our own."""
        exchange = Exchange(name, type="direct")
        return Queue(name, exchange, routing_key=name, no_declare=True)


class GuestAmqp(AMQP):  # type: ignore[misc] # Celery ships no types
    """How our app sends: to our own queues, and to those that a caller's callbacks name."""

    @property
    def queues_cls(self) -> type[Queues]:
        """Declare the queues, because other brokers lose messages to undeclared ones."""
        return _GuestQueues if self.app.conf.broker_transport else Queues


class GuestWorker(Worker):  # type: ignore[misc] # Celery ships no types
    """A worker that consumes the queues of its namespace, and asks nothing of other workers."""

    def prepare_args(self, **options: Any) -> dict[str, Any]:
        """Leave out what makes workers of one broker one cluster.

        Mingle copies every application's revoked ids to every other. Gossip reads every event of
        every worker. Nothing of ours needs either.
        """
        return {**options, "without_mingle": True, "without_gossip": True}

    def setup_queues(self, include: Any, exclude: Any = None) -> None:
        """Choose the queues.

        Raises:
            SystemExit: The command line names another application's queue. We would discard the
                messages there, because we don't know their tasks.
        """
        super().setup_queues(include, exclude)
        ours = _ours(self.app)
        others = sorted(set(self.app.amqp.queues.consume_from) - set(ours))
        if others:
            sys.exit(
                f"error: -Q names {', '.join(others)}: this worker knows no task there and would "
                f"discard the messages. Leave out -Q, or name some of {', '.join(ours)}. "
                "CONVEYOR_NAMESPACE says how they begin."
            )


@control.control_command(  # type: ignore[untyped-decorator] # Celery ships no types
    args=[("queue", str), ("exchange", str), ("exchange_type", str), ("routing_key", str)],
    signature="<queue> [exchange [type [routing_key]]]",
)
def add_consumer(state: Any, queue: str, *given: Any, **options: Any) -> Any:
    """Consume a queue, if it is ours: an application says this to all workers of its broker.

    Args:
        state: Celery's.
        queue: The queue's name.
        given: As Celery has them.
        options: As Celery has them.
    """
    if queue not in _ours(state.app):
        return control.nok(f"{queue} is not among this worker's queues")
    return control.add_consumer(state, queue, *given, **options)


def _ours(app: Celery) -> list[str]:
    return [queue.name for queue in app.conf.task_queues]
