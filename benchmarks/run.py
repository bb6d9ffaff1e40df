"""One run: one side under one load, with real processes, on a database of its own."""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final, Self

import redis

from benchmarks import machine
from benchmarks.figures import Figures, percentile
from benchmarks.jobs import Source
from benchmarks.loads import Load
from benchmarks.outcomes import Outcome, Outcomes
from benchmarks.redis_use import RedisUse, Sent, counting, measuring_client
from benchmarks.service import Faults
from benchmarks.sides import Enqueue, Place, Side, side_of
from workers.local.environment import ROOT, child_environment
from workers.local.ports import LOOPBACK, free_port
from workers.local.process import Child
from workers.local.valkey import Valkey

__all__ = ["run"]

_WARM: Final = 8
_WARM_S: Final = 0.3
_WARM_PATIENCE_S: Final = 60.0
# Above the 5 s after which the first DELETE comes.
_QUIET_S: Final = 6.5
_MOST_TAIL_S: Final = 75.0
_SAMPLE_S: Final = 1.0
_EMPTY: Final = "empty"
_MB: Final = 1e6
_KB: Final = 1e3
# A row of rewriting the append-only file in the middle of one run would be measured with it.
_VALKEY: Final = {"auto-aof-rewrite-percentage": "0"}


def run(load: Load, side_name: str, logs: Path) -> Figures:
    """Measure a side under a load.

    Args:
        load: The load.
        side_name: The side.
        logs: The folder that keeps what the processes print.
    """
    logs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        valkey = stack.enter_context(Valkey(folder / "valkey", options=_VALKEY))
        service = stack.enter_context(StandIn(logs))
        place = Place(valkey.url(), service.url, folder, logs)
        side = side_of(side_name, place, workers=load.workers, webhooks=load.webhooks)
        sent = stack.enter_context(counting())
        stack.enter_context(side.running(place.redis_url))
        enqueue, warm = stack.enter_context(side.producer())
        if side_name == _EMPTY:
            return _measure_empty(load, side, place, enqueue, sent)
        with Outcomes(place.redis_url) as outcomes:
            _warm_up(warm, outcomes)
            service.reset(load.faults)
            return _Run(load, side_name, side, place, service, outcomes, sent).measured(enqueue)


class StandIn:
    """The stand-in's process.

    Args:
        logs: Where it prints to.
    """

    def __init__(self, logs: Path) -> None:
        self._port = free_port()
        command = (sys.executable, "-m", "benchmarks.service", "--port", str(self._port))
        log = logs / "service.log"
        self.process = Child("service", command, log=log, env=child_environment({}), cwd=ROOT)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{LOOPBACK}:{self._port}"

    def __enter__(self) -> Self:
        self.process.start()
        self.process.wait_ready(lambda: "stand-in ready on" in self.process.printed())
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.stop()

    def reset(self, faults: Faults) -> None:
        """Have it forget everything, and put faults in force."""
        self._ask("POST", "/_load", json.dumps(asdict(faults)).encode())

    def audit(self) -> dict[str, Any]:
        """What it has seen."""
        report: dict[str, Any] = json.loads(self._ask("GET", "/_audit"))
        return report

    def requests(self) -> int:
        """How many requests it had."""
        return int(json.loads(self._ask("GET", "/_counts")).get("requests", 0))

    def _ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        connection = HTTPConnection(LOOPBACK, self._port, timeout=60)
        try:
            connection.request(method, path, body)
            return connection.getresponse().read()
        finally:
            connection.close()


class _Peaks:
    """Looks every second at memory, and at what lies unacknowledged."""

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

    def _look_on(self) -> None:
        while not self._ends.wait(_SAMPLE_S):
            held = machine.memory(self._roots)
            self.rss, self.pss = max(self.rss, held.rss), max(self.pss, held.pss)
            self.unacked = max(self.unacked, int(self._client.hlen(self._unacked_key)))
            self.redis_bytes = max(self.redis_bytes, self._used())

    def _used(self) -> int:
        return int(self._client.info("memory")["used_memory"])


@dataclass(frozen=True, slots=True)
class _Cpu:
    """CPU seconds so far, by who has used them."""

    workers: float
    web: float
    service: float
    producer: float
    machine_busy: float
    machine: float

    @classmethod
    def now(cls, side: Side, service: Child) -> _Cpu:
        busy, total = _machine_seconds()
        return cls(
            machine.cpu_seconds(it.pid for it in side.workers),
            machine.cpu_seconds(it.pid for it in side.web),
            machine.cpu_seconds([service.pid]),
            time.process_time(),
            busy,
            total,
        )


