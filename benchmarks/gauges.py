"""What is read off while a run goes on, and before and after it."""

from __future__ import annotations

import threading
import time
from dataclasses import astuple, dataclass
from typing import Final, Self

import redis

from benchmarks import machine
from benchmarks.sides import Side
from local_stack.process import Child

__all__ = ["Cpu", "Peaks"]

_SAMPLE_S: Final = 1.0
_MB: Final = 1e6
_KB: Final = 1e3


class Peaks:
    """Looks every second at memory, and at what lies unacknowledged.

    Args:
        roots: The workers' processes.
        client: A `measuring_client`.
        unacked: The key of what was drawn and not acknowledged.
    """

    def __init__(self, roots: list[int], client: redis.Redis, unacked: str) -> None:
        self._roots, self._client, self._unacked_key = roots, client, unacked
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self.rss = self.pss = self.unacked = 0
        self.redis_bytes = self._used()
        self.redis_before = self.redis_bytes

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ends.set()
        self._thread.join()

    def each(self, count: int) -> dict[str, float]:
        """The figures of `benchmarks.figures.Figures` that it knows.

        Args:
            count: How many conversions there were.
        """
        return {
            "rss_mb": self.rss / _MB,
            "pss_mb": self.pss / _MB,
            "unacked": self.unacked,
            "redis_memory_kb": (self.redis_bytes - self.redis_before) / count / _KB,
        }

    def _look_on(self) -> None:
        while not self._ends.wait(_SAMPLE_S):
            held = machine.memory(self._roots)
            self.rss, self.pss = max(self.rss, held.rss), max(self.pss, held.pss)
            self.unacked = max(self.unacked, int(self._client.hlen(self._unacked_key)))
            self.redis_bytes = max(self.redis_bytes, self._used())

    def _used(self) -> int:
        return int(self._client.info("memory")["used_memory"])


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds so far, by who has used them.

    Attributes:
        workers: The workers' trees.
        web: The web processes.
        redis: The server.
        service: The stand-in.
        producer: This process.
        anybody: All processes of the machine.
        all: What the machine has, used or not.
    """

    workers: float
    web: float
    redis: float
    service: float
    producer: float
    anybody: float
    all: float

    @classmethod
    def now(cls, side: Side, redis_server: Child, service: Child) -> Cpu:
        """Read the counts.

        Args:
            side: Whose workers and web processes.
            redis_server: The server's process.
            service: The stand-in's process.
        """
        return cls(
            machine.cpu_seconds(it.pid for it in side.workers),
            machine.cpu_seconds(it.pid for it in side.web),
            machine.cpu_seconds([redis_server.pid]),
            machine.cpu_seconds([service.pid]),
            time.process_time(),
            *machine.machine_seconds(),
        )

    def __sub__(self, earlier: Cpu) -> Cpu:
        return Cpu(*(now - then for now, then in zip(astuple(self), astuple(earlier), strict=True)))

    def each(self, count: int) -> dict[str, float]:
        """The figures of `benchmarks.figures.Figures` that it knows.

        Args:
            count: How many conversions there were.
        """
        ours = self.workers + self.web + self.redis + self.service + self.producer
        return {
            "worker_cpu_ms": self.workers / count * 1000,
            "web_cpu_ms": self.web / count * 1000,
            "redis_cpu_ms": self.redis / count * 1000,
            "service_cpu_ms": self.service / count * 1000,
            "producer_cpu_ms": self.producer / count * 1000,
            "others_busy": max(0.0, self.anybody - ours) / self.all,
        }
