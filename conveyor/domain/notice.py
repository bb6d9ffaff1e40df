"""Notices: events of conversions on their way to receivers, and what became of each try."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from conveyor.domain.conversion import Failure, State, StoredFile
from conveyor.domain.redaction import redact_url

__all__ = [
    "MOST_RETRY_AFTER_S",
    "TRIED_FOR_S",
    "Notice",
    "NoticeStatus",
    "Try",
    "TryReason",
    "retry_notice",
]

TRIED_FOR_S: Final = 3 * 24 * 3600.0
"""So long a notice is tried again, seconds from its event or from its replay."""

MOST_RETRY_AFTER_S: Final = 3600.0
"""The longest wait that a receiver may ask for by ``Retry-After``, seconds."""

_HOUR_S: Final = 3600
# Seconds until the second try, the third and so on. The last wait is repeated.
_WAITS_S: Final = (5, 30, 120, 600, 1800, *(hours * _HOUR_S for hours in (1, 2, 4, 6, 8)))


class NoticeStatus(StrEnum):
    """How far a notice is."""

    PENDING = "pending"  # not tried yet, or to be tried again
    RECEIVED = "received"  # the receiver has answered 2xx
    GIVEN_UP = "given_up"  # three days are over, or the receiver has answered 410


class TryReason(StrEnum):
    """Why a try has failed."""

    STATUS = "status"  # the receiver has answered with another status than 2xx
    GONE = "gone"  # it has answered 410: it wants no more
    TIMED_OUT = "timed_out"  # no whole answer in time
    UNREACHABLE = "unreachable"  # no connection, or a lost one
    TLS = "tls"  # no encrypted connection, or a certificate that can't be verified
    UNRESOLVED = "unresolved"  # the host's name has no address
    ADDRESS_REFUSED = "address_refused"  # the host's address is not public
    HTTP_REFUSED = "http_refused"  # the address is not https
    NO_SECRET = "no_secret"  # noqa: S105 - a reason: no secret is set to sign with
    UNREADABLE = "unreadable"  # the record can't be read, or a later release has written it


@dataclass(frozen=True, slots=True)
class Try:
    """One try of a notice.

    Attributes:
        at: When it ended, seconds since the epoch by Redis' clock.
        number: The notice's number in its conversion.
        status: The HTTP status of the answer, 0 where there was none.
        reason: Why it has failed; None where the receiver has answered 2xx.
        error: The same in words.
        took_s: How long it took, seconds.
    """

    at: float
    number: int
    status: int = 0
    reason: TryReason | None = None
    error: str = ""
    took_s: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        reason = self.reason.value if self.reason else None
        return {
            "at": self.at,
            "status": self.status,
            "reason": reason,
            "error": self.error,
            "took_s": self.took_s,
        }


@dataclass(frozen=True, slots=True)
class Notice:
    """One event of a conversion on its way to its receiver.

    Attributes:
        conversion_id: The conversion's id.
        number: Its number among the events of its conversion, from 1 on.
        id: The message's ``webhook-id``, the same in every try.
        state: The state that the conversion entered.
        at: When it did, seconds since the epoch by Redis' clock.
        status: How far it is.
        tries: How often it was tried since its event, or since its last replay.
        receiver: The host and port that hear of it.
        ended_at: When it was received or given up.
        reason: Why its last try has failed; None where it has not.
        url: The address. It may hold a secret, so show `shown_url`.
        metadata: What the caller has given to the conversion.
        files: The names and sizes of the results.
        cost: What the service charged.
        failure: Why it has ended without files.
        name: The file name of the source.
        log: Its tries, the oldest first, where they were asked for.
        seen_at: The time at Redis when it was read.
    """

    conversion_id: str
    number: int
    id: str
    state: State
    at: float
    status: NoticeStatus = NoticeStatus.PENDING
    tries: int = 0
    receiver: str = ""
    ended_at: float | None = None
    reason: TryReason | None = None
    url: str = field(default="", repr=False)
    metadata: dict[str, Any] = field(default_factory=dict, repr=False)
    files: Sequence[StoredFile] = field(default=(), repr=False)
    cost: int = 0
    failure: Failure | None = None
    name: str = ""
    log: Sequence[Try] = ()
    seen_at: float = field(default=0.0, compare=False)

    @property
    def type(self) -> str:
        """The event's type, ``conversion.succeeded``."""
        return f"conversion.{self.state.value}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, without the address and without what it told."""
        return {
            "id": self.id,
            "conversion": self.conversion_id,
            "sequence": self.number,
            "type": self.type,
            "at": self.at,
            "status": self.status.value,
            "tries": self.tries,
            "reason": self.reason.value if self.reason else None,
            "receiver": self.receiver,
            "ended_at": self.ended_at,
            "log": [line.to_dict() for line in self.log],
        }

    @property
    def shown_url(self) -> str:
        """The address without its path and query."""
        return redact_url(self.url)


def retry_notice(tries: int, retry_after_s: float | None = None) -> float:
    """The wait before a notice is tried again: from seconds to hours.

    Args:
        tries: How often it was tried before this one.
        retry_after_s: What the receiver asked for, seconds.

    Returns:
        Seconds, without jitter: a receiver's notices have places of their own.
    """
    own_s = float(_WAITS_S[min(tries, len(_WAITS_S) - 1)])
    return max(own_s, min(retry_after_s or 0.0, MOST_RETRY_AFTER_S))
