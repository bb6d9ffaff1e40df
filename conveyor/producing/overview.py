"""What an operator asks of all conversions together: lists, counts, accounts and neighbours."""

from __future__ import annotations

from collections.abc import Sequence

from conveyor.async_twins import async_twin
from conveyor.domain.conversion import State
from conveyor.domain.metadata import Metadata
from conveyor.ledger import accounts, neighbours
from conveyor.ledger.accounts import AccountStatus
from conveyor.ledger.neighbours import Neighbours
from conveyor.ledger.waiting import explained
from conveyor.producing.wiring import ProducerServices
from conveyor.watching.fleet import Fleet, Page, Status, page_of, status_of

__all__ = ["Overview"]


class Overview:
    """The part of `conveyor.Conveyor` that looks at all conversions and their accounts."""

    _services: ProducerServices

    def list(
        self,
        state: State | None = None,
        limit: int = 50,
        cursor: str = "",
        *,
        metadata: Metadata | None = None,
    ) -> Page:
        """Conversions page by page, those accepted last first.

        Args:
            state: Only those in this state.
            limit: At most so many on a page.
            cursor: `Page.cursor` of the page before.
            metadata: Only those that were accepted with these keys and values, ``{"order": 4711}``.
                A number and its text are the same. A page may then be shorter than ``limit``, also
                where another follows.

        Raises:
            InvalidRequest: The cursor is invalid, or no conversion can have this metadata.
            LedgerUnavailable: Redis can't be reached.
        """
        entries, following = self._services.index.page(state, limit, cursor, metadata)
        ledger = self._services.ledger
        return page_of(explained(ledger.client, entries), following, ledger.expected_durations)

    def fleet(self) -> Fleet:
        """An overview of the fleet: conversions by state, and the accounts.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        services = self._services
        return Fleet.of(services.index.read(), self.accounts(), services.mark.strangers())

    def oldest(self) -> Status | None:
        """The conversion that has waited longest to begin.

        Returns:
            The conversion, with what keeps it waiting; None where none waits.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        entry = self._services.index.oldest(State.QUEUED)
        if entry is None:
            return None
        ledger = self._services.ledger
        (entry,) = explained(ledger.client, [entry])
        return status_of(entry, ledger.expected_durations)

    def accounts(self) -> Sequence[AccountStatus]:
        """The accounts that the workers submit for, with their status.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        return accounts.accounts(self._services.client)

    def resume(self, account: str) -> bool:
        """End an account's hold: its submits go on within seconds.

        Args:
            account: Its name, as `accounts` shows it.

        Returns:
            Whether it was on hold.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        return accounts.resume(self._services.client, account)

    def neighbours(self) -> Neighbours:
        """Who else lives in the ledger's Redis and the broker's, by name: a bounded look.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        services = self._services
        addresses = services.redis_url, services.broker_url
        return neighbours.look(addresses, services.settings.namespace)

    alist = async_twin(list)  # noqa: A003  # the method, as it is called
    """Async version of `list`."""

    afleet = async_twin(fleet)
    """Async version of `fleet`."""

    aoldest = async_twin(oldest)
    """Async version of `oldest`."""

    aaccounts = async_twin(accounts)
    """Async version of `accounts`."""

    aresume = async_twin(resume)
    """Async version of `resume`."""

    aneighbours = async_twin(neighbours)
    """Async version of `neighbours`."""
