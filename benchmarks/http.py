"""``python -m benchmarks.http``: the CPU time of one call of the service, and nothing else.

A server in another process answers at once with canned bytes. What this process spends on a call
is measured beside bare `requests` and bare urllib3, in turn, in the same run. The ratios tell more
than the milliseconds: other work on the machine changes both alike. Files are stored in memory
where the machine has a folder there. On a disk making a folder and a file has cost from 0.05 to
0.9 ms on the same machine, by the state of its file system alone.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import requests
import urllib3
from requests.adapters import HTTPAdapter
from rich.console import Console
from rich.table import Table

from benchmarks.canned import FILE, RUNNING, serve
from conveyor.convertapi.client import ConvertApi
from conveyor.convertapi.credentials import FixedCredentials
from conveyor.convertapi.timeouts import Timeouts
from conveyor.convertapi.transport import Transport
from conveyor.domain.answers import RemoteFile
from conveyor.domain.conversion import StoredFile
from conveyor.domain.dialect import Dialect
from conveyor.storage import Storage
from workers.downloads import fetch

_MEMORY: Final = "/dev/shm"
_BOUNDS: Final = Timeouts(connect=5.0, read=15.0, total=30.0, transfer=900.0)
BASELINE: Final = "requests: bare adapter"


@dataclass(frozen=True)
class Cost:
    """What one kind of call costs.

    Attributes:
        name: What is called.
        median_ms: CPU milliseconds of this process a call, the median of the rounds.
        least_ms: The same of the cheapest round.
        ratio: The median of each round's cost divided by that of the bare adapter in this round.
    """

    name: str
    median_ms: float
    least_ms: float
    ratio: float


def main() -> int:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.http", description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--calls", type=int, default=100, help="of each kind in a round")
    parser.add_argument("--threads", type=int, default=0, help="measure polls of so many at once")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    near, far = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(far,), daemon=True)
    server.start()
    try:
        url = f"http://127.0.0.1:{near.recv()}"
        with tempfile.TemporaryDirectory(dir=_MEMORY if Path(_MEMORY).is_dir() else None) as folder:
            calls = _calls(url, folder, max(options.threads, 1))
            if options.threads:
                calls = {name: _side_by_side(call, options.threads) for name, call in calls.items()}
            costs = measure(calls, options.rounds, options.calls)
    finally:
        server.terminate()
        server.join()
    if options.json:
        print(json.dumps([vars(cost) for cost in costs], indent=2))
    else:
        _show(costs)
    return 0


def measure(calls: dict[str, Callable[[int], None]], rounds: int, count: int) -> list[Cost]:
    """Run all kinds of calls in turn.

    Args:
        calls: Make so many calls, by what they are.
        rounds: How often all of them are run.
        count: Calls of each kind in a round.
    """
    seen: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            began = time.process_time()
            call(count)
            if number:  # the first round makes connections
                seen[name].append((time.process_time() - began) / count * 1000)
    return [
        Cost(
            name,
            statistics.median(costs),
            min(costs),
            statistics.median(
                cost / base for cost, base in zip(costs, seen[BASELINE], strict=True)
            ),
        )
        for name, costs in seen.items()
    ]


def _calls(url: str, folder: str, threads: int) -> dict[str, Callable[[int], None]]:
    session = requests.Session()
    adapter = HTTPAdapter(pool_maxsize=threads)
    session.mount("http://", HTTPAdapter(pool_maxsize=threads))
    pools = urllib3.PoolManager(maxsize=threads)
    prepared = session.prepare_request(requests.Request("GET", f"{url}/async/job/{RUNNING}"))
    api = ConvertApi(
        Transport(url, FixedCredentials("5ecr3t-of-it"), timeouts=_BOUNDS, pool_size=threads)
    )
    storage = Storage(folder)
    form = {"File": "https://example.com/some/report.docx?signature=0123456789", "PageRange": "1-9"}

    def keep(name: str, chunks: object) -> StoredFile:
        """Refuse a result that came as bytes in an answer: here none does."""
        raise AssertionError(name, chunks)

    def poll(begin: str = "") -> object:
        """Poll a job once."""
        job = f"{begin}{uuid4().hex}"[:32]
        return api.poll(url, Dialect.PATH, job, keep, target="pdf", params=form)

    def start() -> object:
        """Start a job by one POST."""
        job = uuid4().hex
        webhook = f"https://hooks.example.com/conveyor/webhook/{job}"
        return api.start(Dialect.PATH, ("docx", "pdf"), form, job, keep, webhook=webhook)

    def bring() -> object:
        """Fetch a result file and store it."""
        remote = RemoteFile("report.pdf", f"{url}/d/{uuid4().hex}/report.pdf", len(FILE))
        return fetch(api, storage, str(uuid4()), remote, "report.pdf", 2**30)

    bodies: dict[str, Callable[[], object]] = {
        "urllib3: pool.request": lambda: pools.request("GET", prepared.url or "", timeout=15).data,
        BASELINE: lambda: adapter.send(prepared, timeout=(5, 15)).content,
        "requests: Session.request": lambda: session.get(prepared.url or "", timeout=(5, 15)),
        "start": start,
        "poll, 202": lambda: poll(RUNNING),
        "poll, 200 with a result": poll,
        "fetch and store 1 kB": bring,
        "delete a job": lambda: api.delete_job(url, Dialect.PATH, uuid4().hex),
        "delete a file": lambda: api.delete_file(f"{url}/d/{uuid4().hex}/report.pdf"),
        "store 1 kB": lambda: storage.save(str(uuid4()), "report.pdf", [FILE]),
    }
    return {name: _repeated(body) for name, body in bodies.items()}


def _repeated(body: Callable[[], object]) -> Callable[[int], None]:
    def run(count: int) -> None:
        """Make so many calls, one after the other."""
        for _ in range(count):
            body()

    return run


def _side_by_side(call: Callable[[int], None], threads: int) -> Callable[[int], None]:
    """The same calls by many threads."""
    pool = ThreadPoolExecutor(threads)

    def run(count: int) -> None:
        """Make so many calls, at the same time."""
        for _ in pool.map(call, [1] * count):
            pass

    return run


def _show(costs: list[Cost]) -> None:
    table = Table("call", title="CPU of one call")
    for column in ("median, ms", "least, ms", "x bare adapter"):
        table.add_column(column, justify="right")
    for cost in costs:
        table.add_row(
            cost.name, f"{cost.median_ms:.3f}", f"{cost.least_ms:.3f}", f"{cost.ratio:.2f}"
        )
    Console().print(table)


if __name__ == "__main__":
    raise SystemExit(main())
