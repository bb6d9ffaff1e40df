"""Wake-ups: messages that say "look at conversion X", and nothing more (invariant I6).

They carry ids and numbers; what they are about stands in the ledger (invariant I5).
"""

from __future__ import annotations

from typing import Any

from conveyor import names, schedule
from conveyor.conversion import State
from conveyor.ledger import Entry
from conveyor.names import Queues
from conveyor.publishing import Publisher, publish

__all__ = ["deliver", "poll", "submit", "wake"]


def submit(publisher: Publisher, entry: Entry, delay_s: float = 0) -> None:
    """Have a conversion submitted.

    Args:
        publisher: Where it is sent.
        entry: The conversion; its awaited number goes with the message.
        delay_s: Countdown, seconds.
    """
    kwargs = {"conversion_id": entry.id, "number": entry.wakeup}
    _send(publisher, names.SUBMIT, entry, delay_s, kwargs=kwargs)


def poll(publisher: Publisher, entry: Entry, delay_s: float) -> None:
    """Have a conversion polled.

    Args:
        publisher: Where it is sent.
        entry: The conversion; its awaited number goes with the message.
        delay_s: Countdown, seconds.
    """
    _send(publisher, names.POLL, entry, delay_s, args=(entry.id, entry.wakeup))


def deliver(publisher: Publisher, entry: Entry, delay_s: float = 0) -> None:
    """Have a conversion's outcome brought to its caller, under the caller's task id.

    Args:
        publisher: Where it is sent.
        entry: The conversion, with the caller's canvas.
        delay_s: Countdown, seconds.
    """
    publish(
        publisher.app,
        names.DELIVER,
        args=(entry.id,),
        countdown=min(delay_s, schedule.MAX_FALLBACK_S) or None,
        task_id=entry.id,
        queue=_queue_of(publisher.queues, names.DELIVER, entry),
        **entry.caller.options(),
    )


def wake(publisher: Publisher, entry: Entry, delay_s: float = 0) -> None:
    """Send the wake-up that a conversion's state asks for.

    Args:
        publisher: Where it is sent.
        entry: The conversion.
        delay_s: Countdown, seconds.
    """
    if entry.state is State.QUEUED:
        submit(publisher, entry, delay_s)
    elif entry.state is State.CONVERTING:
        poll(publisher, entry, delay_s)
    else:
        deliver(publisher, entry, delay_s)


def _send(publisher: Publisher, name: str, entry: Entry, delay_s: float, **options: Any) -> None:
    """In Flower these stand below the conversion: it is their root and parent.

    No countdown is longer than the longest, whoever asks for it: the broker's visibility time-out
    lies above that.
    """
    publish(
        publisher.app,
        name,
        countdown=min(delay_s, schedule.MAX_FALLBACK_S),
        queue=_queue_of(publisher.queues, name, entry),
        root_id=entry.id,
        parent_id=entry.id,
        ignore_result=True,
        **options,
    )


def _queue_of(queues: Queues, name: str, entry: Entry) -> str:
    if schedule.is_urgent(entry.job_age_s, entry.since_s(entry.ready_at)):
        return queues.urgent
    return queues.of_tasks[name]
