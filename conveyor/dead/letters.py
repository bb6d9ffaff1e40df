"""Dead letters: conversions that have ended without files; list, group, show, replay, purge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

from conveyor.async_twins import async_twin
from conveyor.dead.groups import DeadGroup, groups_of
from conveyor.dead.reading import DeadReader, is_dead, no_such
from conveyor.dead.replaying import check_timeout, is_paid_result, left_by, may_be_asked, replay
from conveyor.domain.conversion import Conversion, FailureKind
from conveyor.ledger import Ledger
from conveyor.ledger.index import Index
from conveyor.messaging.publishing import Publisher
from conveyor.storage import Storage
from conveyor.watching.fleet import Page, page_of

__all__ = ["DeadLetters"]


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
        self._reader = DeadReader(ledger)
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
        found = self._reader.chosen(kind, account)
        return [entry.conversion for entry in islice(found, limit)]

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
        return page_of(list(filter(is_dead, entries)), following, self._ledger.expected_durations)

    def groups(self) -> Sequence[DeadGroup]:
        """How many dead letters there are of each class and account, the most first."""
        return groups_of(self._reader.all())

    def show(self, conversion_id: str) -> Conversion:
        """Get one dead letter.

        Raises:
            UnknownConversion: There is no such dead letter.
        """
        return self._reader.one(conversion_id).conversion

    def costs(self, conversion_id: str) -> bool:
        """Whether a replay of this dead letter is paid again.

        A paid result that could not be stored is fetched again without paying, for as long as the
        service keeps it: three hours.

        Raises:
            UnknownConversion: There is no such dead letter.
        """
        costs = self.costs_of([conversion_id])
        if not costs:
            raise no_such(conversion_id)
        return costs[conversion_id]

    def asks_first(self, conversion_id: str) -> bool:
        """Whether a replay asks for the old job before it pays for another.

        It does where that job may have been paid, and ConvertAPI may still know it.

        Args:
            conversion_id: The dead letter.

        Raises:
            UnknownConversion: There is no such dead letter.
        """
        return may_be_asked(self._reader.one(conversion_id))

    def costs_of(self, conversion_ids: Sequence[str]) -> Mapping[str, bool]:
        """Say for many dead letters whether a replay is paid again, in few round trips.

        Args:
            conversion_ids: The dead letters.

        Returns:
            Whether each is paid again, by its id. What is no dead letter, or none any more, is
            left out.
        """
        return {entry.id: not is_paid_result(entry) for entry in self._reader.some(conversion_ids)}

    def accounts_of(self, conversion_ids: Sequence[str]) -> Mapping[str, str]:
        """Say for many dead letters which account they were last submitted for.

        Args:
            conversion_ids: The dead letters.

        Returns:
            The account's fingerprint by the dead letter's id, empty where it was never submitted.
            What is no dead letter is left out.
        """
        return {entry.id: entry.account for entry in self._reader.some(conversion_ids)}

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
        check_timeout(timeout)
        dead = self._reader.one(conversion_id)
        return replay(self._ledger, self._publisher, dead, timeout).conversion

    def purge(self, older_than_s: float) -> int:
        """Forget dead letters, and remove their staged sources and what the service keeps of them.

        Args:
            older_than_s: Only those that ended longer ago, seconds.

        Returns:
            How many.
        """
        purged = 0
        for entry in self._reader.all(older_than_s):
            if self._ledger.purge(entry, left_by(entry)) is not None:
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

    alist = async_twin(list)  # noqa: A003  # the method, as it is called
    """Async version of `list`."""

    apage = async_twin(page)
    """Async version of `page`."""

    agroups = async_twin(groups)
    """Async version of `groups`."""

    ashow = async_twin(show)
    """Async version of `show`."""

    acosts = async_twin(costs)
    """Async version of `costs`."""

    aasks_first = async_twin(asks_first)
    """Async version of `asks_first`."""

    acosts_of = async_twin(costs_of)
    """Async version of `costs_of`."""

    aaccounts_of = async_twin(accounts_of)
    """Async version of `accounts_of`."""

    areplay = async_twin(replay)
    """Async version of `replay`."""

    apurge = async_twin(purge)
    """Async version of `purge`."""

    acount = async_twin(count)
    """Async version of `count`."""

    aunreadable = async_twin(unreadable)
    """Async version of `unreadable`."""

    alost = async_twin(lost)
    """Async version of `lost`."""

    anewer = async_twin(newer)
    """Async version of `newer`."""

    adiscard = async_twin(discard)
    """Async version of `discard`."""
