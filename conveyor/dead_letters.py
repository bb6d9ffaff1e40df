"""Dead letters: conversions that have ended without files; list, group, show, replay, purge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Final

from kombu.exceptions import OperationalError

from conveyor.domain import rules
from conveyor.domain.conversion import Conversion, FailureKind, State
from conveyor.domain.timeouts import TIMEOUT_OUT_OF_BOUNDS
from conveyor.errors import InvalidRequest, UnknownConversion
from conveyor.fleet import Page, page_of
from conveyor.ledger import Entry, Ledger
from conveyor.ledger.index import Index
from conveyor.ledger.left_behind import everything_of
from conveyor.ledger.leftover import Leftover
from conveyor.messaging import bells
from conveyor.messaging.publishing import Publisher
from conveyor.storage import Storage

__all__ = ["DeadGroup", "DeadLetters"]

# Read in one round trip: thousands may lie there, and Redis does nothing else meanwhile.
_BATCH: Final = 200
# The service's own bounds for `Timeout`.
# Nobody knows what became of the job: it is asked for before another is paid.
_UNCLEAR: Final = frozenset(
    {FailureKind.POSSIBLY_PAID, FailureKind.UNREADABLE, FailureKind.INTERNAL}
)


@dataclass(frozen=True, slots=True)
class DeadGroup:
    """Dead letters of one class and one account.

    Attributes:
        kind: Their class.
        account: The fingerprint of the account that they were last submitted for; empty where
            none of them ever was.
        count: How many.
    """

    kind: FailureKind
    account: str
    count: int


class DeadLetters:
    """The dead letters of all producers.

    Args:
        ledger: Where they are kept.
        index: Finds them page by page.
        storage: Where their staged sources lie.
        publisher: Where the messages of replays are sent.
    """

    def __init__(
        self, ledger: Ledger, index: Index, storage: Storage, publisher: Publisher
    ) -> None:
        self._ledger = ledger
        self._index = index
        self._storage = storage
        self._publisher = publisher

    def list(
        self,
        kind: FailureKind | None = None,
        account: str | None = None,
        limit: int | None = None,
    ) -> Sequence[Conversion]:
        """Dead letters, the oldest first.

        Args:
            kind: Only those of this class.
            account: Only those of this account, by its fingerprint.
            limit: At most so many.
        """
        found = (
            entry.conversion
            for entry in self._entries()
            if kind in (None, _kind_of(entry)) and account in (None, entry.account)
        )
        return list(islice(found, limit))

    def page(self, kind: FailureKind | None = None, limit: int = 50, cursor: str = "") -> Page:
        """Dead letters page by page, those that became one last first.

        Args:
            kind: Only those of this class.
            limit: At most so many on a page.
            cursor: `Page.cursor` of the page before.

        Raises:
            InvalidRequest: The cursor is invalid.
        """
        entries, following = self._index.dead_page(kind, limit, cursor)
        return page_of(list(filter(_is_dead, entries)), following, self._ledger.expected_durations)

    def groups(self) -> Sequence[DeadGroup]:
        """How many dead letters there are of each class and account, the most first."""
        counts = Counter((_kind_of(entry), entry.account) for entry in self._entries())
        return [DeadGroup(*group, count) for group, count in counts.most_common()]

    def show(self, conversion_id: str) -> Conversion:
        """Get one dead letter.

        Raises:
            UnknownConversion: There is no such dead letter.
        """
        return self._dead(conversion_id).conversion

    def costs(self, conversion_id: str) -> bool:
        """Whether a replay of this dead letter is paid again.

        A paid result that could not be stored is fetched again without paying, for as long as the
        service keeps it: three hours.

        Raises:
            UnknownConversion: There is no such dead letter.
        """
        costs = self.costs_of([conversion_id])
        if not costs:
            raise _no_such(conversion_id)
        return costs[conversion_id]

    def asks_first(self, conversion_id: str) -> bool:
        """Whether a replay asks for the old job before it pays for another.

        It does where that job may have been paid, and ConvertAPI may still know it.

        Args:
            conversion_id: The dead letter.

        Raises:
            UnknownConversion: There is no such dead letter.
        """
        return _may_be_asked(self._dead(conversion_id))

    def costs_of(self, conversion_ids: Sequence[str]) -> Mapping[str, bool]:
        """Say for many dead letters whether a replay is paid again, in few round trips.

        Args:
            conversion_ids: The dead letters.

        Returns:
            Whether each is paid again, by its id. What is no dead letter, or none any more, is
            left out.
        """
        return {entry.id: not _is_paid_result(entry) for entry in self._read(conversion_ids)}

    def replay(self, conversion_id: str, timeout: int | None = None) -> Conversion:
        """Try a dead letter again, under the same id, with the caller's callbacks.

        It becomes a new job, which is paid again (see `costs`). Where the old one may have been
        paid, and the service may still know it, that one is asked for first. Of the caller's canvas
        a chord is left out: it has counted this part as failed and has ended.

        Args:
            conversion_id: The dead letter.
            timeout: The parameter ``Timeout`` of the new job, 10 to 1200 seconds: for one that took
                too long (code 5000). A paid result is fetched as it is.

        Returns:
            The conversion, on its way again.

        Raises:
            InvalidRequest: The timeout is out of bounds.
            UnknownConversion: There is no such dead letter.
        """
        if timeout is not None and timeout not in rules.TIMEOUTS_S:
            raise InvalidRequest(TIMEOUT_OUT_OF_BOUNDS)
        dead = self._dead(conversion_id)
        if _is_paid_result(dead):
            entry = self._ledger.redeliver(dead)
        elif _may_be_asked(dead):
            entry = self._ledger.ask_again(dead)
        else:
            entry = self._ledger.replay(dead, timeout, _left_by(dead))
        if entry is None:
            raise _no_such(conversion_id)
        if entry.state is State.READY:
            # Without the message the sweep rings for it: it is due.
            with suppress(OperationalError):
                bells.deliver(self._publisher, entry)
        return entry.conversion

    def purge(self, older_than_s: float) -> int:
        """Forget dead letters, and remove their staged sources and what the service keeps of them.

        Args:
            older_than_s: Only those that ended longer ago, seconds.

        Returns:
            How many.
        """
        purged = 0
        for entry in self._entries(older_than_s):
            if self._ledger.purge(entry, _left_by(entry)) is not None:
                if not entry.shared:
                    self._storage.remove_staged(entry.request.addresses)
                purged += 1
        return purged

    def count(self, older_than_s: float) -> int:
        """How many dead letters ended longer ago.

        Args:
            older_than_s: Seconds.
        """
        return len(self._ledger.dead_ids(older_than_s))

    def unreadable(self) -> Mapping[str, float]:
        """Conversions with an unreadable entry in Redis. No worker processes them.

        Returns:
            When each was put aside, seconds since the epoch, by its id.
        """
        return self._ledger.unreadable()

    def lost(self) -> Mapping[str, float]:
        """Conversions with a missing entry in Redis: it was evicted or deleted.

        Returns:
            When each was noticed, seconds since the epoch, by its id.
        """
        return self._ledger.audit.lost()

    def newer(self) -> Sequence[str]:
        """The ids of conversions that a later release of Conveyor has written.

        This release leaves them alone. They are not among the dead letters here, whatever has
        become of them.
        """
        return self._ledger.audit.newer()

    def discard(self, conversion_id: str) -> bool:
        """Forget a conversion with an unreadable or lost entry.

        Args:
            conversion_id: Its id.

        Returns:
            Whether there was one.
        """
        return self._ledger.discard(conversion_id)

    def _entries(self, older_than_s: float | None = None) -> Iterator[Entry]:
        return self._read(self._ledger.dead_ids(older_than_s))

    def _read(self, conversion_ids: Sequence[str]) -> Iterator[Entry]:
        """Those that are dead letters; one may have been replayed meanwhile."""
        for start in range(0, len(conversion_ids), _BATCH):
            found = self._ledger.find_many(conversion_ids[start : start + _BATCH])
            yield from filter(_is_dead, found)

    def _dead(self, conversion_id: str) -> Entry:
        entry = self._ledger.find(conversion_id)
        if entry is None or not _is_dead(entry):
            raise _no_such(conversion_id)
        return entry


def _is_dead(entry: Entry) -> bool:
    return entry.state.is_dead


def _kind_of(entry: Entry) -> FailureKind:
    return entry.failure.kind if entry.failure else FailureKind.SERVICE


def _is_paid_result(entry: Entry) -> bool:
    """Whether the service still keeps a result that was paid and not stored."""
    is_kept = entry.result is not None and entry.result_age_s < rules.FILE_LIFE_S
    return entry.state is State.FAILED and is_kept


def _may_be_asked(entry: Entry) -> bool:
    """Whether its job may have been paid, and the service may still know it."""
    is_unclear = entry.failure is not None and entry.failure.kind in _UNCLEAR
    is_known = bool(entry.job_id) and entry.submits > 0 and entry.job_age_s < rules.JOB_LIFE_S
    return entry.state is State.FAILED and is_unclear and is_known


def _left_by(entry: Entry) -> list[Leftover]:
    """What a dead letter still has at the service, once nobody asks for it any more."""
    return everything_of(entry, entry.since_s(entry.finished_at or entry.created_at))


def _no_such(conversion_id: str) -> UnknownConversion:
    return UnknownConversion(
        f"No dead letter has the id {conversion_id!r}: `conveyor dead list` shows those that exist."
    )
