"""What an error shows: tests on what a client has raised, of which the tables of causes are made.

Client libraries wrap what a socket or a server has said in errors of their own, each in its own
way. So a cause is sought in an error and in everything that it was raised from.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import redis

__all__ = [
    "Cause",
    "Rule",
    "all_of",
    "answered",
    "any_of",
    "chain_of",
    "failed_tls",
    "failed_with",
    "is_a",
    "mentions",
]

Test: TypeAlias = Callable[[BaseException], bool]
"""Whether an error shows something."""

_MOST_DEEP: Final = 12


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a server can't be used.

    Attributes:
        what: What is wrong, to be read after the server's name: ``refuses the connection``.
        cure: What to do, as a clause that begins small. ``{setting}`` is the setting's name.
    """

    what: str
    cure: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a table of causes.

    Attributes:
        applies: Whether an error shows the cause.
        cause: The cause.
    """

    applies: Test
    cause: Cause


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """Walk through an error and what it was raised from, however its wrapper has kept that."""
    left, seen = [error], set[int]()
    while left and len(seen) < _MOST_DEEP:
        one = left.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        held = [*one.args, getattr(one, "exc", None), one.__cause__, one.__context__]
        left += [item for item in held if isinstance(item, BaseException)]


def is_a(*kinds: type[BaseException]) -> Test:
    """Test whether an error is of one of these classes."""
    return lambda error: isinstance(error, kinds)


def answered(*words: str) -> Test:
    """Test whether the server has answered so, in any case of letters.

    A script and a pipeline put words of theirs around it.
    """
    small = tuple(word.lower() for word in words)

    def _shows(error: BaseException) -> bool:
        if not isinstance(error, redis.RedisError):
            return False
        # redis-py takes a code that it knows out of the text.
        text = f"{getattr(error, 'status_code', None) or ''} {error}".lower()
        return any(word in text for word in small)

    return _shows


def any_of(*tests: Test) -> Test:
    """Test whether an error passes one of these tests."""
    return lambda error: any(test(error) for test in tests)


def all_of(*tests: Test) -> Test:
    """Test whether an error passes each of these tests."""
    return lambda error: all(test(error) for test in tests)


def failed_with(*numbers: int) -> Test:
    """Test whether the system has answered with one of these numbers of `errno`."""
    return lambda error: isinstance(error, OSError) and error.errno in numbers


def failed_tls(*reasons: str) -> Test:
    """Test whether TLS has failed for one of these reasons of OpenSSL's, or for any without one."""

    def _shows(error: BaseException) -> bool:
        reason = getattr(error, "reason", None)
        return isinstance(error, ssl.SSLError) and (not reasons or reason in reasons)

    return _shows


def mentions(*words: str) -> Test:
    """Test for words in an error's class or text.

    A broker of another kind has classes that are not ours to import.
    """
    return lambda error: any(word in f"{type(error).__name__} {error}" for word in words)
