"""The fleet as a whole: conversions, queues, workers, accounts; for ``conveyor status``.

Redis is asked, and the workers over Celery's remote control, side by side. What can't be read is a
problem in words, and hides nothing of the rest.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from kombu.exceptions import ChannelError

from conveyor.diagnosis.broker import address_of_broker, broker_channel
from conveyor.diagnosis.checks import begin
from conveyor.diagnosis.roll_call import Alive, ask_about, roll_call
from conveyor.errors import ConveyorError
from conveyor.ledger.causes import explain
from conveyor.names import Queues
from conveyor.producer import Conveyor
from conveyor.watching.fleet import Fleet, Status

__all__ = ["FleetReport", "Worker", "report_of"]

_BROKER_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker of ours that is alive.

    Attributes:
        node: Its name, ``celery@host``.
        release: The release of Conveyor that it runs; empty where it does not say.
        slots: How many tasks it runs at a time; None where it does not say.
        busy: How many it runs now; None where it does not say.
        queues: The queues of ours that it consumes.
        problem: What is wrong with it, in words; empty where nothing is.
    """

    node: str
    release: str
    slots: int | None
    busy: int | None
    queues: tuple[str, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class FleetReport:
    """The fleet at one moment.

    Attributes:
        fleet: Conversions by state, dead letters and accounts.
        oldest: The conversion that has waited longest to begin; None where none waits.
        queues: How many messages wait in each queue; empty where the broker can't be read.
        workers: The workers that are alive.
        problems: What could not be read, and what needs somebody's look, in words.
        is_whole: Whether everything could be read.
    """

    fleet: Fleet
    oldest: Status | None
    queues: Mapping[str, int]
    workers: tuple[Worker, ...]
    problems: tuple[str, ...]
    is_whole: bool


def report_of(conveyor: Conveyor) -> FleetReport:
    """Look at the whole fleet. It takes about two seconds: workers have so long to answer.

    Args:
        conveyor: The library.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    asked = begin(partial(_workers_of, conveyor))
    counted = begin(partial(_lengths_of, conveyor))
    fleet, oldest = conveyor.fleet(), conveyor.oldest()
    unread: list[str] = []
    queues: Mapping[str, int] = {}
    workers: tuple[Worker, ...] = ()
    address = f"The broker at {address_of_broker(conveyor.celery_app)}"
    try:
        queues = counted.result(_BROKER_S)
        workers = asked.result(_BROKER_S * 2)
    except ConveyorError as error:
        unread.append(str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what was found
        unread.append(explain(address, error, "CONVEYOR_BROKER_URL"))
    problems = [*unread, *_of_fleet(fleet)]
    if not unread:
        problems += _of_workers(workers)
    return FleetReport(fleet, oldest, queues, workers, tuple(problems), not unread)


def _lengths_of(conveyor: Conveyor) -> dict[str, int]:
    queues = conveyor.publisher.queues
    with broker_channel(conveyor.celery_app) as channel:
        return {name: _length(channel, name) for name in queues.names}


def _length(channel: Any, queue: str) -> int:
    try:
        return int(channel.queue_declare(queue, passive=True).message_count)
    except ChannelError:
        # An empty queue is none: Redis keeps no empty list.
        return 0


def _workers_of(conveyor: Conveyor) -> tuple[Worker, ...]:
    app, queues = conveyor.celery_app, conveyor.publisher.queues
    # It takes as long as workers have to answer. The rest is for a broker or a host that is busy.
    alive = roll_call(app, time.monotonic() + _BROKER_S, _BROKER_S)
    ours = [worker for worker in alive if worker.queues & {*queues.names}]
    if not ours:
        return ()
    told = ask_about(app, [worker.node for worker in ours], time.monotonic() + _BROKER_S)
    found = (_worker(worker, told.get(worker.node), queues) for worker in ours)
    return tuple(sorted(found, key=lambda worker: worker.node))


def _worker(alive: Alive, about: Mapping[str, Any] | None, queues: Queues) -> Worker:
    consumed = tuple(name for name in queues.names if name in alive.queues)
    if about is None:
        problem = "It runs, and says nothing of itself. It may be overloaded: check its log."
        return Worker(alive.node, "", None, None, consumed, problem)
    return Worker(
        alive.node,
        str(about.get("release", "")),
        int(about["slots"]),
        len(about.get("running", ())),
        consumed,
        _trouble(about.get("storage")),
    )


def _trouble(storage: Any) -> str:
    if not isinstance(storage, Mapping) or storage.get("ok", True):
        return ""
    return f"Its storage can't be used: {storage.get('detail')}"


def _of_fleet(fleet: Fleet) -> Iterator[str]:
    if fleet.strangers:
        yield (
            f"These workers use another storage and have stopped their work: "
            f"{', '.join(fleet.strangers)}. Give them the same CONVEYOR_STORAGE_URL."
        )
    entries = {"can't be read": fleet.unreadable, "are lost in Redis": fleet.lost}
    for what, number in entries.items():
        if number:
            yield f"{number} conversions {what}. Run `conveyor dead list` to see them."


def _of_workers(workers: tuple[Worker, ...]) -> Iterator[str]:
    if not workers:
        yield "No worker has answered. Start one, or run `conveyor doctor` to find out why."
        return
    releases = {worker.release for worker in workers if worker.release}
    if len(releases) > 1:
        yield (
            f"Workers run different releases: {', '.join(sorted(releases))}. Upgrade the older "
            "ones."
        )
    for worker in workers:
        if worker.problem:
            yield f"{worker.node}: {worker.problem}"
