"""Records for operators: a page of conversions, and an overview of the fleet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from conveyor.domain.conversion import Conversion, FailureKind, State
from conveyor.domain.progress import Progress
from conveyor.ledger import Entry, Ledger
from conveyor.ledger.accounts import AccountStatus
from conveyor.ledger.expected_durations import ExpectedDurations
from conveyor.ledger.index import Reading
from conveyor.ledger.waiting import explained
from conveyor.watching.estimating import progress_of

__all__ = ["Fleet", "Page", "Status", "page_of", "status_of", "statuses_of"]

# As many entries are read in one round trip.
_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Status:
    """A conversion and its progress at one moment.

    Attributes:
        conversion: The conversion.
        progress: How far it is.
    """

    conversion: Conversion
    progress: Progress


@dataclass(frozen=True, slots=True)
class Page:
    """A page of conversions.

    Attributes:
        statuses: Each conversion, with its progress.
        cursor: Of the next page; empty where there is none.
    """

    statuses: tuple[Status, ...]
    cursor: str

    @property
    def conversions(self) -> tuple[Conversion, ...]:
        """The conversions alone."""
        return tuple(status.conversion for status in self.statuses)


@dataclass(frozen=True, slots=True)
class Fleet:
    """All conversions, counted.

    Attributes:
        states: How many are in each state; finished ones for 7 days.
        dead: Dead letters by class.
        throughput: How many succeeded in each of the last 30 minutes, the present one last.
        oldest_overdue_s: How long the longest overdue has waited for a worker, seconds. What an
            account keeps waiting is not overdue.
        unreadable: Entries in Redis that can't be read: `conveyor dead list` names them.
        counts: What has happened so far; `conveyor.domain.counters` has the names.
        accounts: The accounts that the workers submit for.
        leftovers: Jobs and files that are still to be deleted at the service.
        strangers: Workers whose storage is another than the one in use: they hold their work.
        lost: Conversions whose entry in Redis is gone: `conveyor dead list` names them.
        newer: Conversions that a later release of Conveyor has written: this one leaves them alone.
    """

    states: Mapping[State, int]
    dead: Mapping[FailureKind, int]
    throughput: tuple[int, ...]
    oldest_overdue_s: float
    unreadable: int
    counts: Mapping[str, int]
    accounts: tuple[AccountStatus, ...]
    leftovers: int = 0
    strangers: tuple[str, ...] = ()
    lost: int = 0
    newer: int = 0

    @classmethod
    def of(
        cls, reading: Reading, accounts: Sequence[AccountStatus], strangers: Sequence[str] = ()
    ) -> Self:
        """Put together what was read."""
        return cls(
            states=reading.states,
            dead=reading.dead,
            throughput=reading.throughput,
            oldest_overdue_s=max(
                reading.oldest_overdue_s,
                # What the account keeps waiting is not late.
                0.0 if any(account.why for account in accounts) else reading.oldest_submit_s,
            ),
            unreadable=reading.unreadable,
            counts=reading.counts,
            accounts=tuple(accounts),
            leftovers=reading.leftovers,
            strangers=tuple(strangers),
            lost=reading.lost,
            newer=reading.newer,
        )


def status_of(entry: Entry, durations: ExpectedDurations) -> Status:
    """Tell a conversion's status.

    Args:
        entry: The conversion, with what keeps it waiting.
        durations: What such conversions take.
    """
    return Status(entry.conversion, progress_of(entry, durations.of(entry.request)))


def page_of(entries: Sequence[Entry], cursor: str, durations: ExpectedDurations) -> Page:
    """A page of these entries.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    return Page(tuple(status_of(entry, durations) for entry in entries), cursor)


def statuses_of(ledger: Ledger, conversion_ids: Sequence[str]) -> dict[str, Status]:
    """Tell the status of many conversions, in a round trip for each two hundred.

    Args:
        ledger: Where they are kept.
        conversion_ids: Their ids.

    Returns:
        Each one's status by its id, without those that are not there or can't be read.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    found: dict[str, Status] = {}
    for start in range(0, len(conversion_ids), _AT_ONCE):
        entries = ledger.find_many(conversion_ids[start : start + _AT_ONCE])
        for entry in explained(ledger.client, entries):
            found[entry.id] = status_of(entry, ledger.expected_durations)
    return found
