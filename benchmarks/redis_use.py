"""What Redis was asked for: commands, bytes, round trips, messages, memory.

Whatever this process asks for itself is left out: `counted` counts what it sends, and its clients
say by their name that they only measure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

import redis
from redis.connection import AbstractConnection

__all__ = ["NAME", "RedisUse", "Sent", "counting", "measuring_client"]

NAME: Final = "bench"
_KB: Final = 1e3


@dataclass(slots=True)
class Sent:
    """What this process has sent to Redis, whoever has sent it.

    Attributes:
        times: How often; a pipeline is sent once.
    """

    times: int = 0


@contextmanager
def counting() -> Iterator[Sent]:
    """Count what this process sends to Redis."""
    sent, send = Sent(), cast("Any", AbstractConnection.send_packed_command)

    def counted(self: Any, *args: Any, **options: Any) -> Any:
        """Send as redis-py does, and count it."""
        sent.times += 1
        return send(self, *args, **options)

    AbstractConnection.send_packed_command = counted  # type: ignore[method-assign] # to count
    try:
        yield sent
    finally:
        AbstractConnection.send_packed_command = send  # type: ignore[method-assign] # to count


def measuring_client(url: str) -> redis.Redis:
    """A client whose own commands and bytes are left out."""
    return redis.Redis.from_url(url, client_name=NAME)


@dataclass(frozen=True, slots=True)
class RedisUse:
    """Counts of a server so far, and what it holds; subtract two to have what lay between.

    Attributes:
        commands: Executed, those of scripts too.
        bytes_in: Received.
        bytes_out: Sent.
        reads: How often the server read from a client: a round trip each, a pipeline once.
        messages: Celery messages that were published.
    """

    commands: int
    bytes_in: int
    bytes_out: int
    reads: int
    messages: int

    @classmethod
    def now(cls, client: redis.Redis, sent: Sent) -> RedisUse:
        """Read the counts.

        Args:
            client: A `measuring_client`.
            sent: What this process has sent.
        """
        stats, calls = client.info("stats"), _calls(client)
        ours = [it for it in client.client_list() if it["name"] == NAME]
        return cls(
            commands=sum(calls.values()) - _sum(ours, "tot-cmds"),
            bytes_in=stats["total_net_input_bytes"] - _sum(ours, "tot-net-in"),
            bytes_out=stats["total_net_output_bytes"] - _sum(ours, "tot-net-out"),
            reads=stats["total_reads_processed"] - sent.times,
            messages=calls["lpush"],  # kombu's, one for each message
        )

    def __sub__(self, earlier: RedisUse) -> RedisUse:
        return RedisUse(
            commands=self.commands - earlier.commands,
            bytes_in=self.bytes_in - earlier.bytes_in,
            bytes_out=self.bytes_out - earlier.bytes_out,
            reads=self.reads - earlier.reads,
            messages=self.messages - earlier.messages,
        )

    def each(self, count: int) -> dict[str, float]:
        """The figures of `benchmarks.figures.Figures` that it knows.

        Args:
            count: How many conversions there were.
        """
        return {
            "redis_commands": self.commands / count,
            "redis_kb": (self.bytes_in + self.bytes_out) / count / _KB,
            "round_trips": self.reads / count,
            "messages": self.messages / count,
        }


def _calls(client: redis.Redis) -> Counter[str]:
    stats = client.info("commandstats")
    return Counter({name.removeprefix("cmdstat_"): it["calls"] for name, it in stats.items()})


def _sum(clients: list[dict[str, str]], field: str) -> int:
    return sum(int(client[field]) for client in clients)
