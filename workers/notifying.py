"""Notices on their way: claimed, signed, POSTed, noted. Nothing of a conversion waits for them.

1. A claim takes a few notices of each receiver, with a lease.
2. Each is POSTed by a thread of its own crew. What the receiver answers is noted.
3. The thread takes the next one that is due, until none is.

A worker that dies between the POST and the note leaves the notice to its lease: the receiver gets
it again, under the same id.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from threading import Event
from typing import Final

import structlog

from conveyor.callbacks.bodies import body_of, payload_of
from conveyor.callbacks.posting import Answer, Poster
from conveyor.callbacks.signing import headers_of
from conveyor.domain.notice import Notice, Try, TryReason, retry_notice
from conveyor.errors import LedgerUnavailable
from conveyor.ledger.notices import ClaimedNotice, Noted, Notices, Outcome
from workers.crew import Crew

__all__ = ["LEASE_S", "Notifier"]

LEASE_S: Final = 90.0
"""How long who has claimed a notice may be silent: a slow name service and one POST."""

# A receiver that takes so long gets one notice at a time, for so long.
_SLOW_S: Final = 5.0
_SLOW_FOR_S: Final = 60.0
_UNREADABLE: Final = Answer(
    0, TryReason.UNREADABLE, "the record can't be read, or a later release has written it"
)
_NO_SECRET: Final = Answer(0, TryReason.NO_SECRET, "no secret is set (CONVEYOR_CALLBACK_SECRETS)")

log = structlog.get_logger("conveyor.notify")


class Notifier:
    """One process's threads that call receivers.

    Args:
        notices: Where they lie.
        poster: Sends them.
        keys: What they are signed with.
        threads: How many are sent at a time.
        per_receiver: How many of one receiver are under way in the whole fleet.
    """

    def __init__(
        self,
        notices: Notices,
        poster: Poster,
        keys: Sequence[bytes],
        *,
        threads: int,
        per_receiver: int,
    ) -> None:
        self._notices = notices
        self._poster = poster
        self._keys = keys
        self._crew = Crew(threads)
        self._per_receiver = per_receiver
        self._stopped = Event()

    def begin(self, at: float = 0.0) -> bool:
        """Begin to send what is due. Nobody waits for it.

        Args:
            at: When the bell was to come, by Redis' clock.

        Returns:
            Whether a thread was free. Where none was, those at work take what is due.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with self._crew.turn(0) as room:
            if not room:
                return False
            claimed = self._claim(room, rings=True, at=at)
            self._crew.begin([partial(self._work_off, one) for one in claimed])
        return True

    def stop(self) -> None:
        """Take no further notice: the process ends."""
        self._stopped.set()

    def drain(self, timeout_s: float) -> bool:
        """Wait until nothing is under way; as `Crew.drain`."""
        return self._crew.drain(timeout_s)

    def send(self, claimed: ClaimedNotice) -> None:
        """Send one notice, and note what became of it.

        Args:
            claimed: From a claim.

        Raises:
            LedgerUnavailable: Redis can't be reached. It is due again after its lease.
        """
        answer = self._post(claimed)
        noted = _noted(claimed, answer)
        status = self._notices.note(claimed, noted, self._per_receiver)
        _report(claimed, answer, status)

    def _claim(self, limit: int, *, rings: bool = False, at: float = 0.0) -> list[ClaimedNotice]:
        return self._notices.claim(limit, self._per_receiver, LEASE_S, rings=rings, at=at)

    def _work_off(self, claimed: ClaimedNotice) -> None:
        """Send one, then the next that is due, until none is."""
        try:
            following: list[ClaimedNotice] = [claimed]
            while following:
                self.send(following[0])
                following = [] if self._stopped.is_set() else self._claim(1)
        except LedgerUnavailable as error:
            # It is due again when its lease has lapsed, and the sweep rings.
            log.warning("postponed", reason=str(error))

    def _post(self, claimed: ClaimedNotice) -> Answer:
        notice = claimed.notice
        if notice is None:
            return _UNREADABLE
        if not self._keys:
            return _NO_SECRET
        body = body_of(payload_of(notice))
        headers = headers_of(self._keys, notice.id, int(claimed.now), body)
        return self._poster.post(notice.url, headers, body)


def _noted(claimed: ClaimedNotice, answer: Answer) -> Noted:
    line = Try(0.0, claimed.number, answer.status, answer.reason, answer.error, answer.took_s)
    slow_s = _SLOW_FOR_S if answer.took_s >= _SLOW_S else 0.0
    if answer.reason is None:
        return Noted(Outcome.RECEIVED, line, slow_s=slow_s)
    if answer.reason is TryReason.GONE:
        return Noted(Outcome.GIVEN_UP, line)
    return Noted(Outcome.AGAIN, line, retry_notice(claimed.tries, answer.retry_after_s), slow_s)


def _report(claimed: ClaimedNotice, answer: Answer, status: str) -> None:
    """Log a try that has failed, without the address."""
    if answer.reason is None:
        return
    words = {
        "conversion_id": claimed.conversion_id,
        "receiver": _receiver_of(claimed.notice),
        "reason": answer.error,
        "tries": claimed.tries + 1,
    }
    if status == Outcome.GIVEN_UP:
        log.warning("callback_given_up", **words)
    else:
        log.info("callback_failed", **words)


def _receiver_of(notice: Notice | None) -> str:
    return notice.receiver if notice else ""
