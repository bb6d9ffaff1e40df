"""One transition of one conversion: one run of ``transition.lua``."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import asdict, dataclass
from random import getrandbits
from typing import Any, Final, Protocol

import redis

from conveyor.domain.entry import Entry
from conveyor.errors import InvalidRequest
from conveyor.ledger.change_spec import spec_of
from conveyor.ledger.connection import Client
from conveyor.ledger.due import NOTIFY
from conveyor.ledger.encoding import decode, fields_of
from conveyor.ledger.entries import Entries
from conveyor.ledger.scripts import script
from conveyor.ledger.together import Together

__all__ = [
    "WORK_S",
    "AlreadyAccepted",
    "Bells",
    "Changes",
    "NotRung",
    "RevokedBefore",
]

WORK_S: Final = 13.1
"""How long who works on a conversion may be silent; `workers.heartbeat` speaks for it.

A little more than the lease, so that whoever comes then finds it ended."""


log = logging.getLogger(__name__)

_NOTHING_TO_OWN: Final = -1
_REVOKED: Final = -2
_CLAIMED: Final = -3


class Bells(Protocol):
    """Sends the messages that say that something is due."""

    def ring(self, kind: str, wait_s: float, at: float) -> None:
        """Send one.

        Args:
            kind: For what: ``submit``, ``poll``, ``deliver`` or ``notify``.
            wait_s: Seconds until it shall come.
            at: The same as a time at Redis.
        """


class NotRung(Exception):  # noqa: N818 - what was noted is noted
    """The bell of what was noted could not be sent; its cause says why."""


class AlreadyAccepted(Exception):  # noqa: N818 - no error: somebody was first
    """An idempotency key is another conversion's.

    Attributes:
        bound: What the key holds.
    """

    def __init__(self, bound: str) -> None:
        super().__init__()
        self.bound = bound


class RevokedBefore(Exception):  # noqa: N818 - no error: its caller wished so
    """Celery was asked to revoke an id before its conversion was accepted."""


@dataclass(frozen=True, slots=True)
class _Ran:
    """What a run of the script answers: 1 where it is done, the time, and names and values."""

    done: int
    now: str
    flat: list[str]


class Changes(Entries):
    """Entries, and the one way to change them.

    Args:
        client: From `conveyor.ledger.connect`.
        bells: Rings for what is due; where there are none, the sweep does.
    """

    def __init__(self, client: Client, bells: Bells | None = None) -> None:
        super().__init__(client)
        self._bells = bells
        self._together = Together(client)
        self._transition = client.register_script(script("transition"))

    def ring(self, kind: str, wait_s: str, now: str, *, must: bool = False) -> None:
        """Send a bell where a script says that one has to come.

        Args:
            kind: For what.
            wait_s: Seconds until then; below 0 where none has to be sent.
            now: The time at Redis.
            must: Whether to raise where it can't be sent. It is a hint (invariant I6), and the
                sweep rings, too.

        Raises:
            NotRung: It can't be sent.
        """
        wait = float(wait_s)
        if self._bells is None or wait < 0:
            return
        try:
            self._bells.ring(kind, wait, float(now) + wait)
        except BaseException as error:
            # Nobody may rely on a bell that was not rung: the next one tries.
            with suppress(redis.RedisError):
                self._redis.delete(self._keys.bell(kind))
            if not isinstance(error, Exception):
                raise
            if must:
                raise NotRung from error
            log.info("A bell could not be sent: %s", type(error).__name__)

    def _change(self, name: str, conversion_id: str, **change: Any) -> Entry | None:
        ran = self._run(name, conversion_id, **change)
        if ran.done == _CLAIMED:
            raise AlreadyAccepted(*ran.flat)
        if ran.done == _NOTHING_TO_OWN:
            raise InvalidRequest(
                "An uploaded file is gone: another conversion owns it, or it was not converted "
                "within an hour. Upload it again."
            )
        if ran.done == _REVOKED:
            raise RevokedBefore(conversion_id)
        if not ran.done:
            return None
        return decode(conversion_id, fields_of(ran.flat), float(ran.now))

    def _run(self, name: str, conversion_id: str, key: str | None = None, **change: Any) -> _Ran:
        # Nobody else's call is called the same; that is all, so it need not be hard to guess.
        token = f"{getrandbits(128):032x}"
        spec = json.dumps(spec_of(name, change), default=asdict)
        args = [conversion_id, token, spec, self._keys.prefix]
        with self._translated():
            done, now, flat, *bells = self._together.run(
                self._transition, self._keys_of(conversion_id, key), args
            )
        if bells:
            kind, wait_s, room_s, *notify = bells
            # Whoever accepts a conversion that nobody hears of takes it back.
            self.ring(kind, wait_s, now, must=name == "open")
            self.ring("submit", room_s, now)
            for notify_s in notify:
                self.ring(NOTIFY, notify_s, now)
        return _Ran(done, now, flat)

    def _keys_of(self, conversion_id: str, key: str | None) -> list[str]:
        """The script's keys, in its order."""
        return [
            self._keys.conversion(conversion_id),
            self._keys.due("submit"),
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
            self._keys.due("poll"),
            self._keys.due("deliver"),
            *([] if key is None else [self._keys.idempotency(key)]),
        ]
