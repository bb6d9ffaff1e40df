"""A producer's idempotency key: what it is bound to, and for which request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from conveyor.errors import InvalidRequest
from conveyor.ledger.keys import KEEP_FINISHED_S

__all__ = ["Idempotency", "binding", "bound_value", "is_another", "same_of"]


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A producer's idempotency key, and what it asks for under it.

    Attributes:
        key: The key.
        fingerprint: Of the request.
    """

    key: str
    fingerprint: str


def bound_value(idempotency: Idempotency, conversion_id: str) -> str:
    """What an idempotency key holds once it is a conversion's.

    Args:
        idempotency: The key, and what is asked for under it.
        conversion_id: The conversion's id.
    """
    return f"{conversion_id} {idempotency.fingerprint}"


def binding(idempotency: Idempotency | None, conversion_id: str) -> dict[str, Any]:
    """What a transition takes so that it binds a key to the conversion that it opens.

    Args:
        idempotency: The key; None where the producer gave none.
        conversion_id: The conversion's id.
    """
    if idempotency is None:
        return {}
    value = {"value": bound_value(idempotency, conversion_id), "keep_s": KEEP_FINISHED_S}
    return {"key": idempotency.key, "bind_key": value}


def same_of(idempotency: Idempotency, bound: str) -> str:
    """The conversion that a key is bound to, if it was asked for the same.

    Args:
        idempotency: The key, and what is asked for under it now.
        bound: What the key holds.

    Raises:
        InvalidRequest: The key was used for a different request.
    """
    conversion_id, _, fingerprint = bound.partition(" ")
    if is_another(fingerprint, idempotency.fingerprint):
        raise InvalidRequest(
            f"The idempotency key {idempotency.key!r} was used for a different request. Use "
            "another key."
        )
    return conversion_id


def is_another(known: str, fingerprint: str) -> bool:
    """Whether two fingerprints are of different requests.

    Those that two releases have made in different ways can't be compared. The key is the same, so
    the conversion is taken to be the same: it is paid once, whatever else.

    Args:
        known: The one on record, ``VERSION:HASH``; empty where nothing like it was asked.
        fingerprint: Ours.
    """
    is_of_one_version = known.partition(":")[0] == fingerprint.partition(":")[0]
    return not known or (is_of_one_version and known != fingerprint)
