"""Which sources make which conversions: one for each, or one of all."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from conveyor.domain.formats import OF_SEVERAL

__all__ = ["Order", "name_of", "orders_of"]


@dataclass(frozen=True, slots=True)
class Order:
    """One conversion to be.

    Attributes:
        sources: What it converts, as typed.
        key: Its idempotency key; None for none.
    """

    sources: tuple[str, ...]
    key: str | None = None

    @property
    def name(self) -> str:
        """What it is called where people see it."""
        return name_of(self.sources)


def name_of(sources: Sequence[str]) -> str:
    """What a conversion is called where people see it.

    Args:
        sources: What it converts.
    """
    first, *more = sources
    return f"{first} +{len(more)}" if more else first


def orders_of(
    sources: Sequence[str], to: str, *, together: bool | None, key: str | None
) -> list[Order]:
    """Make orders of what was typed.

    Args:
        sources: The sources. One that is named twice is converted once, unless they make one.
        to: The target.
        together: Whether they make one conversion; None: as the target has it.
        key: The idempotency key; None for none. Where each source is a conversion of its own it is
            a part of each one's key, so that the same command is paid once.
    """
    if together is None:
        together = to.lower() in OF_SEVERAL
    if together or len(sources) == 1:
        return [Order(tuple(sources), key)]
    return [Order((source,), _key_of(key, source)) for source in dict.fromkeys(sources)]


def _key_of(key: str | None, source: str) -> str | None:
    # Not the source itself: a key has a longest length, and a path has none.
    digest = hashlib.sha256(source.encode("utf-8", "surrogateescape")).hexdigest()
    return key and f"{key}:{digest[:24]}"
