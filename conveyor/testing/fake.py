"""`FakeConveyor`: the real state machine in your test's process, on a clock that you move."""

from __future__ import annotations

from datetime import datetime
from typing import NoReturn, Self

from celery import Celery

from conveyor.callbacks.signing import make_secret
from conveyor.domain.canvas import Caller
from conveyor.domain.conversion import Conversion
from conveyor.ledger import Entry
from conveyor.ledger.in_memory import Clock
from conveyor.ledger.watch import Watch
from conveyor.producer import Conveyor
from conveyor.producing.accepting import Acceptance
from conveyor.producing.signed import Signed
from conveyor.producing.taking_back import Candidate
from conveyor.testing.agenda import Agenda
from conveyor.testing.asserting import Asserting
from conveyor.testing.canvas_task import FakeSigning, check_is_for_tests
from conveyor.testing.cleaner import FakeCleaner
from conveyor.testing.driving import Driving
from conveyor.testing.enqueued import Enqueued
from conveyor.testing.mistakes import NotInFake
from conveyor.testing.services import FakeServices, settings_in_memory
from conveyor.testing.silent_app import CalledBack, SilentApp
from conveyor.testing.waiting import FakeTime
from conveyor.testing.worker import FakeWorker

__all__ = ["FakeConveyor"]


class FakeConveyor(Asserting, Driving, Conveyor):
    """A `Conveyor` for tests: in process, without Redis, broker and workers. Safe for threads.

    It is the real one on a ledger in memory: what it validates, which transitions there are, and
    what your code gets are the same. You say what the service does, with `succeed`, `fail` and
    `advance`. Nothing happens by itself.

    Args:
        celery_app: Your own Celery app, for `signature`, ``AsyncResult`` and callbacks. It must run
            tasks at once (``task_always_eager``), or keep all in memory (``broker_url="memory://"``
            and ``result_backend="cache+memory://"``). In an eager app a signature succeeds at once,
            unless you have planned something else.
        namespace: As in `Conveyor`. Nothing depends on it.
        now: Where its clock begins; the host's time unless given.

    Attributes:
        called_back: The Celery callbacks that were sent without ``celery_app``.
        callback_secret: The secret, ``whsec_…``, that signs what `send_callbacks` sends.

    Raises:
        SettingsError: The app would ask a server. Or the extra ``testing`` is not installed.
    """

    _services: FakeServices

    def __init__(
        self,
        celery_app: Celery | None = None,
        *,
        namespace: str = "conveyor",
        now: datetime | None = None,
    ) -> None:
        if celery_app is not None:
            check_is_for_tests(celery_app)
        clock = Clock(None if now is None else now.timestamp())
        app = SilentApp.make(self._deliver)
        self.called_back: list[CalledBack] = app.called_back
        self._settings, self._given_app = settings_in_memory(namespace), celery_app
        self._services = FakeServices(self._settings, clock, app)
        self.callback_secret = make_secret()
        self._enqueued = []
        self._acceptance = _NotingAcceptance(self._services, self)
        self._signing: FakeSigning = FakeSigning(self, self._services, celery_app)
        self._worker = FakeWorker(self._services, self.celery_app)
        cleaner = FakeCleaner(self._services, self._worker)
        self._agenda = Agenda(self._services, self._worker, cleaner)
        self._time = FakeTime(self._services.clock, self._agenda)
        self._services.memory_watch.go_on = self._agenda.go_on

    @classmethod
    def from_env(cls, celery_app: Celery | None = None, namespace: str | None = None) -> Self:
        """Make one. The environment is not read.

        Args:
            celery_app: As in the constructor.
            namespace: As in the constructor.
        """
        return cls(celery_app, namespace=namespace or "conveyor")

    @property
    def time(self) -> FakeTime:
        """The clock by which `Handle.wait` waits: the fake's."""
        return self._time

    @property
    def watch(self) -> Watch:
        """The followers of conversions."""
        return self._services.watch

    @property
    def redis_address(self) -> str:
        """Where the ledger is."""
        return "memory"

    def neighbours(self) -> NoReturn:
        """Not in a fake: it has no server.

        Raises:
            NotInFake: Always.
        """
        raise NotInFake("A FakeConveyor has no Redis, so it has no neighbours there.")

    async def aneighbours(self) -> NoReturn:
        """Async version of `neighbours`: not in a fake either.

        Raises:
            NotInFake: Always.
        """
        self.neighbours()

    def close(self) -> None:
        """Forget the files, and give your Celery app back."""
        self._signing.give_back()
        self._services.close()
        self._services.forget_files()

    async def aclose(self) -> None:
        """Do the same."""
        self.close()

    def __getstate__(self) -> NoReturn:
        """Refuse to go to another process: the fake lives in this one.

        Raises:
            NotInFake: Always.
        """
        raise NotInFake("A FakeConveyor lives in one process. Use conveyor_stack for several.")

    def _deliver(self, conversion_id: str) -> None:
        # One that was deleted while it ran has an entry until its caller knows.
        if (entry := self.ledger.find(conversion_id)) is not None:
            self._worker.deliver(entry)

    def _note(self, enqueued: Enqueued) -> None:
        """Note what was accepted, and what is planned for it."""
        self._enqueued.append(enqueued)
        self._agenda.enter(enqueued.id, enqueued.to)

    def _accept_signed(self, signed: Signed, caller: Caller) -> Entry:
        """Accept what a signature asks for, as a worker does with its message."""
        entry = self.ledger.find(signed.id)
        if entry is None:
            entry = signed.open(self.ledger, self.storage, caller)
            self._note(Enqueued.of(entry, None))
        signed.check_same(entry)
        return entry

    def _end_now(self, entry: Entry) -> Conversion:
        """End a conversion of an eager app."""
        return self._agenda.end_now(entry).conversion


class _NotingAcceptance(Acceptance):
    """Accepts conversions, and notes each."""

    def __init__(self, services: FakeServices, fake: FakeConveyor) -> None:
        super().__init__(services)
        self._fake = fake

    def _accepted(self, new: Candidate, order: object) -> str:
        accepted = super()._accepted(new, order)  # type: ignore[arg-type]  # the type is private
        key = new.idempotency.key if new.idempotency else None
        self._fake._note(Enqueued.of(self._fake.ledger.get(new.id), key))  # noqa: SLF001  # because they are one
        return accepted
