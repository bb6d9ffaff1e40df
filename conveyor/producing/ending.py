"""The part of `conveyor.Conveyor` that ends conversions: it cancels and deletes them."""

from __future__ import annotations

from conveyor.async_twins import async_twin
from conveyor.deleting import delete
from conveyor.domain.conversion import Conversion
from conveyor.domain.deletion import Deletion
from conveyor.messaging.cancelling import cancel
from conveyor.producing.wiring import ProducerServices

__all__ = ["Ending"]


class Ending:
    """Cancels and deletes conversions."""

    _services: ProducerServices

    def cancel(self, conversion_id: str) -> Conversion:
        """Cancel a conversion, whatever its state. A worker deletes the job at the service.

        Its caller's ``get()`` and ``wait()`` raise `ConversionCancelled`. What the service has
        already charged stays charged.

        Args:
            conversion_id: Its id.

        Returns:
            The conversion at its end: cancelled, or as it had ended before.

        Raises:
            UnknownConversion: There is none.
            LedgerUnavailable: Redis can't be reached.
        """
        publisher, ledger = self._services.publisher, self._services.ledger
        cancelled = cancel(publisher, ledger, ledger.get(conversion_id))
        return (cancelled or ledger.get(conversion_id)).conversion

    def delete(self, conversion_id: str) -> Deletion:
        """Delete a conversion with all that it left: files, records, results, jobs at ConvertAPI.

        Nothing of it can be read any more when this returns, and nothing brings it back. Workers
        remove the rest within seconds, and try again until all is gone. One that still runs is
        cancelled first, and goes once its caller knows. What ConvertAPI has charged stays charged.

        A signature's staged file stays with the signature, which may run again.

        Args:
            conversion_id: Its id.

        Returns:
            When it was deleted, and when nothing was left any more. A repeat returns the same for
            7 days.

        Raises:
            UnknownConversion: There is none.
            UnreadableConversion: Its entry can't be read: `dead_letters.discard` forgets it.
            LedgerUnavailable: Redis can't be reached.
        """
        return delete(self._services.publisher, self._services.ledger, conversion_id)

    acancel = async_twin(cancel)
    """Async version of `cancel`."""

    adelete = async_twin(delete)
    """Async version of `delete`."""
