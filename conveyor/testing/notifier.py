"""Stands for the workers' notifier: hands the fake's callbacks to a receiver in the test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from conveyor.callbacks.bodies import body_of, payload_of
from conveyor.callbacks.signing import headers_of, keys_of
from conveyor.domain.notice import Try, TryReason, retry_notice
from conveyor.ledger.notices import ClaimedNotice, Noted, Notices, Outcome

__all__ = ["FakeNotifier", "Post"]

Post: TypeAlias = Callable[[str, Mapping[str, str], bytes], int]
"""POSTs a callback: gets the URL, the header fields and the body, returns the HTTP status."""

_OK: Final = range(200, 300)
_GONE: Final = 410
_LEASE_S: Final = 90.0
_ONE: Final = 1


class FakeNotifier:
    """Sends what is due, one after the other.

    Args:
        notices: Where they lie.
        secret: What they are signed with.
    """

    def __init__(self, notices: Notices, secret: str) -> None:
        self._notices = notices
        self._keys = keys_of(secret)

    def send(self, post: Post) -> int:
        """Send all that is due.

        Args:
            post: The receiver.

        Returns:
            How many were sent.
        """
        sent = 0
        while claimed := self._notices.claim(_ONE, _ONE, _LEASE_S):
            self._send(claimed[0], post)
            sent += 1
        return sent

    def _send(self, claimed: ClaimedNotice, post: Post) -> None:
        notice = claimed.notice
        if notice is None:
            raise LookupError(f"The callback of {claimed.conversion_id} can't be read.")
        body = body_of(payload_of(notice))
        headers = headers_of(self._keys, notice.id, int(claimed.now), body)
        status = post(notice.url, {**headers, "content-type": "application/json"}, body)
        self._notices.note(claimed, _noted(claimed, status), _ONE)


def _noted(claimed: ClaimedNotice, status: int) -> Noted:
    if status in _OK:
        return Noted(Outcome.RECEIVED, Try(0.0, claimed.number, status))
    if status == _GONE:
        line = Try(0.0, claimed.number, status, TryReason.GONE, "it wants no more")
        return Noted(Outcome.GIVEN_UP, line)
    line = Try(0.0, claimed.number, status, TryReason.STATUS, f"answered {status}")
    return Noted(Outcome.AGAIN, line, retry_notice(claimed.tries, None))
