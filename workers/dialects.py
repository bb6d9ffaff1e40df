"""Which dialect to speak: as set, or found out once and remembered for the account."""

from __future__ import annotations

from conveyor.domain.dialect import Dialect
from conveyor.ledger import Ledger

__all__ = ["Dialects"]


class Dialects:
    """The dialects to try for a submit.

    Args:
        ledger: Remembers for the whole fleet.
        account: The account's name.
        allowed: In the order to try them; one, where the setting says which.
    """

    def __init__(self, ledger: Ledger, account: str, allowed: tuple[Dialect, ...]) -> None:
        self._ledger = ledger
        self._account = account
        self._allowed = allowed
        self._known: Dialect | None = None

    def candidates(self) -> tuple[Dialect, ...]:
        """What to try, the one that is known to work first.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        if len(self._allowed) == 1:
            return self._allowed
        if self._known is None:
            self._known = self._ledger.recall_dialect(self._account)
        known = self._known
        return (
            self._allowed
            if known is None
            else tuple(sorted(self._allowed, key=lambda dialect: dialect is not known))
        )

    def worked(self, dialect: Dialect) -> None:
        """Remember that the service took a job in this dialect.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        if len(self._allowed) > 1 and dialect is not self._known:
            self._known = dialect
            self._ledger.remember_dialect(self._account, dialect)