@dataclass
class _Run:
    """The parts of a run that is prepared."""

    load: Load
    side_name: str
    side: Side
    place: Place
    service: StandIn
    outcomes: Outcomes
    sent: Sent
    accepted: dict[int, float] = field(default_factory=dict)

    def measured(self, enqueue: Enqueue) -> Figures:
        """Enqueue the load, wait for all outcomes and for the quiet after them."""
        sources = self.load.sources(self.side_name)
        roots = [it.pid for it in self.side.workers]
        client = measuring_client(self.place.redis_url)
        with client, _Peaks(roots, client, self.side.unacked) as peaks:
            cpu, use = self._cpu(), RedisUse.now(client, self.sent)
            began = time.time()
            ids = self._enqueued(enqueue, sources)
            left_s = self.load.patience_s - (time.time() - began)
            missing = self.outcomes.wait(ids, max(1.0, left_s))
            self._wait_for_quiet()
            used = RedisUse.now(client, self.sent) - use
            cpu_now = self._cpu()
        audit = self.service.audit()
        ended = {ids[it]: self.outcomes.seen[it] for it in ids if it in self.outcomes.seen}
        count = len(sources)
        busy_s = cpu_now.machine_busy - cpu.machine_busy
        return Figures(
            load=self.load.name,
            side=self.side_name,
            conversions=count,
            makespan_s=max((at for at, _ in ended.values()), default=began) - began,
            worker_cpu_ms=(cpu_now.workers - cpu.workers) / count * 1000,
            web_cpu_ms=(cpu_now.web - cpu.web) / count * 1000 if self.side.web else None,
            producer_cpu_ms=(cpu_now.producer - cpu.producer) / count * 1000,
            service_cpu_ms=(cpu_now.service - cpu.service) / count * 1000,
            lost=len(missing),
            failed=sum(not is_success for _, is_success in ended.values()),
            silent=self.outcomes.silent,
            violations=audit["violations"],
            duplicates=audit["duplicates"],
            throttled=audit["counts"].get("throttled", 0),
            polls=sum(job["polls"] for job in audit["jobs"]) / count,
            rss_mb=peaks.rss / _MB,
            pss_mb=peaks.pss / _MB,
            unacked=peaks.unacked,
            redis_memory_kb=(peaks.redis_bytes - peaks.redis_before) / count / _KB,
            redis_commands=used.commands / count,
            redis_kb=(used.bytes_in + used.bytes_out) / count / _KB,
            round_trips=used.reads / count,
            messages=used.messages / count,
            machine_busy=busy_s / (cpu_now.machine - cpu.machine),
            **_latencies(audit["jobs"], ended, self.accepted),
        )

    def _cpu(self) -> _Cpu:
        return _Cpu.now(self.side, self.service.process)

    def _enqueued(self, enqueue: Enqueue, sources: Iterable[Source]) -> dict[str, int]:
        """The ids of what was enqueued, with the numbers of their sources."""
        began, ids = time.monotonic(), {}
        for source in sources:
            if self.load.rate:
                time.sleep(max(0.0, began + source.number / self.load.rate - time.monotonic()))
            ids[enqueue(source)] = source.number
            self.accepted[source.number] = time.time()
        return ids

    def _wait_for_quiet(self) -> None:
        """Until nobody has asked the service for anything for a while: DELETEs follow behind."""
        heard, deadline = self.service.requests(), time.monotonic() + _MOST_TAIL_S
        quiet_since = time.monotonic()
        while time.monotonic() < min(deadline, quiet_since + _QUIET_S):
            time.sleep(0.5)
            now = self.service.requests()
            if now != heard:
                heard, quiet_since = now, time.monotonic()


def _latencies(
    jobs: list[dict[str, Any]], ended: dict[int, Outcome], accepted: dict[int, float]
) -> dict[str, float | None]:
    ready = {job["number"]: job["ready_at"] for job in jobs}
    posted = {job["number"]: job["posted_at"] for job in jobs}
    waits = [at - ready[number] for number, (at, _) in ended.items() if number in ready]
    submits = [posted[number] - at for number, at in accepted.items() if number in posted]
    return {
        "ready_to_stored_p50_s": percentile(waits, 0.5) if waits else None,
        "ready_to_stored_p99_s": percentile(waits, 0.99) if waits else None,
        "submitted_p50_s": percentile(submits, 0.5) if submits else None,
    }


def _warm_up(warm: Enqueue, outcomes: Outcomes) -> None:
    """The first conversions import and connect; nobody pays for that twice."""
    ids = [warm(Source(10**6 + number, _WARM_S)) for number in range(_WARM)]
    missing = outcomes.wait(ids, _WARM_PATIENCE_S)
    if missing:
        raise RuntimeError(f"{len(missing)} of {_WARM} conversions to warm up did not end")
    time.sleep(_QUIET_S)
    outcomes.silent = 0


def _machine_seconds() -> tuple[float, float]:
    """CPU seconds of the whole machine so far: used, and all."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    ticks = [int(it) for it in fields[:8]]
    idle = ticks[3] + ticks[4]
    return float(sum(ticks) - idle), float(sum(ticks))


def _measure_empty(load: Load, side: Side, place: Place, enqueue: Enqueue, sent: Sent) -> Figures:
    """Messages that do nothing: what Celery itself takes."""
    raise NotImplementedError
