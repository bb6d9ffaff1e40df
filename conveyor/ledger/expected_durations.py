"""What the service takes for each pair of formats, learned by the whole fleet.

`conveyor.domain.durations` has the rules. Here is who learns, and when. A process looks at a pair
every two seconds, and sends what its own polls saw once a second, all of it in one call. Nobody
depends on it, so where Redis is away nothing is raised: the pair is unknown for a while.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from math import exp
from threading import Lock
from typing import Final, cast

from conveyor.domain.durations import Durations, Expectation, Sighting
from conveyor.domain.request import ConversionRequest
from conveyor.errors import LedgerUnavailable
from conveyor.ledger.connection import Client, translated
from conveyor.ledger.scripts import script

__all__ = ["ExpectedDurations"]

_LOOK_EVERY_S: Final = 2.0
# The first ends of a new kind change what is expected most.
_LOOK_UNKNOWN_EVERY_S: Final = 0.5
_SEND_EVERY_S: Final = 1.0
# In the fleet, and in a process.
_MOST_KINDS: Final = 1000
# Sightings that wait to be sent; what Redis does not take for long is of no use later.
_MOST_WAITING: Final = 10_000
_TRIES: Final = 3
# Who was begun lately: within about a minute. The first few are no crowd.
_LATELY_S: Final = 60.0
_FEW: Final = 3.0


@dataclass(slots=True)
class _Kind:
    """What a process knows of a pair."""

    text: str = ""
    expectation: Expectation | None = None
    looked_at: float = float("-inf")
    sent_at: float = float("-inf")
    sightings: list[Sighting] = field(default_factory=list)
    counted_at: float = 0.0
    begun: float = 0.0
    over: float = 0.0

    def fade(self, now_s: float) -> None:
        """Count what was longer ago for less."""
        kept = exp((self.counted_at - now_s) / _LATELY_S)
        self.begun, self.over, self.counted_at = self.begun * kept, self.over * kept, now_s


class ExpectedDurations:
    """How long conversions take. Threads may share it.

    Args:
        client: Redis.
        clock: Seconds, for tests.
    """

    def __init__(self, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = client
        self._keys = client.keyspace
        self._clock = clock
        self._learn = client.register_script(script("learn_expected_durations"))
        self._lock = Lock()
        self._kinds: dict[str, _Kind] = {}

    def of(self, request: ConversionRequest) -> Expectation | None:
        """What such a conversion will probably take, None while unknown. Mostly without Redis."""
        name = _name(request)
        with self._lock:
            kind = self._kind(name)
            pause_s = _LOOK_EVERY_S if kind.expectation else _LOOK_UNKNOWN_EVERY_S
            if self._clock() - kind.looked_at < pause_s:
                return kind.expectation
            # Other threads go on with what is known while this one looks.
            kind.looked_at = self._clock()
        with suppress(LedgerUnavailable):
            self._take(kind, self._read(name))
        return kind.expectation

    def learn(
        self,
        request: ConversionRequest,
        seconds: float,
        after_s: float | None = None,
        *,
        ended: bool = True,
        exact: bool = False,
    ) -> None:
        """Add what was seen of a conversion, now or with others of the same second.

        To be told by each poll that learns how a job is, also where it has not ended.

        Args:
            request: The conversion's.
            seconds: The job's age when it was looked at.
            after_s: Its age when that was last told here, None where it was not.
            ended: Whether it had ended.
            exact: Whether it had ended only just: a webhook called, or the POST's answer waited.
        """
        if exact:
            seen = [Sighting(seconds, after_s or 0.0, ended=False), Sighting(seconds, seconds)]
        else:
            seen = [Sighting(seconds, after_s or 0.0, ended)]
        name = _name(request)
        with self._lock:
            kind = self._kind(name)
            if len(kind.sightings) < _MOST_WAITING:
                kind.sightings += seen
            if self._clock() - kind.sent_at < _SEND_EVERY_S:
                return
        self._send(name, kind)

    def begin(self, request: ConversionRequest) -> bool:
        """Count a conversion that the service has begun.

        A process counts for itself: of many, each begins and ends an equal share.

        Args:
            request: The conversion's.

        Returns:
            Whether most of those that were begun lately have not ended. What was learned is then of
            the quick ones, unless polls have looked at the others.
        """
        with self._lock:
            kind = self._kind(_name(request))
            kind.fade(self._clock())
            kind.begun += 1
            return kind.begun > _FEW + 2 * kind.over

    def end(self, request: ConversionRequest) -> None:
        """Count a conversion that has come to an end, be it good or bad.

        Args:
            request: The conversion's.
        """
        with self._lock:
            kind = self._kind(_name(request))
            kind.fade(self._clock())
            kind.over += 1

    def flush(self) -> None:
        """Send what waits to be sent; for whoever has a rhythm of its own, and before an end."""
        with self._lock:
            waiting = [(name, kind) for name, kind in self._kinds.items() if kind.sightings]
        for name, kind in waiting:
            self._send(name, kind)

    def forget(self) -> None:
        """Begin anew, as where no conversion has been seen yet.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with self._lock:
            self._kinds.clear()
        with translated(self._redis):
            self._redis.delete(self._keys.expected_durations)

    def _kind(self, name: str) -> _Kind:
        if name not in self._kinds and len(self._kinds) >= _MOST_KINDS:
            self._kinds.pop(next(iter(self._kinds)))
        return self._kinds.setdefault(name, _Kind())

    def _send(self, name: str, kind: _Kind) -> None:
        with self._lock:
            sightings, kind.sightings = kind.sightings, []
            kind.sent_at = self._clock()
        if not sightings:
            return
        done = False
        with suppress(LedgerUnavailable):
            done = self._add(name, kind, sightings)
        if not done:
            with self._lock:
                kind.sightings = (sightings + kind.sightings)[:_MOST_WAITING]

    def _add(self, name: str, kind: _Kind, sightings: list[Sighting]) -> bool:
        """One call, and another for each process that has learned at the same moment.

        Returns:
            Whether it was taken; else others were quicker each time.
        """
        known = kind.text
        for _ in range(_TRIES):
            learned = _read_text(known).with_(sightings)
            text = _written(learned)
            with translated(self._redis):
                answer = cast(
                    "list[int | str]",
                    self._learn(
                        keys=[self._keys.expected_durations], args=[name, known, text, _MOST_KINDS]
                    ),
                )
            if answer[0]:
                self._take(kind, text)
                return True
            known = str(answer[1])
        return False

    def _take(self, kind: _Kind, text: str) -> None:
        if text != kind.text:
            kind.text, kind.expectation = text, _read_text(text).expectation()
        kind.looked_at = self._clock()

    def _read(self, name: str) -> str:
        with translated(self._redis):
            return cast("str | None", self._redis.hget(self._keys.expected_durations, name)) or ""


def _written(durations: Durations) -> str:
    """For people half and nine tenths of them first, in seconds; then what we read ourselves."""
    expectation = durations.expectation()
    shown = f"{expectation.usual_s:.2f} {expectation.late_s:.2f}" if expectation else "? ?"
    return f"{shown} {durations.dump()}"


def _read_text(text: str) -> Durations:
    return Durations.load(text.rpartition(" ")[2])


def _name(request: ConversionRequest) -> str:
    return f"{request.from_format}:{request.to_format}"
