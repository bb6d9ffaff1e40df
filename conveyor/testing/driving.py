"""What a test does with a fake: it says what the service does, and moves the clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conveyor.domain.conversion import Conversion
from conveyor.ledger import Entry, Ledger
from conveyor.ledger.governor import Governor
from conveyor.reasons import Reason
from conveyor.testing.agenda import Agenda, Plan
from conveyor.testing.notifier import FakeNotifier, Post
from conveyor.testing.services import FakeServices
from conveyor.testing.worker import ACCOUNT, FakeWorker

__all__ = ["Driving"]

_CHECK_S = 5.0


class Driving:
    """The part of `conveyor.testing.FakeConveyor` that stands for service and workers."""

    callback_secret: str
    _services: FakeServices
    _agenda: Agenda
    _worker: FakeWorker

    def start(self, conversion: Any) -> Conversion:
        """Have the service begin with a conversion: it is ``converting`` then.

        Args:
            conversion: Its id, or anything that has one: a handle, a conversion, an `Enqueued`.

        Raises:
            NotUnderWay: It has ended.
            UnknownConversion: There is none.
        """
        return self._worker.start(self._entry(conversion)).conversion

    def succeed(
        self, conversion: Any, files: Mapping[str, bytes] | None = None, cost: int = 1
    ) -> Conversion:
        """Have a conversion succeed: its files are stored, and its callbacks are called.

        Args:
            conversion: Its id, or anything that has one.
            files: The names and contents of its results; one that is made up unless given.
            cost: What the service charges, in its units.

        Returns:
            The conversion at its end.

        Raises:
            NotUnderWay: It has ended.
            UnknownConversion: There is none.
            Exception: Whatever a callback raises in an eager app that propagates exceptions.
        """
        return self._worker.succeed(self._entry(conversion), files, cost).conversion

    def fail(self, conversion: Any, reason: Reason, message: str = "", cost: int = 0) -> Conversion:
        """Have a conversion end without files.

        Args:
            conversion: Its id, or anything that has one.
            reason: Why. It decides the failure's class, code, sentence and advice. With
                `Reason.CANCELLED` it is cancelled.
            message: The operator's message; what the service says unless given.
            cost: What the service charges all the same.

        Returns:
            The conversion at its end: a dead letter, unless it is cancelled.

        Raises:
            NotUnderWay: It has ended.
            UnknownConversion: There is none.
            Exception: As in `succeed`.
        """
        entry = self._entry(conversion)
        return self._worker.fail(entry, Reason(reason), message, cost).conversion

    def will_succeed(
        self,
        files: Mapping[str, bytes] | None = None,
        *,
        to: str = "",
        after: float = 0.0,
        cost: int = 1,
    ) -> None:
        """Plan that conversions succeed which are enqueued from now on.

        They do so when the clock gets there: by `advance`, or while your code waits.

        Args:
            files: The names and contents of the results; one that is made up unless given.
            to: Only those to this format.
            after: So long after its acceptance, seconds.
            cost: What the service charges.
        """
        self._agenda.plan(Plan(after, to, files, None, cost))

    def will_fail(self, reason: Reason, *, to: str = "", after: float = 0.0, cost: int = 0) -> None:
        """Plan that conversions fail which are enqueued from now on.

        Args:
            reason: Why.
            to: Only those to this format.
            after: So long after its acceptance, seconds.
            cost: What the service charges all the same.
        """
        self._agenda.plan(Plan(after, to, None, Reason(reason), cost))

    def send_callbacks(self, post: Post) -> int:
        """Send the callbacks that are due, signed, to a receiver in your test.

        Nothing else sends them, so no request leaves your machine. What the receiver refuses is due
        again later on the fake's clock, and a 410 ends it. ``callbacks`` shows each.

        Args:
            post: Gets the URL, the header fields and the body, and returns the HTTP status: a call
                of your web framework's test client, for example.

        Returns:
            How many were sent.
        """
        return FakeNotifier(self._truth.notices, self.callback_secret).send(post)

    def hold(self, why: str = "The balance is used up.") -> None:
        """Put the fake's account, ``fake``, on hold, as a used-up balance does. `resume` ends it.

        Args:
            why: What the service says.
        """
        Governor(self._services.client, ACCOUNT, _CHECK_S, 0).hold(why, because=Reason.NO_BALANCE)

    @property
    def now(self) -> float:
        """The fake's time, seconds since the epoch."""
        return self._services.clock.now

    def advance(self, seconds: float) -> None:
        """Let time go by: what is planned happens, and what is over expires.

        Args:
            seconds: How much.

        Raises:
            Exception: As in `succeed`.
        """
        self._agenda.advance(seconds)

    @property
    def _truth(self) -> Ledger:
        return self._services.ledger

    def _entry(self, conversion: Any) -> Entry:
        return self._truth.get(str(getattr(conversion, "id", conversion)))
