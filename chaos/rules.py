"""What a case allows, for the judge."""

from __future__ import annotations

from dataclasses import dataclass

from conveyor.domain.conversion import FailureKind

__all__ = ["Rules"]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a case allows.

    Attributes:
        crashes: It may strike between a callback and the note that it was fired.
        ends: Kinds of failure with which conversions may end.
        is_empty: Conversions may succeed without files.
        counted: What the sandbox may count against the client.
        deadline_s: Seconds from a conversion's acceptance in which it ends, and its caller knows.
            Above every time that the design allows a bell that went missing.
        settle_s: Seconds in which live workers acknowledge what they hold: bells for which
            nothing is due any more.
    """

    crashes: bool = False
    ends: frozenset[FailureKind] = frozenset()
    is_empty: bool = False
    counted: frozenset[str] = frozenset()
    deadline_s: float = 240.0
    settle_s: float = 30.0
