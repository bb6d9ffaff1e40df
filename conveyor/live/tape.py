"""What was asked and answered in a run, in order: kept whole in memory, written redacted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from conveyor.live.answers import Answer, Reply, Silence
from conveyor.live.known_secrets import KnownSecrets
from conveyor.live.recording import Exchange
from conveyor.live.redactor import Redactor

__all__ = ["Taken", "Tape"]

#: Their answers are the account's own, word by word.
_PRIVATE: Final = frozenset({"/user", "/user/statistic"})
#: Parameters whose values are no secret.
_PLAIN_VALUES: Final = frozenset({"Async", "StoreFile", "Timeout"})
_OK: Final = 200
_WITHHELD: Final = "<withheld>"


@dataclass(frozen=True, kw_only=True)
class Taken:
    """One request as it went out, and what came back.

    Attributes:
        label: What was asked.
        method: The HTTP method.
        path: A template, without ids.
        query: As sent.
        sent: The headers' names.
        reply: What came back.
    """

    label: str
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    sent: tuple[str, ...] = ()
    reply: Reply


class Tape:
    """The exchanges of a run. Safe for threads.

    Args:
        secrets: The credentials.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = list(secrets)
        self._ids: list[tuple[str, str]] = []
        self._taken: list[Taken] = []

    def note_id(self, value: str, kind: str) -> None:
        """Note an id of ours, which no answer need repeat."""
        self._ids.append((value, kind))

    def note(self, taken: Taken) -> None:
        """Add an exchange."""
        self._taken.append(taken)

    def redacted(self) -> tuple[Exchange, ...]:
        """All exchanges as a recording holds them."""
        taken = list(self._taken)
        known = self._learned(taken)
        redactor = Redactor(known)
        return tuple(_exchange(one, redactor, known) for one in taken)

    def _learned(self, taken: list[Taken]) -> KnownSecrets:
        known = KnownSecrets(self._secrets)
        for value, kind in self._ids:
            known.learn(value, kind)
        for one in taken:
            if isinstance(one.reply, Answer):
                known.learn_from(one.reply.value(), private=_is_private(one))
        return known


def _is_private(taken: Taken) -> bool:
    is_told = isinstance(taken.reply, Answer) and taken.reply.status == _OK
    return is_told and taken.path in _PRIVATE


def _exchange(taken: Taken, redactor: Redactor, known: KnownSecrets) -> Exchange:
    asked = Exchange(
        label=taken.label,
        method=taken.method,
        path=taken.path,
        query={name: _value(name, text) for name, text in taken.query.items()},
        sent=taken.sent,
    )
    if isinstance(taken.reply, Silence):
        return replace(asked, silence=taken.reply.reason)
    return _answered(asked, taken.reply, redactor, known)


def _answered(asked: Exchange, answer: Answer, redactor: Redactor, known: KnownSecrets) -> Exchange:
    headers, body = redactor.headers(answer.headers), _body(answer, redactor)
    # The last net: what went through the others is not shown at all.
    if known.leaks(headers):
        headers = {}
    if known.leaks(body):
        body = _WITHHELD
    return replace(asked, status=answer.status, headers=headers, body=body)


def _body(answer: Answer, redactor: Redactor) -> Any:
    match answer.kind:
        case "empty":
            return None
        case "JSON":
            return redactor.body(answer.value())
        case "HTML" | "text":
            return redactor.text(answer.body.decode("utf-8", "replace"))
        case _:
            return "<data>"


def _value(name: str, text: str) -> str:
    return text if name in _PLAIN_VALUES else "<text>"
