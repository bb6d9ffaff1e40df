"""Callbacks as an operator sees them: which are on their way, what became of each, sent again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from conveyor.async_twins import async_twin
from conveyor.domain.notice import Notice, NoticeStatus, TryReason
from conveyor.errors import InvalidRequest, UnknownConversion
from conveyor.ledger.notices import CallbackCounts, Notices

__all__ = ["Callbacks", "Chosen"]

_CHUNK: Final = 200


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which callbacks are meant. All that is given must fit.

    Attributes:
        status: How far they are.
        reason: Why their last try has failed.
        since: When their event happened, at the earliest, with a time zone.
        until: Before when it happened, with a time zone.

    Raises:
        InvalidRequest: A time has no time zone.
    """

    status: NoticeStatus | None = None
    reason: TryReason | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        for moment in (self.since, self.until):
            if moment is not None and moment.tzinfo is None:
                raise InvalidRequest("A time without a time zone could be any. Give it one.")

    @property
    def is_all(self) -> bool:
        """Whether it leaves nothing out."""
        return self == Chosen()


class Callbacks:
    """The callbacks of all conversions of the last ten days.

    Args:
        notices: Where they are kept.
    """

    def __init__(self, notices: Notices) -> None:
        self._notices = notices

    def list(self, chosen: Chosen | None = None, limit: int = 50) -> Sequence[Notice]:
        """Callbacks, those of the latest events first, without the log of their tries.

        Args:
            chosen: Which; all of them unless given.
            limit: At most so many.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        return list(islice(self._found(chosen or Chosen()), limit))

    def show(self, conversion_id: str) -> Sequence[Notice]:
        """The callbacks of one conversion, the oldest first, each with the log of its tries.

        Args:
            conversion_id: The conversion's id.

        Raises:
            UnknownConversion: It has had none within the last ten days.
            LedgerUnavailable: Redis can't be reached.
        """
        notices = self._notices.of(conversion_id)
        if not notices:
            raise UnknownConversion(
                f"There are no callbacks of a conversion {conversion_id!r}. It asked for none, or "
                "they ended more than ten days ago. Check the id."
            )
        return notices

    def replay(self, conversion_id: str, sequence: int | None = None) -> int:
        """Send the callbacks of one conversion again, also those that were received.

        Each keeps its ``webhook-id``, so a receiver that drops what it has seen drops it. Tries
        begin anew, for three days.

        Args:
            conversion_id: The conversion's id.
            sequence: Only the one with this number.

        Returns:
            How many are sent again.

        Raises:
            UnknownConversion: There is none.
            LedgerUnavailable: Redis can't be reached.
        """
        found = [it for it in self.show(conversion_id) if sequence in (None, it.number)]
        if not found:
            raise UnknownConversion(
                f"The conversion {conversion_id!r} has no callback {sequence}. See `conveyor "
                f"callbacks show {conversion_id}`."
            )
        return self._replay(found)

    def replay_all(self, chosen: Chosen, limit: int = 1000) -> int:
        """Send many callbacks again, those of the latest events first; as `replay`.

        Args:
            chosen: Which. It must name a status, a reason or a time.
            limit: At most so many.

        Returns:
            How many are sent again.

        Raises:
            InvalidRequest: Nothing is chosen.
            LedgerUnavailable: Redis can't be reached.
        """
        if chosen.is_all:
            raise InvalidRequest("Choose the callbacks by status, reason or time.")
        return self._replay(self.list(chosen, limit))

    def counts(self) -> CallbackCounts:
        """How many callbacks there are.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        return self._notices.counts()

    def _replay(self, notices: Sequence[Notice]) -> int:
        return sum(self._notices.replay(it.conversion_id, it.number) for it in notices)

    def _found(self, chosen: Chosen) -> Iterator[Notice]:
        """Those that fit, page by page."""
        since = chosen.since.timestamp() if chosen.since else 0.0
        until: float | None = chosen.until.timestamp() if chosen.until else float("inf")
        while until is not None:
            page, until = self._notices.page(chosen.status, since, until, _CHUNK)
            yield from (it for it in page if chosen.reason in (None, it.reason))

    alist = async_twin(list)  # noqa: A003  # the method, as it is called
    """Async version of `list`."""

    ashow = async_twin(show)
    """Async version of `show`."""

    areplay = async_twin(replay)
    """Async version of `replay`."""

    areplay_all = async_twin(replay_all)
    """Async version of `replay_all`."""

    acounts = async_twin(counts)
    """Async version of `counts`."""
