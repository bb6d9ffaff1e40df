"""Bells: messages that only say that something is due (invariant I6).

A bell names no conversion. The worker that receives it claims the due conversions from the ledger.
The one message that names a conversion brings its outcome to its caller, under the caller's task
id.
"""

from __future__ import annotations

from dataclasses import dataclass

from conveyor import names
from conveyor.ledger import Entry
from conveyor.messaging.publishing import Publisher, publish

__all__ = ["Belfry", "deliver"]

_TASKS = {
    "submit": names.SUBMIT,
    "poll": names.POLL,
    "deliver": names.DELIVER,
    "notify": names.NOTIFY,
}


@dataclass(frozen=True, slots=True)
class Belfry:
    """Sends bells.

    Attributes:
        publisher: Where they are sent.
        retry_policy: kombu's, for a broker that is away; the app's unless given.
    """

    publisher: Publisher
    retry_policy: dict[str, float] | None = None

    def ring(self, kind: str, wait_s: float, at: float) -> None:
        """Send one.

        Args:
            kind: For what: ``submit``, ``poll``, ``deliver`` or ``notify``.
            wait_s: Seconds until it shall come, its countdown.
            at: The same as a time at Redis, because the hosts' clocks differ.

        Raises:
            OperationalError: The broker did not take it.
        """
        task = _TASKS[kind]
        publish(
            self.publisher.app,
            task,
            queue=self.publisher.queues.of_tasks[task],
            kwargs={"at": round(at, 3)},
            countdown=wait_s or None,
            ignore_result=True,
            retry_policy=self.retry_policy,
        )


def deliver(publisher: Publisher, entry: Entry) -> None:
    """Have a conversion's outcome brought to its caller, under the caller's task id.

    Args:
        publisher: Where it is sent.
        entry: The conversion, with the caller's canvas.

    Raises:
        OperationalError: The broker did not take it.
    """
    publish(
        publisher.app,
        names.DELIVER,
        args=(entry.id,),
        task_id=entry.id,
        queue=publisher.queues.deliver,
        **entry.caller.options(),
    )
