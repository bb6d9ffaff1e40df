"""In which order what is tried: one conversion serves many facts, the most valuable first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from conveyor.domain.dialect import Dialect
from conveyor.live import free
from conveyor.live.answers import Answer
from conveyor.live.free import Uploads
from conveyor.live.paid import Operator
from conveyor.live.scene import Role, Scene
from conveyor.live.service import Service

__all__ = ["MOST_SPENT", "Plan"]

MOST_SPENT = 10
"""With so many conversions, everything is tried."""


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the run that costs conversions.

    Attributes:
        cost: How many, at most.
        is_wanted: Whether it can tell anything, by what was seen so far.
        run: Does it.
    """

    cost: int
    is_wanted: Callable[[], bool]
    run: Callable[[], None]


class Plan:
    """One run, from what is free to what the budget allows.

    Args:
        service: Is asked.
        operator: Starts the jobs.
        uploads: What is left at the service meanwhile.
    """

    def __init__(self, service: Service, operator: Operator, uploads: Uploads) -> None:
        self._service = service
        self._scene: Scene = service.scene
        self._operator = operator
        self._uploads = uploads

    def run(self) -> None:
        """Ask for what is free, then spend, then clean up."""
        self._ask_what_is_free()
        if self._may_spend():
            self._spend()
        self._uploads.remove()

    def _ask_what_is_free(self) -> None:
        service = self._service
        free.ask_account(service)
        free.ask_files(service, self._uploads)
        free.ask_for_unknown_jobs(service)
        free.ask_for_refusals(service)
        free.ask_information(service)
        self._operator.read_counter("user-after-free")

    def _may_spend(self) -> bool:
        """Whether conversions would tell anything."""
        upload = self._scene.answer("upload")
        if upload is not None and upload.refuses_credentials:
            self._scene.blocked = "The credential was refused: nothing was spent."
        elif not self._uploads.source:
            self._scene.blocked = "No source could be uploaded: nothing was spent."
        elif self._service.budget.is_closed:
            self._scene.blocked = (
                "A conversion without a source was not refused: nothing was spent."
            )
        return not self._scene.blocked

    def _spend(self) -> None:
        for step in self._steps():
            if not step.is_wanted() or step.cost > self._service.budget.left:
                continue
            step.run()
            if self._account_is_refused():
                self._scene.blocked = "The account refused a conversion: no more were tried."
                return

    def _steps(self) -> tuple[Step, ...]:
        """The most valuable ones first; the first job is deleted once it has been repeated."""
        operator = self._operator
        first, second = self._dialects()
        both = self._scene.lives(second)
        is_called = self._scene.has_listener
        return (
            Step(1, _always, lambda: self._convert_first(first)),
            Step(1, self._first_has_ended, operator.repeat),
            Step(0, self._first_is_known, lambda: operator.delete(self._scene.jobs[Role.FIRST])),
            Step(1, lambda: both, lambda: self._convert_second(second)),
            Step(1, _always, lambda: operator.fail(Role.FAILING, first)),
            Step(1, lambda: self._scene.lives(Dialect.QUERY), operator.convert_semi_asynchronously),
            Step(1, _always, lambda: operator.convert_plainly(first)),
            Step(2, self._first_has_ended, lambda: operator.repeat_while_running(first)),
            Step(1, _always, lambda: operator.name_no_file(first)),
            Step(
                1,
                lambda: both and is_called,
                lambda: operator.fail(Role.SECOND_FAILING, second),
            ),
        )

    def _dialects(self) -> tuple[Dialect, Dialect]:
        """The one that Conveyor tries first, unless it is not there."""
        if self._scene.lives(Dialect.PATH):
            return Dialect.PATH, Dialect.QUERY
        return Dialect.QUERY, Dialect.PATH

    def _convert_first(self, dialect: Dialect) -> None:
        self._operator.convert(Role.FIRST, dialect)
        self._operator.read_counter("user-after-first")

    def _convert_second(self, dialect: Dialect) -> None:
        job = self._operator.convert(Role.SECOND, dialect)
        self._operator.delete(job)

    def _first_has_ended(self) -> bool:
        return self._first_is_known() and bool(self._scene.jobs[Role.FIRST].result())

    def _first_is_known(self) -> bool:
        job = self._scene.jobs.get(Role.FIRST)
        return job is not None and bool(job.known_as) and bool(job.polls)

    def _account_is_refused(self) -> bool:
        starts = [job.start for job in self._scene.jobs.values()]
        return any(isinstance(one, Answer) and one.refuses_credentials for one in starts)


def _always() -> bool:
    return True
