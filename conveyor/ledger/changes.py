"""One transition of one conversion: one run of ``transition.lua``."""

from __future__ import annotations

import json
from typing import Any, Final, cast
from uuid import uuid4

from conveyor.errors import InvalidRequest
from conveyor.ledger.connection import Client
from conveyor.ledger.entries import Entries
from conveyor.ledger.entry import VERSION, Entry, decode, fields_of
from conveyor.ledger.scripts import script
from conveyor.ledger.transitions import TRANSITIONS

__all__ = ["Changes", "Claimed", "RevokedBefore"]

_NOTHING_TO_OWN: Final = -1
_REVOKED: Final = -2
_CLAIMED: Final = -3
_KEEP_EVENTS: Final = 200
_MOST_NOTE_CHARACTERS: Final = 300


class Claimed(Exception):  # noqa: N818 - no error: somebody was first
    """An idempotency key is another conversion's.

    Attributes:
        bound: What the key holds.
    """

    def __init__(self, bound: str) -> None:
        super().__init__()
        self.bound = bound


class RevokedBefore(Exception):  # noqa: N818 - no error: its caller wished so
    """Celery was asked to revoke an id before its conversion was accepted."""


class Changes(Entries):
    """Entries, and the one way to change them.

    Args:
        client: From `conveyor.ledger.connect`.
    """

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self._transition = client.register_script(script("transition"))

    def _change(self, name: str, conversion_id: str, **change: Any) -> Entry | None:
        done, now, flat = self._run(name, conversion_id, **change)
        if done == _CLAIMED:
            raise Claimed(*flat)
        if done == _NOTHING_TO_OWN:
            raise InvalidRequest(
                "An uploaded file is gone: it belongs to another conversion, or was not converted "
                "for an hour. Upload it again."
            )
        if done == _REVOKED:
            raise RevokedBefore(conversion_id)
        if not done:
            return None
        return decode(conversion_id, fields_of(flat), float(now))

    def _run(
        self, name: str, conversion_id: str, key: str | None = None, **change: Any
    ) -> tuple[int, str, list[str]]:
        transition = TRANSITIONS[name]
        given = {**change.pop("set", {}), **change.pop("also", {})}
        fields = {field: _clean(value) for field, value in given.items()}
        if "note" in fields:
            fields["note"] = fields["note"][:_MOST_NOTE_CHARACTERS]
        if transition.enters is not None:
            fields["state"] = transition.enters.value
        guards = {field: str(value) for field, value in change.pop("guards", {}).items()}
        add = {field: by for field, by in change.pop("add", {}).items() if by}
        spec = {
            "version": VERSION,
            "keep_events": _KEEP_EVENTS,
            "leaves": sorted(transition.leaves),
            "set": fields,
            "guards": guards,
            "add": add,
            **{name: value for name, value in change.items() if value is not None},
        }
        with self._translated():
            answer = self._transition(
                keys=[
                    self._keys.conversion(conversion_id),
                    self._keys.due,
                    self._keys.dead,
                    self._keys.turnstile(conversion_id),
                    self._keys.counts,
                    self._keys.delivery(conversion_id),
                    self._keys.events(conversion_id),
                    self._keys.changed,
                    self._keys.staging,
                    self._keys.leftovers,
                    self._keys.leftover_records,
                    self._keys.revoked,
                    self._keys.signed,
                    *([] if key is None else [self._keys.idempotency(key)]),
                ],
                args=[conversion_id, uuid4().hex, json.dumps(spec), self._keys.prefix],
            )
        return cast("tuple[int, str, list[str]]", answer)


def _clean(value: Any) -> str:
    """Half a character (a lone surrogate) is nothing that Redis' JSON reads."""
    return str(value).encode(errors="replace").decode()
