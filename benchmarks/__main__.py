"""``make bench``: what a conversion costs a worker, and what one worker gets through.

Three measurements, each on a stack of its own on loopback, with the service's real spacing of 5 s,
conversions of 10 s, and logs at WARNING:

1. one worker of 64 threads, 1,000 conversions at once, polled;
2. the same with webhooks, so that `web` brings each poll forward;
3. a smaller number of them beside a task that holds its slot, 192 conversions each, one after the
   other.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import requests
from rich.console import Console
from rich.table import Table

from conveyor import Conversion, Conveyor
from workers.local.process import Child
from workers.local.stack import LocalStack

SPACING_S: Final = 5.0
DURATION_S: Final = 10
THREADS: Final = 64
PATIENCE_S: Final = 300.0


@dataclass(frozen=True)
class Run:
    """One measurement.

    Attributes:
        name: What was measured.
        conversions: How many.
        seconds: From the first enqueue to the last outcome.
        cpu_s: CPU seconds of the worker's process, None where it is not measured.
        polls: How many conversions took how many polls.
    """

    name: str
    conversions: int
    seconds: float
    cpu_s: float
    polls: dict[int, int]


def main() -> int:
    """Run the measurements and print one table."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--conversions", type=int, default=1000)
    parser.add_argument("--beside", type=int, default=192, help="conversions of the comparison")
    options = parser.parse_args()
    console = Console()
    runs = [
        measure_conveyor("Conveyor", options.conversions),
        measure_conveyor("Conveyor with webhooks", options.conversions, webhooks=True),
        measure_conveyor("Conveyor", options.beside),
        measure_slot_holder(options.beside),
    ]
    show(runs, console)
    return 0


def new_stack(workers: int, *, webhooks: bool = False) -> LocalStack:
    """A stack with the service's own spacing and slow conversions."""
    return LocalStack(
        workers=workers,
        web=webhooks,
        webhooks=webhooks,
        concurrency=THREADS,
        dialect="path",
        spacing=SPACING_S,
        sandbox_options=("--duration", str(DURATION_S)),
        settings={"LOG_LEVEL": "WARNING"},
    )


def measure_conveyor(name: str, count: int, *, webhooks: bool = False) -> Run:
    """Enqueue all at once to one worker and wait for the last."""
    with new_stack(workers=1, webhooks=webhooks) as stack, closing(stack.conveyor()) as conveyor:
        (worker,) = stack.workers
        file_id = upload(stack.sandbox_url)
        conveyor.convert(file_id, to="zip", from_format="any").wait(PATIENCE_S)  # warm
        conveyor.ledger.pace.forget()
        time.sleep(3)  # the worker looks it up anew every two seconds
        cpu_before, began = cpu_seconds(worker.pid), time.time()
        ids = [conveyor.convert(file_id, to="zip", from_format="any").id for _ in range(count)]
        done = wait_for_all(conveyor, ids)
        cpu_s = cpu_seconds(worker.pid) - cpu_before
    seconds = max(conversion.finished_at or 0 for conversion in done) - began
    return Run(name, count, seconds, cpu_s, Counter(each.polls for each in done))


def wait_for_all(conveyor: Conveyor, ids: list[str]) -> list[Conversion]:
    """Look seldom, and only at what is not done: Valkey has better things to do meanwhile."""
    time.sleep(DURATION_S)
    waiting, done = set(ids), []
    while waiting:
        time.sleep(1)
        for entry in conveyor.ledger.find_many(sorted(waiting)):
            entry.conversion.raise_if_failed()
            if entry.state.is_final:
                waiting.discard(entry.id)
                done.append(entry.conversion)
    return done


def measure_slot_holder(count: int) -> Run:
    """The same conversions in tasks that wait in their slots."""
    with new_stack(workers=0) as stack:
        environment = {
            **os.environ,
            "BENCH_BROKER": stack.broker_url,
            "BENCH_SERVICE": stack.sandbox_url,
            "BENCH_SPACING": str(SPACING_S),
        }
        command = (
            *(sys.executable, "-m", "celery", "-A", "benchmarks.slot_holder", "worker"),
            *(
                "-P",
                "threads",
                "-c",
                str(THREADS),
                "-n",
                "holder@localhost",
                "--without-mingle",
                "-l",
                "INFO",
            ),
        )
        log = stack.directory / "holder.log"
        worker = Child("holder", command, log=log, env=environment)
        worker.start()
        try:
            worker.wait_ready(lambda: "ready." in worker.printed())
            os.environ.update({k: v for k, v in environment.items() if k.startswith("BENCH_")})
            from benchmarks import slot_holder  # noqa: PLC0415 - it reads its addresses on import

            file_id = upload(stack.sandbox_url)
            cpu_before, began = cpu_seconds(worker.pid), time.time()
            results = [slot_holder.convert.delay(file_id) for _ in range(count)]
            for result in results:
                result.get(timeout=PATIENCE_S)
            seconds = time.time() - began
            cpu_s = cpu_seconds(worker.pid) - cpu_before
            slot_holder.app.close()
        finally:
            worker.stop()
    return Run("a task that holds its slot", count, seconds, cpu_s, {})


def upload(service: str) -> str:
    """Bring one small document to the service; conversions of it are cached there."""
    answer = requests.post(
        f"{service}/upload",
        data=b"a small document",
        headers={
            "Authorization": "Bearer sandbox",
            "Content-Disposition": "attachment; filename=a.txt",
        },
        timeout=10,
    )
    answer.raise_for_status()
    return str(answer.json()["FileId"])


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, its threads included (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def show(runs: list[Run], console: Console) -> None:
    """One table, and the ratio that matters."""
    table = Table(
        title=f"conversions of {DURATION_S} s, polls {SPACING_S:g} s apart, "
        f"one worker of {THREADS} threads"
    )
    for heading in ("", "conversions", "seconds", "worker CPU, ms each", "polls: conversions"):
        table.add_column(heading, justify="right" if heading else "left")
    for run in runs:
        polls = ", ".join(f"{polls}: {count}" for polls, count in sorted(run.polls.items()))
        each_ms = run.cpu_s / run.conversions * 1000
        table.add_row(run.name, f"{run.conversions}", f"{run.seconds:.1f}", f"{each_ms:.1f}", polls)
    console.print(table)
    polled, called, ours, theirs = runs
    console.print(
        f"{ours.conversions} conversions: {theirs.seconds / ours.seconds:.1f} times faster than "
        f"holding slots; webhooks: {called.cpu_s / polled.cpu_s:.2f} times the worker's CPU"
    )


if __name__ == "__main__":
    sys.exit(main())
