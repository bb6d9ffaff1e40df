"""What happens to a fake's conversions by itself: plans, and the end of patience."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from conveyor.domain.conversion import State
from conveyor.domain.next_steps import Limits
from conveyor.ledger import Entry
from conveyor.reasons import Reason
from conveyor.testing.cleaner import FakeCleaner
from conveyor.testing.services import FakeServices
from conveyor.testing.worker import FakeWorker

__all__ = ["Agenda", "Plan"]

_LIMITS: Final = Limits()
_BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class Plan:
    """How conversions end that are enqueued from now on.

    Attributes:
        after_s: So long after its acceptance one ends, seconds.
        to: Only those to this format; empty for all.
        files: The names and contents of the results; None for one that is made up.
        reason: Why it fails; None where it succeeds.
        cost: What it costs.
    """

    after_s: float = 0.0
    to: str = ""
    files: Mapping[str, bytes] | None = None
    reason: Reason | None = None
    cost: int = 1


class Agenda:
    """What is to happen to the conversions of one fake.

    Args:
        services: What the fake works with.
        worker: Does what is due.
        cleaner: Removes what is over.
    """

    def __init__(self, services: FakeServices, worker: FakeWorker, cleaner: FakeCleaner) -> None:
        self._services = services
        self._worker = worker
        self._cleaner = cleaner
        self._plans: list[Plan] = []
        self._planned: dict[str, Plan] = {}

    def plan(self, plan: Plan) -> None:
        """Plan how conversions end that are enqueued from now on. The latest plan counts.

        Args:
            plan: The plan.
        """
        self._plans.append(plan)

    def enter(self, conversion_id: str, to_format: str) -> None:
        """Enter a conversion, where there is a plan for it.

        Args:
            conversion_id: The conversion's id.
            to_format: Its target format.
        """
        for plan in reversed(self._plans):
            if plan.to in ("", to_format):
                self._planned[conversion_id] = plan
                return

    def end_now(self, entry: Entry) -> Entry:
        """End a conversion of an eager app, for which nobody can wait: as planned, or well.

        Args:
            entry: The conversion. One that has ended stays as it is.
        """
        if entry.state.is_final:
            return entry
        return self._end(entry, self._planned.pop(entry.id, Plan()))

    def advance(self, seconds: float) -> None:
        """Let time go by, and have happen what is due on the way.

        Args:
            seconds: How much.
        """
        clock = self._services.clock
        until = clock.now + seconds
        while (moment := self._next()) <= until:
            clock.move_to(moment)
            self._happen()
        clock.move_to(until)

    def go_on(self, most_s: float) -> bool:
        """Go on to what happens next, or by so many seconds.

        Args:
            most_s: At most so many; without end where somebody waits for ever.

        Returns:
            Whether time can go by: something is planned, or the wait has an end.
        """
        if math.isinf(most_s) and not self._is_anything_planned():
            return False
        left_s = self._next() - self._services.clock.now
        self.advance(max(min(left_s, most_s), 0.0))
        return True

    def _is_anything_planned(self) -> bool:
        return any(entry.id in self._planned for entry in self._under_way())

    def _next(self) -> float:
        moments = map(self._moment_of, self._under_way())
        return min(self._cleaner.next_at(), *moments, math.inf)

    def _moment_of(self, entry: Entry) -> float:
        """When something happens to a conversion by itself, seconds since the epoch."""
        planned = self._planned.get(entry.id)
        if planned is not None:
            return entry.created_at + planned.after_s
        if entry.state is State.QUEUED:
            patience = (entry.since or entry.created_at) + _LIMITS.submit_s
            return min(patience, entry.deadline_at or math.inf)
        return (entry.submitted_at or entry.created_at) + _LIMITS.job_s

    def _happen(self) -> None:
        now = self._services.clock.now
        for entry in [each for each in self._under_way() if self._moment_of(each) <= now]:
            planned = self._planned.pop(entry.id, None)
            if planned is None:
                self._worker.give_up(entry, _LIMITS)
            else:
                self._end(entry, planned)
        self._cleaner.clean()

    def _end(self, entry: Entry, plan: Plan) -> Entry:
        if plan.reason is None:
            return self._worker.succeed(entry, plan.files, plan.cost)
        return self._worker.fail(entry, plan.reason, "", plan.cost)

    def _under_way(self) -> Iterator[Entry]:
        for state in (State.QUEUED, State.CONVERTING, State.READY):
            cursor = None
            while cursor != "":
                entries, cursor = self._services.index.page(state, _BATCH, cursor or "")
                yield from entries
