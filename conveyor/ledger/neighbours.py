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
from typing import Final, cast

import redis

from conveyor.ledger import Client, connect, translated
from conveyor.ledger.bound_queues import (
    DEFAULT_QUEUE,
    Binding,
    binding_of,
    is_forbidden,
    queues_of,
    waiting_in,
)
from conveyor.ledger.due import KINDS
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


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Other users of the same servers.

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
        return told if self.is_whole else f"{told} (not everything was checked)"


def look(urls: Iterable[str], namespace: str, most_keys: int = MOST_KEYS) -> Neighbours:
    """List other users of the databases.

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
    bindings: list[Binding] = []
    queues: set[str] = set()
    names = _Names(client, most_keys)
    with translated(client):
        for name in names:
            if ours := _OURS.fullmatch(name):
                namespaces.add(ours[1])
            elif binding := binding_of(name):
                bindings.append(binding)
            elif name == DEFAULT_QUEUE:
                queues.add(name)
        queues |= queues_of(client, bindings)
        waiting = waiting_in(client, sorted(queues))
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
                if is_forbidden(error):
                    return
                raise
            cursor, names = cast("tuple[int, list[str]]", answer)
            count += len(names)
            yield from names
            if not cursor:
                self.is_whole = True
                return


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
