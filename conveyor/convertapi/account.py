"""The account's state, read from the answer of ``/user``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from conveyor.convertapi.answer import Answer
from conveyor.convertapi.cleaning import clean_whole
from conveyor.convertapi.errors import Unclear

__all__ = ["Account", "read_account"]

_MOST_CONVERSIONS: Final = 2**53


@dataclass(frozen=True, slots=True)
class Account:
    """What ``/user`` says, without the secret that its answer holds.

    Attributes:
        active: Whether the account may convert.
        conversions_total: How many it has bought.
        conversions_consumed: How many it has used.
    """

    active: bool
    conversions_total: int
    conversions_consumed: int


def read_account(answer: Answer) -> Account:
    """Read what ``/user`` answered.

    Args:
        answer: One with a status of 2XX.

    Raises:
        Unclear: It is no JSON object.
    """
    body = answer.json()
    if body is None:
        raise Unclear("the account's state came in an unknown form")
    return Account(
        active=bool(body.get("Active", True)),
        conversions_total=_count(body.get("ConversionsTotal")),
        conversions_consumed=_count(body.get("ConversionsConsumed")),
    )


def _count(value: Any) -> int:
    return clean_whole(value, _MOST_CONVERSIONS) or 0
