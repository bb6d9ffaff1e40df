"""``python -m benchmarks.callbacks``: what pending callbacks cost conversions.

One load in turns, on a fresh database each: with no callback, and with 10,000 of receivers that are
down. Read the ratios: figures are of the machine they were taken on.
"""

from __future__ import annotations

import argparse
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from statistics import median
from threading import Thread
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figures
from benchmarks.load import Duration, Load
from benchmarks.run import run
from conveyor.ledger import connect

__all__ = ["SCENES", "main", "write_notices"]

_PENDING: Final = 10_000
_ROUNDS: Final = 3
_RECEIVERS: Final = 10
_LATER_S: Final = 3600.0
_BATCH: Final = 1000
_LOAD: Final = Load(
    name="callbacks",
    title="300 of 2 s at once, polled",
    count=300,
    duration=Duration(2),
    sides=("ours",),
)

SCENES: Final = ("none", "waiting", "hanging")
"""No callback; 10,000 whose next try is an hour away; 10,000 that are due, of receivers that take
the connection and answer nothing."""


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.callbacks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    parser.add_argument("--pending", type=int, default=_PENDING)
    parser.add_argument("--scenes", nargs="+", choices=SCENES[1:], default=SCENES[1:])
    options = parser.parse_args()
    scenes = ("none", *options.scenes)
    runs: dict[str, list[Figures]] = {scene: [] for scene in scenes}
    with tempfile.TemporaryDirectory() as logs, _silent() as ports:
        for number in range(options.rounds):
            for scene in scenes if number % 2 == 0 else reversed(scenes):
                prepare = _prepare(scene, options.pending, ports)
                runs[scene].append(run(_LOAD, "ours", Path(logs), prepare=prepare))
    _show(runs)
    return 0


def write_notices(redis_url: str, count: int, ports: list[int], wait_s: float) -> None:
    """Write pending callbacks, as conversions that have ended leave them.

    Args:
        redis_url: The ledger.
        count: How many.
        ports: Of their receivers on this machine.
        wait_s: When the next try is due, seconds from now.
    """
    with closing(connect(redis_url)) as client:
        keys, now = client.keyspace, client.time()[0]
        for start in range(0, count, _BATCH):
            pipeline = client.pipeline(transaction=False)
            for number in range(start, min(start + _BATCH, count)):
                receiver = f"127.0.0.1:{ports[number % len(ports)]}"
                name = f"pending-{number}"
                fields: dict[str, str | float] = {
                    "v": 1,
                    "id": f"msg_{number}",
                    "state": "succeeded",
                    "status": "pending",
                    "at": now,
                    "since": now,
                    "tries": 0,
                    "lane": receiver,
                    "url": f"http://{receiver}/hooks",
                }
                record: dict[Any, Any] = {f"1:{field}": text for field, text in fields.items()}
                pipeline.hset(keys.notices_of(name), mapping={**record, "count": 1, "pending": 1})
                pipeline.zadd(keys.notices("pending"), {f"1 {name}": now})
                pipeline.zadd(keys.lane(receiver), {f"1 {name}": now + wait_s})
                pipeline.zadd(keys.due("notify"), {receiver: now + wait_s})
            pipeline.execute()


def _prepare(scene: str, pending: int, ports: list[int]) -> Callable[[str], None]:
    def write(redis_url: str) -> None:
        """Write the callbacks of a scene."""
        if scene != "none":
            wait_s = 0.0 if scene == "hanging" else _LATER_S
            write_notices(redis_url, pending, ports, wait_s)

    return write


@contextmanager
def _silent() -> Iterator[list[int]]:
    """Receivers that take connections and answer nothing."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(_RECEIVERS)
        ]
        kept: list[socket.socket] = []
        for server in servers:
            Thread(target=_keep, args=(server, kept), daemon=True).start()
        yield [server.getsockname()[1] for server in servers]


def _keep(server: socket.socket, kept: list[socket.socket]) -> None:
    try:
        while True:
            kept.append(server.accept()[0])
    except OSError:  # it was closed: the end
        return


def _show(runs: dict[str, list[Figures]]) -> None:
    table = Table("pending", "CPU, ms", "ratio", "makespan, s", "ratio", "p50, s", "Redis CPU, ms")
    base = runs["none"]
    for scene, figures in runs.items():
        cpu = [it.worker_cpu_ms for it in figures]
        span = [it.makespan_s for it in figures]
        table.add_row(
            scene,
            f"{median(cpu):.2f}",
            _ratio(cpu, [it.worker_cpu_ms for it in base]),
            f"{median(span):.2f}",
            _ratio(span, [it.makespan_s for it in base]),
            f"{median(it.ready_to_stored_p50_s or 0 for it in figures):.2f}",
            f"{median(it.redis_cpu_ms for it in figures):.2f}",
        )
    Console().print(table)


def _ratio(these: list[float], those: list[float]) -> str:
    """The median of each round's ratio, with the least and the most."""
    ratios = sorted(one / other for one, other in zip(these, those, strict=True))
    return f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"


if __name__ == "__main__":
    sys.exit(main())
