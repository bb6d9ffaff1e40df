"""What is read off while a run goes on, and before and after it."""

from __future__ import annotations

import threading
import time
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final, Self

import redis

from benchmarks import machine
from benchmarks.sides import Side
from workers.local.process import Child

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
    """CPU seconds so far, by who has used them."""

    workers: float
    web: float
    service: float
    producer: float
    machine_busy: float
    machine: float

    @classmethod
    def now(cls, side: Side, service: Child) -> Cpu:
        """Read the counts.

        Args:
            side: Whose workers and web processes.
            service: The stand-in's process.
        """
        busy, total = _machine_seconds()
        return cls(
            machine.cpu_seconds(it.pid for it in side.workers),
            machine.cpu_seconds(it.pid for it in side.web),
            machine.cpu_seconds([service.pid]),
            time.process_time(),
            busy,
            total,
        )

    def __sub__(self, earlier: Cpu) -> Cpu:
        return Cpu(*(now - then for now, then in zip(astuple(self), astuple(earlier), strict=True)))

    def each(self, count: int) -> dict[str, float]:
        """The figures of `benchmarks.figures.Figures` that it knows.

        Args:
            count: How many conversions there were.
        """
        return {
            "worker_cpu_ms": self.workers / count * 1000,
            "web_cpu_ms": self.web / count * 1000,
            "service_cpu_ms": self.service / count * 1000,
            "producer_cpu_ms": self.producer / count * 1000,
            "machine_busy": self.machine_busy / self.machine,
        }


def _machine_seconds() -> tuple[float, float]:
    """CPU seconds of the whole machine so far: used, and all."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    ticks = [int(it) for it in fields[:8]]
    idle = ticks[3] + ticks[4]
    return float(sum(ticks) - idle), float(sum(ticks))
