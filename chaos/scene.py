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
from chaos.build import Build
from chaos.fleet import Fleet
from chaos.judge import judge
from chaos.load import Load
from chaos.rules import Rules
from chaos.verdict import Verdict
from conveyor import Conveyor

__all__ = ["Case", "Scene", "run"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A fault and the fleet that it strikes.

    Attributes:
        name: For the command line and the table.
        strike: Enqueues the load and brings the fault; returns when the fault has passed.
        build: Of the fleet.
        rules: For the judge.
        callbacks: Whether some conversions are signatures with a callback.
        staged_every: One conversion in so many comes from a file that a worker must upload first.
        least: Conversions in flight, where the case asks for more than the others.
    """

    name: str
    strike: Callable[[Scene], None]
    build: Build = field(default_factory=Build)
    rules: Rules = field(default_factory=Rules)
    callbacks: bool = True
    staged_every: int = 10
    least: int = 0


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
        faults: What must have struck, or the case has shown nothing: one of each group.
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
    faults: tuple[tuple[str, ...], ...] = ()
    aftermath: Callable[[], None] = lambda: None

    def enqueue(self) -> None:
        """Bring the conversions in flight, all of them."""
        self.load.enqueue(self.count)
        in_flight = self.load.entries.in_flight()
        if in_flight < self.count:
            self.notes.append(f"{in_flight} were in flight when all were enqueued")

    def look_back(self) -> None:
        """See what struck: a fault that never did has shown nothing."""
        struck = dict(self.fleet.service.audit()["faults"])
        messages_struck = messages.struck(self.client)
        if messages_struck:
            struck["messages"] = messages_struck
        if struck:
            told = ", ".join(f"{name} {count}" for name, count in sorted(struck.items()))
            self.notes.append(f"struck: {told}")
        self.broken += [
            f"{' or '.join(group)} never struck"
            for group in self.faults
            if not any(map(struck.get, group))
        ]

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
        scene.load.watch(case.rules.deadline_s)
        last = max((each.at for each in scene.load.outcomes.values()), default=passed)
        scene.aftermath()
        scene.look_back()
        found = judge(scene.fleet, scene.conveyor, scene.client, scene.load, case.rules)
    return Verdict(
        case=case.name,
        dialect=dialect,
        conversions=count,
        lost=found.lost,
        duplicates=found.duplicates,
        violations=found.violations,
        mistold=found.mistold,
        late=found.late,
        recovered_s=None if found.lost else max(last - passed, 0.0),
        broken=(*scene.broken, *found.broken),
        notes=(*scene.notes, *found.notes),
    )


@contextmanager
def _scene(case: Case, dialect: str, count: int, directory: Path, seed: int) -> Iterator[Scene]:
    fleet = Fleet(case.build, dialect=dialect, directory=directory, seed=seed)
    with ExitStack() as open_:
        if case.build.faulty_broker:
            open_.enter_context(messages.installed())
        open_.enter_context(fleet)
        conveyor = open_.enter_context(fleet.conveyor())
        client = open_.enter_context(closing(fleet.valkey.client()))
        load = Load(
            conveyor,
            client,
            open_.enter_context(closing(fleet.results.client())),
            fleet.service,
            directory / "sources",
            callbacks=case.callbacks,
            staged_every=case.staged_every,
        )
        yield Scene(fleet, conveyor, client, load, count, random.Random(seed))
