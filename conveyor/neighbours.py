"""Who else lives in our Redis: other fleets of Conveyor, and other applications' queues.

Names and numbers alone are read, never a content. The look is bounded: a Redis may hold millions of
keys of others.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final, cast

import redis

from conveyor.ledger import Client, connect, translated
from conveyor.ledger.keys import KINDS
from conveyor.names import NAMESPACE, Queues

__all__ = ["MOST_KEYS", "Neighbours", "look"]

MOST_KEYS: Final = 100_000
"""At most so many keys' names are looked at in each database."""

_MOST_S: Final = 3.0
_AT_ONCE: Final = 1000
_SHOWN: Final = 10
_LONGEST_NAME: Final = 80

# What stands in every namespace that has been used; other applications have keys in braces, too.
_OURS: Final = re.compile(
    rf"\{{({NAMESPACE})\}}:(?:conversion:.+|state:[a-z]+|(?:due|bell):(?:{'|'.join(KINDS)})(?::.+)?"
    r"|counts|job_key|accounts|expected_durations|staging)"
)
# kombu notes the queues of an exchange here; an application may have put a prefix before it.
_BINDING: Final = re.compile(r"(.{0,200}?)_kombu\.binding\.(.+)", re.DOTALL)
# The exchanges of events and remote control: their queues are a worker's mailbox.
_MAILBOXES: Final = frozenset({"celeryev", "celery.pidbox", "reply.celery.pidbox"})
# Celery's own, which may be there although nothing says that it is bound: after a flush.
_DEFAULT_QUEUE: Final = "celery"
_SEPARATOR: Final = "\x06\x16"
# kombu keeps each priority of a queue in a list of its own.
_PRIORITIES: Final = ("", *(f"{_SEPARATOR}{priority}" for priority in (3, 6, 9)))


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What was seen of others.

    Attributes:
        namespaces: Other fleets of Conveyor.
        queues: Other applications' queues, and how many messages wait in each; None where that
            can't be seen.
        is_whole: Whether everything was looked at; not where there is too much, or the user of an
            ACL may not look.
    """

    namespaces: frozenset[str] = frozenset()
    queues: Mapping[str, int | None] = field(default_factory=dict)
    is_whole: bool = True

    def __str__(self) -> str:
        """In one line."""
        parts = []
        if self.namespaces:
            parts.append(f"other namespaces of Conveyor: {_listed(sorted(self.namespaces))}")
        if self.queues:
            waiting = [_with_count(name, self.queues[name]) for name in sorted(self.queues)]
            parts.append(f"other applications' queues: {_listed(waiting)}")
        told = "; ".join(parts) or "nobody else was seen"
        return told if self.is_whole else f"{told} (not everything was looked at)"


def look(urls: Iterable[str], namespace: str, most_keys: int = MOST_KEYS) -> Neighbours:
    """Look around in databases.

    Args:
        urls: The ledger's and the broker's; one that is no Redis is passed over.
        namespace: Our own.
        most_keys: At most so many keys' names are looked at in each database.

    Returns:
        What was seen in all of them.

    Raises:
        LedgerUnavailable: One can't be reached.
    """
    seen = [_look(client, most_keys) for client in _clients(urls)]
    queues = {name: count for each in seen for name, count in each.queues.items()}
    mine = set(Queues(namespace).names)
    namespaces = {name for each in seen for name in each.namespaces} | set(_fleets(queues))
    theirs = {name for each in namespaces for name in Queues(each).names}
    return Neighbours(
        namespaces=frozenset(namespaces - {namespace}),
        queues={name: queues[name] for name in queues.keys() - mine - theirs},
        is_whole=all(each.is_whole for each in seen),
    )


def _clients(urls: Iterable[str]) -> Iterator[Client]:
    for url in dict.fromkeys(urls):
        try:
            made = connect(url, max_connections=1)
        except ValueError:  # a broker of another kind
            continue
        with closing(made) as client:
            yield client


def _look(client: Client, most_keys: int) -> Neighbours:
    namespaces: set[str] = set()
    bindings: list[tuple[str, str]] = []
    queues: set[str] = set()
    names = _Names(client, most_keys)
    with translated(client):
        for name in names:
            if ours := _OURS.fullmatch(name):
                namespaces.add(ours[1])
            elif (found := _BINDING.fullmatch(name)) and found[2] not in _MAILBOXES:
                bindings.append((found[1], name))
            elif name == _DEFAULT_QUEUE:
                queues.add(name)
        queues |= _queues_of(client, bindings)
        waiting = _waiting(client, sorted(queues))
    return Neighbours(frozenset(namespaces), waiting, names.is_whole)


class _Names:
    """The names of keys, as many as may be looked at."""

    def __init__(
        self, client: Client, most: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._most = most
        self._clock = clock
        self.is_whole = False

    def __iter__(self) -> Iterator[str]:
        deadline = self._clock() + _MOST_S
        cursor, count = 0, 0
        while count < self._most and self._clock() < deadline:
            try:
                answer = self._client.scan(cursor, count=min(_AT_ONCE, self._most))
            except redis.RedisError as error:
                if _is_forbidden(error):
                    return
                raise
            cursor, names = cast("tuple[int, list[str]]", answer)
            count += len(names)
            yield from names
            if not cursor:
                self.is_whole = True
                return


def _queues_of(client: Client, bindings: list[tuple[str, str]]) -> set[str]:
    """The queues that are bound: kombu writes routing key, pattern and queue, separated."""
    answers = _ask(client, [("SMEMBERS", key) for _, key in bindings])
    return {
        prefix + member.rpartition(_SEPARATOR)[2]
        for (prefix, _), members in zip(bindings, answers, strict=True)
        if isinstance(members, set)
        for member in members
        if _SEPARATOR in member
    }


def _waiting(client: Client, queues: list[str]) -> dict[str, int | None]:
    lists = [(queue, f"{queue}{priority}") for queue in queues for priority in _PRIORITIES]
    answers = _ask(client, [("LLEN", key) for _, key in lists])
    waiting: dict[str, int | None] = dict.fromkeys(queues)
    for (queue, _), length in zip(lists, answers, strict=True):
        if isinstance(length, int):
            waiting[queue] = (waiting[queue] or 0) + length
    return waiting


def _ask(client: Client, questions: list[tuple[str, str]]) -> list[Any]:
    """Ask much at once; what is refused, or is of another type, is left out by whoever reads it."""
    with client.pipeline(transaction=False) as pipeline:
        for question in questions:
            pipeline.execute_command(*question)  # type: ignore[no-untyped-call]
        try:
            answers = pipeline.execute(raise_on_error=False)
        except redis.RedisError as error:
            if _is_forbidden(error):
                return [None] * len(questions)
            raise
    for answer in answers:
        if isinstance(answer, Exception) and not isinstance(answer, redis.ResponseError):
            raise answer
    return answers


def _is_forbidden(error: redis.RedisError) -> bool:
    """Whether the user of an ACL may not do it; by the server's word, whatever became of it."""
    return isinstance(error, redis.exceptions.NoPermissionError) or "NOPERM" in str(error)


def _fleets(queues: Iterable[str]) -> Iterator[str]:
    """The namespaces whose queues are there, and perhaps no key yet."""
    known = set(queues)
    for queue in known:
        name, _, _last = queue.rpartition(".")
        if re.fullmatch(NAMESPACE, name) and known.issuperset(Queues(name).names):
            yield name


def _with_count(queue: str, waiting: int | None) -> str:
    return queue if waiting is None else f"{queue} ({waiting} waiting)"


def _listed(names: list[str]) -> str:
    """Some of them, as a terminal may show them: a name may be anything."""
    shown = ["".join(filter(str.isprintable, name))[:_LONGEST_NAME] for name in names[:_SHOWN]]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(shown) + more
