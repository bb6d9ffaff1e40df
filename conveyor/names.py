"""Names on the wire: tasks and queues.

They never follow module paths, so that producers and workers of different versions, and web
applications with a ``tasks`` package of their own, agree on them. The tasks' names are the same
everywhere. The queues' names begin with the namespace, so that several fleets can share a broker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = [
    "CHECKUP",
    "DEFAULT_NAMESPACE",
    "DELIVER",
    "MESSAGE_VERSION",
    "NAMESPACE",
    "NOTIFY",
    "POLL",
    "SUBMIT",
    "VERSION_HEADER",
    "Queues",
]

DEFAULT_NAMESPACE: Final = "conveyor"
NAMESPACE: Final = r"[a-z0-9][a-z0-9._-]{0,39}"
"""What a namespace looks like. Redis and kombu give none of these characters a meaning."""

SUBMIT: Final = "conveyor.submit"
POLL: Final = "conveyor.poll"
DELIVER: Final = "conveyor.deliver"
NOTIFY: Final = "conveyor.notify"
CHECKUP: Final = "conveyor.checkup"

VERSION_HEADER: Final = "conveyor_v"
"""The header of our messages that tells the version of their form. Without it a message is of the
first one."""

MESSAGE_VERSION: Final = 1
"""The version that this code sends, and the latest that it understands."""


@dataclass(frozen=True, slots=True)
class Queues:
    """The queues of one namespace: those that its workers consume.

    Each of the four tasks has one of its own name, so that an operator sees in the broker what is
    waiting for what, and can give one more workers.

    Args:
        namespace: The namespace, ``CONVEYOR_NAMESPACE``.
    """

    namespace: str = DEFAULT_NAMESPACE

    @property
    def submit(self) -> str:
        """The queue of submits."""
        return f"{self.namespace}.submit"

    @property
    def poll(self) -> str:
        """The queue of polls."""
        return f"{self.namespace}.poll"

    @property
    def deliver(self) -> str:
        """What is to be brought to its caller; the checks of ``conveyor doctor``, too."""
        return f"{self.namespace}.deliver"

    @property
    def notify(self) -> str:
        """The queue of notices to receivers. No conversion waits behind one."""
        return f"{self.namespace}.notify"

    @property
    def unacknowledged(self) -> Mapping[str, str]:
        """Where kombu keeps what workers have drawn from them, by its names for it.

        Every consumer hands out again what has lain there for longer than its own visibility
        time-out. With kombu's defaults all consumers of a Redis database share one such place, so a
        worker of ours would have an application's long tasks run twice.
        """
        return {
            "unacked_key": f"{self.namespace}:unacked",
            "unacked_index_key": f"{self.namespace}:unacked_index",
            "unacked_mutex_key": f"{self.namespace}:unacked_mutex",
        }

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return (self.submit, self.poll, self.deliver, self.notify)

    @property
    def of_tasks(self) -> Mapping[str, str]:
        """The queue of each task, by the task's name."""
        return {
            SUBMIT: self.submit,
            POLL: self.poll,
            DELIVER: self.deliver,
            NOTIFY: self.notify,
            CHECKUP: self.deliver,
        }
