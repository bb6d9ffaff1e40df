"""`Terms`: what a caller wants beside the conversion itself.

They are no part of what is converted, and so no part of an idempotency key's fingerprint: with a
key that is repeated, the first call's terms count.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from conveyor.domain.callback import Callback, CallbackInput
from conveyor.domain.deadlines import Deadline, DeadlineInput, deadline_of
from conveyor.domain.keeping import keep_of
from conveyor.domain.metadata import Metadata, metadata_of
from conveyor.domain.shapes import plain_of
from conveyor.domain.spans import Span

__all__ = ["NO_TERMS", "Terms", "dump_terms", "load_terms"]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a caller wants beside the conversion itself.

    Attributes:
        metadata: The caller's own data, small and flat.
        deadline: By when it must have begun; None: whenever it can.
        keep_s: How long its files are kept once its caller knows of them, seconds; None: as the
            workers' setting says.
        callback: Who hears of its changes; None: nobody, or the fleet's default.
    """

    metadata: Metadata = field(default_factory=dict, hash=False)
    deadline: Deadline | None = None
    keep_s: float | None = None
    callback: Callback | None = None

    @classmethod
    def of(
        cls,
        metadata: Metadata | None = None,
        deadline: DeadlineInput | None = None,
        keep: Span | None = None,
        callback: CallbackInput | None = None,
    ) -> Self:
        """Check terms and put them in their one form.

        Args:
            metadata: As in `conveyor.Conveyor.convert`.
            deadline: As in `conveyor.Conveyor.convert`.
            keep: As in `conveyor.Conveyor.convert`.
            callback: As in `conveyor.Conveyor.convert`.

        Raises:
            InvalidRequest: They can't be right; the message says why.
        """
        return cls(
            metadata=metadata_of(metadata),
            deadline=deadline_of(deadline),
            keep_s=keep_of(keep),
            callback=None if callback is None else Callback.of(callback),
        )

    def with_default(self, callback: Callback | None) -> Self:
        """The same, with the fleet's callback where the caller has named none.

        Args:
            callback: The fleet's; None where it has none.
        """
        return self if self.callback or callback is None else replace(self, callback=callback)

    def plain(self) -> dict[str, Any]:
        """What is set, as plain values: a message carries them. Empty where nothing is."""
        plain: dict[str, Any] = {}
        if self.metadata:
            plain["metadata"] = dict(self.metadata)
        if self.deadline is not None:
            plain["deadline"] = self.deadline.plain()
        if self.keep_s is not None:
            plain["keep_s"] = self.keep_s
        if self.callback is not None:
            plain["callback"] = self.callback.plain()
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Read what `plain` returned. What a later release has added is passed over.

        Args:
            plain: Plain values.

        Raises:
            TypeError: A field is of another type.
            ValueError: A field is out of bounds.
        """
        if not isinstance(plain, Mapping):
            raise TypeError("terms are an object")
        deadline, callback = plain.get("deadline"), plain.get("callback")
        return cls(
            metadata=metadata_of(plain.get("metadata")),
            deadline=None if deadline is None else Deadline.from_plain(deadline),
            keep_s=keep_of(plain.get("keep_s")),
            callback=None if callback is None else Callback.from_plain(callback),
        )


NO_TERMS: Final = Terms()
"""Of a caller who wants nothing beside."""


def dump_terms(terms: Terms) -> str:
    """Write terms as the ledger keeps them.

    Args:
        terms: The terms.

    Returns:
        JSON; empty where there are none.
    """
    plain = terms.plain()
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False) if plain else ""


def load_terms(text: str) -> Terms:
    """Read what `dump_terms` wrote.

    Args:
        text: JSON, or nothing.

    Raises:
        TypeError: A field is of another type.
        ValueError: The text is not JSON, or names what can't be.
    """
    return Terms.from_plain(plain_of(text)) if text else NO_TERMS
