"""Queues in a Redis, as kombu keeps them: whose they are, and how many messages wait in each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import redis

from conveyor.ledger import Client

__all__ = ["DEFAULT_QUEUE", "Binding", "binding_of", "is_forbidden", "queues_of", "waiting_in"]

DEFAULT_QUEUE: Final = "celery"
"""Celery's own, which may be there although nothing says that it is bound: after a flush."""

# kombu notes the queues of an exchange here; an application may have put a prefix before it.
_BINDING: Final = re.compile(r"(.{0,200}?)_kombu\.binding\.(.+)", re.DOTALL)
# The exchanges of events and remote control: their queues are a worker's mailbox.
_MAILBOXES: Final = frozenset({"celeryev", "celery.pidbox", "reply.celery.pidbox"})
_SEPARATOR: Final = "\x06\x16"
# kombu keeps each priority of a queue in a list of its own.
_PRIORITIES: Final = ("", *(f"{_SEPARATOR}{priority}" for priority in (3, 6, 9)))


@dataclass(frozen=True, slots=True)
class Binding:
    """A key in which kombu notes an exchange's queues.

    Attributes:
        prefix: What an application has put before all its keys.
        key: The key.
    """

    prefix: str
    key: str


def binding_of(name: str) -> Binding | None:
    """Read a key's name; None where it binds no queues, or only a worker's mailbox."""
    found = _BINDING.fullmatch(name)
    return Binding(found[1], name) if found and found[2] not in _MAILBOXES else None


def queues_of(client: Client, bindings: list[Binding]) -> set[str]:
    """Find the queues that are bound: kombu writes routing key, pattern and queue, separated."""
    answers = _ask(client, [("SMEMBERS", binding.key) for binding in bindings])
    return {
        binding.prefix + member.rpartition(_SEPARATOR)[2]
        for binding, members in zip(bindings, answers, strict=True)
        if isinstance(members, set)
        for member in members
        if _SEPARATOR in member
    }


def waiting_in(client: Client, queues: list[str]) -> dict[str, int | None]:
    """Count the messages that wait in each queue; None where that can't be seen."""
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
            pipeline.execute_command(*question)
        try:
            answers = pipeline.execute(raise_on_error=False)
        except redis.RedisError as error:
            if is_forbidden(error):
                return [None] * len(questions)
            raise
    for answer in answers:
        if isinstance(answer, Exception) and not isinstance(answer, redis.ResponseError):
            raise answer
    return answers


def is_forbidden(error: redis.RedisError) -> bool:
    """Whether the user of an ACL may not do it; by the server's word, whatever became of it."""
    return isinstance(error, redis.exceptions.NoPermissionError) or "NOPERM" in str(error)
