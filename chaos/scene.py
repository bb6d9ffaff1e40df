"""A case's run: a fleet, its load, a fault, a verdict."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis

from chaos import messages
from chaos.fleet import Fleet
from chaos.judge import Verdict, judge
from chaos.load import Load
from conveyor import Conveyor

__all__ = ["Case", "Scene", "run"]


@dataclass(frozen=True)
class Case:
    """A fault and the fleet that it strikes.

    Attributes:
        name: For the command line and the table.
        strike: Enqueues the load and brings the fault; returns when the fault has passed.
        duration: Seconds that a conversion takes at the service, ``A-B``.
        options: More options of the sandbox.
        through_proxy: Whether workers reach Valkey through a proxy.
        faulty_broker: Whether the broker's faults are installed.
        crashes: Whether it may strike between a callback and the note that it was fired.
        callbacks: Whether some conversions are signatures with a callback.
        least: Conversions in flight, where the case asks for more than the others.
        patience_s: Seconds after which an outcome that is missing is lost; above every time that
            the design allows a wake-up that went missing.
    """

    name: str
    strike: Callable[[Scene], None]
    duration: str = "4-8"
    options: tuple[str, ...] = ()
    through_proxy: bool = False
    faulty_broker: bool = False
    crashes: bool = False
    callbacks: bool = True
    least: int = 0
    patience_s: float = 240.0


@dataclass
class Scene:
    """What a case acts on.

    Attributes:
        fleet: To be harmed.
        conveyor: The web application's.
        client: Valkey, beside the proxy.
        load: The conversions.
        count: How many are to be in flight.
        dice: For random moments.
        broken: Promises that the case itself saw broken, in words.
        notes: Its figures.
        faults: Of the service: what must have struck at least once, or the case has shown nothing.
        aftermath: What is done once all callers know, before the judgement.
    """

    fleet: Fleet
    conveyor: Conveyor
    client: redis.Redis
    load: Load
    count: int
    dice: random.Random
    broken: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    faults: tuple[str, ...] = ()
    aftermath: Callable[[], None] = lambda: None

    def enqueue(self) -> None:
        """Bring the conversions in flight, all of them."""
        self.load.enqueue(self.count)
        in_flight = self.load.in_flight()
        if in_flight < self.count:
            self.notes.append(f"{in_flight} were in flight when all were enqueued")

    def look_back(self) -> None:
        """See what struck: a fault that never did has shown nothing."""
        struck = dict(self.fleet.service.audit()["faults"])
        messages_struck = messages.struck(self.client)
        if messages_struck:
            struck["messages"] = messages_struck
        if struck:
            told = ", ".join(f"{name} {count} times" for name, count in struck.items())
            self.notes.append(f"struck: {told}")
        self.broken += [f"{name} never struck" for name in self.faults if not struck.get(name)]

    def pause(self, low_s: float, high_s: float) -> None:
        """Wait for a random moment."""
        time.sleep(self.dice.uniform(low_s, high_s))


def run(case: Case, dialect: str, conversions: int, directory: Path, seed: int) -> Verdict:
    """Run one case on a fleet of its own.

    Args:
        case: The case.
        dialect: The service's dialect that its workers speak.
        conversions: How many are in flight.
        directory: Where data and logs lie.
        seed: Of its random moments.

    Returns:
        The verdict.
    """
    count = max(conversions, case.least)
    with _scene(case, dialect, count, directory, seed) as scene:
        case.strike(scene)
        passed = time.monotonic()
        scene.load.watch(case.patience_s)
        last = max((each.at for each in scene.load.outcomes.values()), default=passed)
        scene.aftermath()
        scene.look_back()
        audit, lost, broken, notes = judge(
            scene.fleet, scene.conveyor, scene.client, scene.load, crashes=case.crashes
        )
    return Verdict(
        case=case.name,
        dialect=dialect,
        conversions=count,
        lost=lost,
        duplicates=audit["paid_duplicates"],
        violations=audit["overlapping_polls"] + audit["early_polls"],
        recovered_s=None if lost else max(last - passed, 0.0),
        broken=(*scene.broken, *broken),
        notes=(*scene.notes, *notes),
    )


@contextmanager
def _scene(case: Case, dialect: str, count: int, directory: Path, seed: int) -> Iterator[Scene]:
    fleet = Fleet(
        dialect=dialect,
        directory=directory,
        duration=case.duration,
        sandbox_options=case.options,
        through_proxy=case.through_proxy,
        faulty_broker=case.faulty_broker,
    )
    with ExitStack() as open_:
        if case.faulty_broker:
            open_.enter_context(messages.installed())
        open_.enter_context(fleet)
        conveyor = open_.enter_context(fleet.conveyor())
        client = open_.enter_context(closing(fleet.valkey.client()))
        sources = directory / "sources"
        load = Load(conveyor, client, fleet.service, sources, callbacks=case.callbacks)
        yield Scene(fleet, conveyor, client, load, count, random.Random(seed))
