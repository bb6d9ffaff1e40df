"""Redis errors that pass: the caller waits and tries again.

This is the one list. The ledger, the broker and the result backend all wait by it.
"""

from __future__ import annotations

import re
from typing import Final

import redis

__all__ = ["DEMOTIONS", "code_of", "is_for_ever"]

DEMOTIONS: Final = frozenset({"READONLY", "MASTERDOWN", "UNBLOCKED"})
"""The server has become a replica: the address will lead to the new primary."""

_CODES: Final = (
    *sorted(DEMOTIONS),
    "NOAUTH",  # the password or the permissions were changed: an operator will put them right
    "WRONGPASS",
    "NOPERM",
    "LOADING",  # it has just been started
    "NOREPLICAS",  # min-replicas-to-write
    "MISCONF",  # its disk is full, or it can't fork
    "OOM",  # maxmemory, without eviction
    "BUSY",  # somebody's script runs for long
    "CLUSTERDOWN",
    "TRYAGAIN",
)
# Anywhere: a script and a transaction put words of theirs around it.
_CODE: Final = re.compile(rf"\b({'|'.join(_CODES)})\b")
_IN_WORDS: Final = {
    "max number of clients reached": "MAXCLIENTS",
    "invalid password": "WRONGPASS",
    "invalid username-password": "WRONGPASS",
    "called without any password": "WRONGPASS",
}


def code_of(error: redis.RedisError) -> str:
    """What a server answers that will serve again, by the code of its answer.

    Args:
        error: As redis-py has raised it.

    Returns:
        The code, one of those above; empty where asking again is of no use.
    """
    # redis-py takes a code that it knows out of the text.
    text = f"{getattr(error, 'status_code', None) or ''} {error}"
    if found := _CODE.search(text):
        return found[1]
    return next((code for words, code in _IN_WORDS.items() if words in text.lower()), "")


_FOR_EVER: Final = (
    "db index is out of range",
    "invalid db index",
    "not allowed in cluster mode",
    "moved ",
)


def is_for_ever(error: BaseException) -> bool:
    """Whether no waiting helps: the server is of a kind, or has no database, that can't serve.

    Args:
        error: What was raised, from whatever else.
    """
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, redis.RedisError):
            text = f"{getattr(below, 'status_code', None) or ''} {below}".lower()
            if any(words in text for words in _FOR_EVER):
                return True
        below = below.__cause__
    return False
