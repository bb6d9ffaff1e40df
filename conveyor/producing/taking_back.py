"""How a conversion is taken back: with its entry, its idempotency key and its files."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from kombu.exceptions import OperationalError

from conveyor.domain.request import ConversionRequest
from conveyor.errors import AcceptanceUnknown, BrokerUnavailable, ConveyorError, LedgerUnavailable
from conveyor.ledger import Idempotency
from conveyor.producing.wiring import ProducerServices

__all__ = ["Candidate", "TakingBack", "acceptance_unknown"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A conversion that is about to be accepted.

    Attributes:
        id: The conversion's id.
        request: What is asked, with its local files staged.
        owned: The folders that were staged for it.
        idempotency: The caller's key, None without one.
    """

    id: str
    request: ConversionRequest
    owned: Sequence[str]
    idempotency: Idempotency | None


class TakingBack:
    """Takes conversions back for one producer.

    Args:
        services: What the producer works with.
    """

    def __init__(self, services: ProducerServices) -> None:
        self._services = services

    def when_not_rung(self, new: Candidate, error: BaseException) -> str:
        """What becomes of a conversion whose bell could not be sent: it was not accepted.

        Args:
            new: The conversion.
            error: Why it could not be sent.

        Returns:
            Its id, where it is accepted all the same: a worker has it already, or it is to be found
            by its key, and the sweep rings.

        Raises:
            BrokerUnavailable: It was taken back.
            AcceptanceUnknown: Redis went away, too.
        """
        if new.idempotency is not None and isinstance(error, OperationalError):
            return new.id
        try:
            taken_back = self._take_back(new)
        except LedgerUnavailable as away:
            raise acceptance_unknown(new.id, away) from error
        if taken_back:
            raise self._not_sent(error) from error
        return new.id

    def quietly(self, new: Candidate) -> None:
        """Take a conversion back if that can be done, and say nothing where it can't.

        Args:
            new: The conversion.
        """
        with suppress(ConveyorError):
            if not self._take_back(new):
                self._services.staging.remove(new.owned)

    def _take_back(self, new: Candidate) -> bool:
        """Take a conversion back, with its files, unless a worker has it in hand.

        Its message may be under way: it then finds nothing to do.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        if not self._services.ledger.forget(new.id, new.idempotency):
            return False
        self._services.reservations.give_back(new.owned)
        self._services.staging.remove(new.owned)
        return True

    def _not_sent(self, error: BaseException) -> BrokerUnavailable:
        if isinstance(error, OperationalError):
            return BrokerUnavailable(
                f"The broker at {self._services.broker_address} did not take the message: start "
                "it, or set CONVEYOR_BROKER_URL. The conversion was not accepted."
            )
        return BrokerUnavailable(
            f"The message could not be sent ({type(error).__name__}): see the error that caused "
            "this one. The conversion was not accepted."
        )


def acceptance_unknown(conversion_id: str, error: Exception) -> AcceptanceUnknown:
    """The error of a Redis that went away while it was asked to accept a conversion.

    Args:
        conversion_id: The conversion's id.
        error: How it went away.
    """
    return AcceptanceUnknown(
        f"{error} The conversion {conversion_id} may have been accepted: look for it then. "
        "With an idempotency key it can be enqueued again and is not paid twice."
    )
