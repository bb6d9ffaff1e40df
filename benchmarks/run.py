"""One run: one side under one load, with real processes, on a database of its own."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from benchmarks import machine
from benchmarks.audited import seen_by_the_service
from benchmarks.figures import Figures
from benchmarks.gauges import Cpu, Peaks
from benchmarks.jobs import Source
from benchmarks.load import Load
from benchmarks.messages import measure_messages
from benchmarks.outcomes import Outcomes
from benchmarks.profile import sampled
from benchmarks.redis_use import RedisUse, Sent, counting, measuring_client
from benchmarks.sides import Enqueue, Place, Side, side_of
from benchmarks.stand_in import StandIn
from local_stack.valkey import Valkey

__all__ = ["run"]

_WARM: Final = 8
_WARM_S: Final = 0.3
_WARM_PATIENCE_S: Final = 60.0
# Above the 5 s after which the first DELETE comes.
_QUIET_S: Final = 6.5
_IDLE_S: Final = 3.0
_MOST_TAIL_S: Final = 75.0
_LOOK_S: Final = 0.5
# To rewrite the append-only file in the middle of one run would be measured with that one.
_VALKEY: Final = {"auto-aof-rewrite-percentage": "0"}


def run(
    load: Load,
    side_name: str,
    logs: Path,
    stacks: Path | None = None,
    prepare: Callable[[str], None] = lambda _: None,
) -> Figures:
    """Measure a side under a load.

    Args:
        load: The load.
        side_name: The side.
        logs: The folder that keeps what the processes print.
        stacks: A file that takes samples of the first worker's stacks. They cost CPU, too.
        prepare: Writes into the database what lies there beside the load, given its URL.
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
        if not side.has_results:
            return measure_messages(load, side, place.redis_url, enqueue, sent)
        with Outcomes(place.redis_url) as outcomes:
            _warm_up(warm, outcomes)
            service.reset(load.faults)
            prepare(place.redis_url)
            if stacks is not None:
                stack.enter_context(sampled(side.workers[0].pid, stacks))
            idle_cpu_ms = _idle_cpu_ms(side)
            figures = _Run(load, side, valkey, service, outcomes, sent).measured(enqueue)
            return replace(figures, idle_cpu_ms=idle_cpu_ms)


@dataclass
class _Run:
    """The parts of a run that is prepared."""

    load: Load
    side: Side
    valkey: Valkey
    service: StandIn
    outcomes: Outcomes
    sent: Sent
    accepted: dict[int, float] = field(default_factory=dict)

    def measured(self, enqueue: Enqueue) -> Figures:
        """Enqueue the load, wait for all outcomes and for the quiet after them."""
        sources = self.load.sources(self.side.name)
        roots = [it.pid for it in self.side.workers]
        client = measuring_client(self.valkey.url())
        with client, Peaks(roots, client, self.side.unacked) as peaks:
            cpu, use = self._cpu(), RedisUse.now(client, self.sent)
            began = time.time()
            ids = self._enqueued(enqueue, sources)
            left_s = self.load.patience_s - (time.time() - began)
            missing = self.outcomes.wait(ids, max(1.0, left_s))
            tail_s = 0.0 if missing else self._wait_for_quiet()
            used = RedisUse.now(client, self.sent) - use
            spent = self._cpu() - cpu
        seen, count = self.outcomes.seen, len(sources)
        ended = {number: seen[name] for name, number in ids.items() if name in seen}
        return Figures(
            load=self.load.name,
            side=self.side.name,
            conversions=count,
            makespan_s=max((at for at, _ in ended.values()), default=began) - began,
            lost=len(missing),
            failed=sum(not is_success for _, is_success in ended.values()),
            silent=self.outcomes.silent,
            tail_s=tail_s,
            **spent.each(count),
            **peaks.each(count),
            **used.each(count),
            **seen_by_the_service(self.service.audit(), ended, self.accepted, began),
        )

    def _cpu(self) -> Cpu:
        return Cpu.now(self.side, self.valkey.process, self.service.process)

    def _enqueued(self, enqueue: Enqueue, sources: Sequence[Source]) -> dict[str, int]:
        """The ids of what was enqueued, with the numbers of their sources."""
        began, ids = time.monotonic(), {}
        arrivals = self.load.arrivals(len(sources))
        for source, arrival_s in zip(sources, arrivals, strict=True):
            if arrival_s:
                time.sleep(max(0.0, began + arrival_s - time.monotonic()))
            ids[enqueue(source)] = source.number
            self.accepted[source.number] = time.time()
        return ids

    def _wait_for_quiet(self) -> float:
        """Until nobody has asked the service for anything for a while: DELETEs follow behind.

        Returns:
            Seconds until the last request.
        """
        began = quiet_since = time.monotonic()
        heard = self.service.requests()
        while time.monotonic() < min(began + _MOST_TAIL_S, quiet_since + _QUIET_S):
            time.sleep(_LOOK_S)
            now = self.service.requests()
            if now != heard:
                heard, quiet_since = now, time.monotonic()
        return quiet_since - began


def _idle_cpu_ms(side: Side) -> float:
    """CPU of the workers a second while nothing is to be done, ms."""
    roots = [it.pid for it in side.workers]
    cpu_s, began = machine.cpu_seconds(roots), time.monotonic()
    time.sleep(_IDLE_S)
    return (machine.cpu_seconds(roots) - cpu_s) / (time.monotonic() - began) * 1000


def _warm_up(warm: Enqueue, outcomes: Outcomes) -> None:
    """The first conversions import and connect; nobody pays for that twice."""
    ids = [warm(Source(10**6 + number, _WARM_S)) for number in range(_WARM)]
    missing = outcomes.wait(ids, _WARM_PATIENCE_S)
    if missing:
        raise RuntimeError(f"{len(missing)} of {_WARM} conversions to warm up did not end")
    time.sleep(_QUIET_S)
    outcomes.silent = 0
