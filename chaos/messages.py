"""Faults of the broker: messages of our queues doubled, dropped or kept back.

They strike where kombu puts a message into a queue, in whichever process publishes, for as long as
a key in Valkey says so: workers and producer switch at the same moment.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, Final
from uuid import uuid4

import redis
from kombu.transport import redis as transport

from conveyor.names import Queues

__all__ = ["MessageFault", "begin", "deliver_late", "end", "install", "installed", "struck"]

# A queue's only way in is its `_put`.
_CHANNEL: Final[Any] = transport.Channel
_SWITCH: Final = "chaos:messages"
_STRUCK: Final = "chaos:struck"
_RATE: Final = 0.5
_QUEUES: Final = Queues().names


class MessageFault(StrEnum):
    """What becomes of messages."""

    TWICE = "twice"  # each is delivered twice
    DROP = "drop"  # half of them vanish
    LATE = "late"  # half of them are kept back until `deliver_late`


def begin(client: redis.Redis, fault: MessageFault) -> None:
    """Let a fault strike, in every process that has it installed."""
    client.set(_SWITCH, fault.value)


def end(client: redis.Redis) -> None:
    """End it."""
    client.delete(_SWITCH)


def struck(client: redis.Redis) -> int:
    """How many messages met a fault."""
    return int(client.get(_STRUCK) or 0)


def install() -> None:
    """Let this process's messages meet the fault in force, for as long as it lives."""
    _CHANNEL._put = _faulty(_CHANNEL._put)  # noqa: SLF001 - kombu's own seam


@contextmanager
def installed() -> Iterator[None]:
    """The same for a while."""
    whole = _CHANNEL._put  # noqa: SLF001 - kombu's own seam
    install()
    try:
        yield
    finally:
        _CHANNEL._put = whole  # noqa: SLF001 - kombu's own seam


def deliver_late(client: redis.Redis) -> int:
    """Deliver what was kept back.

    Returns:
        How many messages.
    """
    late = 0
    for queue in _QUEUES:
        while raw := client.rpop(_late(queue)):
            client.lpush(queue, raw)  # type: ignore[arg-type] # one element, not a list
            late += 1
    return late


def _faulty(put: Callable[..., None]) -> Callable[..., None]:
    def faulty(self: Any, queue: str, message: Mapping[str, Any], **options: Any) -> None:
        """Put a message into its queue, unless a fault strikes it."""
        fault = _strikes(self) if queue in _QUEUES else None
        if fault is MessageFault.TWICE:
            put(self, queue, _copy_of(message), **options)
        if fault is MessageFault.LATE:
            with self.conn_or_acquire() as client:
                client.lpush(_late(queue), json.dumps(message))
        if fault in (None, MessageFault.TWICE):
            put(self, queue, message, **options)

    return faulty


def _strikes(channel: Any) -> MessageFault | None:
    """The fault that this message meets."""
    with channel.conn_or_acquire() as client:
        in_force = client.get(_SWITCH)
        fault = MessageFault(in_force.decode()) if in_force else None
        if fault is None or (fault is not MessageFault.TWICE and random.random() >= _RATE):
            return None
        client.incr(_STRUCK)
        return fault


def _copy_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """The same message to a consumer, another to the broker: it acknowledges each by its tag."""
    copy: dict[str, Any] = json.loads(json.dumps(message))
    copy["properties"]["delivery_tag"] = str(uuid4())
    return copy


def _late(queue: str) -> str:
    return f"chaos:late:{queue}"
