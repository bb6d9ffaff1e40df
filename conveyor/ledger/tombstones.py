"""Tombstones: what stays of a deleted conversion, without content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from conveyor.domain.deletion import Deletion
from conveyor.errors import UnreadableConversion
from conveyor.ledger.values import moment_of

__all__ = ["DELETED", "deletion_of", "is_tombstone"]

DELETED: Final = "deleted"
"""The state of a tombstone: none of `conveyor.State`, so that no transition leaves it."""


def is_tombstone(fields: object) -> bool:
    """Whether a hash is a tombstone.

    Args:
        fields: The hash, as Redis answers it.
    """
    return isinstance(fields, Mapping) and fields.get("state") == DELETED


def deletion_of(conversion_id: str, fields: Mapping[str, str]) -> Deletion | None:
    """How far a deletion is.

    Args:
        conversion_id: The conversion's id.
        fields: Its tombstone, or its entry as long as it is still needed.

    Returns:
        The deletion; None where nobody has asked for it.

    Raises:
        UnreadableConversion: A date is damaged.
    """
    if "deleted_at" not in fields:
        return None
    try:
        deleted_at = moment_of(fields["deleted_at"])
        erased_at = moment_of(fields.get("erased_at", ""))
    except (ArithmeticError, ValueError) as error:
        raise UnreadableConversion(conversion_id) from error
    return Deletion(conversion_id, deleted_at or 0.0, erased_at)
