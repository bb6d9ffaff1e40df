"""Whether an answer says that a conversion has been paid, and what it cost.

A result is paid for, whether it can be read or not. So whatever may be one is never paid for again.
"""

from __future__ import annotations

import re
from typing import Any, Final

from conveyor.convertapi.answer import Answer
from conveyor.convertapi.cleaning import clean_whole
from conveyor.convertapi.fitting import is_binary, is_page
from conveyor.convertapi.named_fields import field_of

__all__ = [
    "RESULT_FIELDS",
    "cost_of",
    "has_files_and_cost",
    "least_cost_of",
    "may_be_paid",
    "speaks_of_result",
    "text_of",
]

RESULT_FIELDS: Final = frozenset({"conversioncost", "conversiontime", "files"})
"""The fields that only a result has, in lower case."""

_MOST_COST: Final = 10**9
_READ_BYTES: Final = 256 * 1024
_COSTS: Final = ("ConversionCost", "ConversionTime")  # older texts of the vendor say the second
# As JSON, or in another form: no page and no message of anybody else holds the last two words.
_SPEAKS: Final = re.compile(r"[\"']files[\"']\s*:|\bconversion(?:cost|time)\b", re.IGNORECASE)


def speaks_of_result(answer: Answer) -> bool:
    """Whether a whole answer says that there is a result: then the conversion has been paid."""
    body = answer.json()
    if body is not None and any(key.casefold() in RESULT_FIELDS for key in body):
        return True
    return not is_page(answer) and bool(_SPEAKS.search(text_of(answer)))


def may_be_paid(answer: Answer) -> bool:
    """Whether a 200 that is no readable result may still be one that has been paid.

    It speaks of a result, or it is a file that nothing vouches for: no page is binary.
    """
    return speaks_of_result(answer) or bool(answer.body and is_binary(answer))


def text_of(answer: Answer) -> str:
    """The answer's beginning as text: a result names its fields before a file's content.

    Args:
        answer: Any answer. A binary one has no text.
    """
    return "" if is_binary(answer) else answer.body[:_READ_BYTES].decode("utf-8", "replace")


def has_files_and_cost(body: dict[str, Any]) -> bool:
    """Tell whether a result names its files and a price.

    With ``"Files": null`` it is of a conversion that found nothing to extract.

    Args:
        body: The answer's object.
    """
    names = {key.casefold() for key in body}
    return "files" in names and any(
        clean_whole(field_of(body, name), _MOST_COST) is not None for name in _COSTS
    )


def cost_of(body: dict[str, Any]) -> int:
    """What a result says that it cost, 1 where it does not say.

    Args:
        body: The answer's object. The first field of a cost that it has counts.
    """
    names = {key.casefold() for key in body}
    for name in _COSTS:
        if name.casefold() in names:
            return clean_whole(field_of(body, name), _MOST_COST) or 0
    return 1


def least_cost_of(body: dict[str, Any]) -> int:
    """What an unreadable result must have cost: at least 1.

    Args:
        body: The answer's object, empty where it is none.
    """
    return next(
        (cost for name in _COSTS if (cost := clean_whole(field_of(body, name), _MOST_COST))), 1
    )
