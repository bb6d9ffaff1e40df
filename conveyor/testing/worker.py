"""Stands for workers and service: takes conversions through the ledger's transitions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any, Final

from celery import Celery

from conveyor.domain.answers import Result
from conveyor.domain.conversion import Failure, State
from conveyor.domain.dialect import Dialect
from conveyor.domain.giving_up import waited_too_long
from conveyor.domain.next_steps import Limits
from conveyor.errors import StorageError
from conveyor.ledger import Entry, Submission
from conveyor.ledger.left_behind import leftovers_of
from conveyor.messaging.canvas import steps_of
from conveyor.messaging.recipient import Recipient
from conveyor.reasons import Reason
from conveyor.storage import unique_names
from conveyor.testing.failures import PAID, failure_for
from conveyor.testing.mistakes import NotUnderWay
from conveyor.testing.services import FakeServices

__all__ = ["ACCOUNT", "FakeWorker", "is_in_memory"]

ACCOUNT: Final = "fake"
"""The name of the fake's account."""

_SERVICE: Final = "https://convertapi.invalid"
_FIRST_POLL_S: Final = 5.0


class FakeWorker:
    """Does what workers do, as a test says.

    Args:
        services: What the fake works with.
        app: The Celery app that your callbacks are sent through.

    Attributes:
        paid: The jobs that were paid: the conversion's id, and the number of the job.
    """

    def __init__(self, services: FakeServices, app: Celery) -> None:
        self._services = services
        self._ledger = services.ledger
        self._app = app
        self.paid: set[tuple[str, int]] = set()

    @cached_property
    def backend(self) -> Any:
        """Where results are kept. Celery looks through all that is installed for it."""
        from celery.backends.base import DisabledBackend  # noqa: PLC0415  # because it takes long

        return self._app.backend if is_in_memory(self._app) else DisabledBackend(app=self._app)

    def start(self, entry: Entry) -> Entry:
        """Post a conversion's job; one that is under way already stays as it is.

        Args:
            entry: The conversion.

        Raises:
            NotUnderWay: It has ended.
        """
        if entry.state.is_final:
            raise NotUnderWay(f"The conversion {entry.id} has ended: it is {entry.state}.")
        if entry.state is not State.QUEUED:
            return entry
        job_id = hashlib.sha256(f"{entry.id} {entry.attempt}".encode()).hexdigest()[:32]
        self._services.client.sadd(self._services.client.keyspace.accounts, ACCOUNT)
        begun = self._ledger.begin_submit(
            entry, Submission(job_id, _SERVICE, Dialect.PATH, ACCOUNT)
        )
        return self._done(
            entry,
            begun and self._ledger.started(begun, job_id, _FIRST_POLL_S),
        )

    def succeed(self, entry: Entry, files: Mapping[str, bytes] | None, cost: int) -> Entry:
        """Bring a conversion its result.

        Args:
            entry: The conversion.
            files: The names and contents of its files; one that is made up unless given.
            cost: What the service charges.

        Raises:
            NotUnderWay: It has ended.
        """
        ready = self._ready(entry, cost)
        contents = _made_up(entry) if files is None else files
        names = unique_names(contents)
        stored = [
            self._services.storage.save(entry.id, name, [content])
            for name, content in zip(names, contents.values(), strict=True)
        ]
        return self.deliver(self._done(entry, self._ledger.succeeded(ready, stored)))

    def fail(self, entry: Entry, reason: Reason, message: str, cost: int) -> Entry:
        """End a conversion without files.

        Args:
            entry: The conversion.
            reason: Why.
            message: The operator's message; the usual one unless given.
            cost: What the service charges all the same.

        Raises:
            NotUnderWay: It has ended.
        """
        if reason is Reason.MISSED_DEADLINE:
            raise NotUnderWay("Enqueue it with a deadline, and let the clock pass it: advance().")
        if reason is Reason.CANCELLED:
            return self.deliver(self._done(entry, self._ledger.cancelled(entry)))
        failure = failure_for(reason, message)
        if reason is Reason.STORAGE:
            # A replay fetches the result that was paid.
            return self._bury(self._ready(entry, cost or 1), failure)
        if cost or reason in PAID:
            self.paid.add((entry.id, entry.attempt))
        if reason is Reason.WAITED_TOO_LONG:
            return self._bury(entry, failure)
        started = self.start(entry)
        if reason is Reason.FORGOTTEN:
            return self.deliver(self._done(entry, self._ledger.expired(started, failure)))
        return self._bury(started, failure, cost)

    def _bury(self, entry: Entry, failure: Failure, cost: int = 0) -> Entry:
        return self.deliver(self._done(entry, self._ledger.failed(entry, failure, cost=cost)))

    def give_up(self, entry: Entry, limits: Limits) -> Entry:
        """End a conversion whose time is over.

        Args:
            entry: The conversion, queued or at the service.
            limits: When to give up.
        """
        if entry.state is not State.QUEUED:
            return self.fail(entry, Reason.FORGOTTEN, "", 0)
        if entry.is_late:
            return self.deliver(self._done(entry, self._ledger.too_late(entry)))
        failure = waited_too_long(entry, "no worker has taken it", limits)
        return entry if failure is None else self._bury(entry, failure)

    def deliver(self, entry: Entry) -> Entry:
        """Bring a conversion's end to its caller: callbacks, then the result, each once.

        An exception of a callback in an eager app is raised here when the conversion is delivered.

        Args:
            entry: The conversion. One that has not ended, or is delivered, stays as it is.
        """
        if entry.delivered or not entry.state.is_final:
            return entry
        self._remove_remnants(entry)
        to = Recipient.of(self._app, self.backend, entry)
        fault = _do_all([step.do for step in steps_of(to, entry)])
        self._ledger.delivered(
            entry.id,
            is_dead=entry.state.is_dead,
            request=entry.request,
            leftovers=leftovers_of(entry),
            keep_files_s=entry.terms.keep_s if entry.state is State.SUCCEEDED else None,
        )
        if fault is not None:
            raise fault
        return self._ledger.find(entry.id) or entry

    def _ready(self, entry: Entry, cost: int) -> Entry:
        started = self.start(entry)
        if started.state is State.READY:
            return started
        if cost:
            self.paid.add((entry.id, entry.attempt))
        return self._done(entry, self._ledger.ready(started, Result(cost, ())))

    def _remove_remnants(self, entry: Entry) -> None:
        """As workers do: a dead letter keeps its source, for a replay."""
        with suppress(StorageError):
            if entry.state in (State.SUCCEEDED, State.CANCELLED) and not entry.shared:
                self._services.storage.remove_staged(entry.request.addresses)
            if entry.state is State.CANCELLED:
                self._services.storage.remove_results(entry.id)

    def _done(self, before: Entry, after: Entry | None) -> Entry:
        """A transition's entry; it was refused where another thread was first."""
        if not after:
            now = self._ledger.get(before.id)
            raise NotUnderWay(f"The conversion {now.id} is {now.state} by now.")
        return after


def is_in_memory(app: Celery) -> bool:
    """Whether an app keeps results in this process.

    Args:
        app: The app.
    """
    return str(app.conf.result_backend or "").startswith(("cache+memory", "memory"))


def _made_up(entry: Entry) -> Mapping[str, bytes]:
    stem = entry.source_name.rpartition(".")[0] or "result"
    return {f"{stem}.{entry.request.to_format}": b"A file that FakeConveyor has made up."}


def _do_all(steps: list[Callable[[], Any]]) -> Exception | None:
    """Do each step, whatever becomes of the others. Returns what the first failed with."""
    fault = None
    for step in steps:
        try:
            step()
        except Exception as error:  # noqa: BLE001  # because a callback is the application's
            fault = fault or error
    return fault
