"""How long the service takes for each pair of formats, learned by the whole fleet.

`conveyor.domain.durations` has the rules. This module decides when a process learns. A process
looks at a pair every two seconds, and sends what its own polls saw once a second, all of it in one
call. Nobody depends on it, so where Redis is away nothing is raised: the pair is unknown for a
while.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import Final, cast

from conveyor.domain.durations import Expectation, Sighting
from conveyor.domain.request import ConversionRequest
from conveyor.errors import LedgerUnavailable
from conveyor.ledger.connection import Client, translated
from conveyor.ledger.expected_pair import Pair, pair_of, read, written
from conveyor.ledger.scripts import script

__all__ = ["ExpectedDurations"]

_LOOK_EVERY_S: Final = 2.0
# The first ends of a new pair change what is expected most.
_LOOK_UNKNOWN_EVERY_S: Final = 0.5
_SEND_EVERY_S: Final = 1.0
# In the fleet, and in a process.
_MOST_PAIRS: Final = 1000
# Sightings that wait to be sent; what Redis does not take for long is of no use later.
_MOST_WAITING: Final = 10_000
_TRIES: Final = 3


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
        self._pairs: dict[str, Pair] = {}

    def of(self, request: ConversionRequest) -> Expectation | None:
        """The expected duration in seconds, None while unknown. It rarely asks Redis."""
        name = pair_of(request)
        with self._lock:
            pair = self._pair(name)
            pause_s = _LOOK_EVERY_S if pair.expectation else _LOOK_UNKNOWN_EVERY_S
            if self._clock() - pair.looked_at < pause_s:
                return pair.expectation
            # Other threads go on with what is known while this one looks.
            pair.looked_at = self._clock()
        with suppress(LedgerUnavailable):
            self._take(pair, self._read(name))
        return pair.expectation

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

        Call this after each poll, also where the job has not ended.

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
        name = pair_of(request)
        with self._lock:
            pair = self._pair(name)
            if len(pair.sightings) < _MOST_WAITING:
                pair.sightings += seen
            if self._clock() - pair.sent_at < _SEND_EVERY_S:
                return
        self._send(name, pair)

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
            return self._pair(pair_of(request)).begin(self._clock())

    def end(self, request: ConversionRequest) -> None:
        """Count a conversion that has come to an end, be it good or bad.

        Args:
            request: The conversion's.
        """
        with self._lock:
            self._pair(pair_of(request)).end(self._clock())

    def flush(self) -> None:
        """Send what was learned so far. Call it before the process ends."""
        with self._lock:
            waiting = [(name, pair) for name, pair in self._pairs.items() if pair.sightings]
        for name, pair in waiting:
            self._send(name, pair)

    def forget(self) -> None:
        """Begin anew, as where no conversion has been seen yet.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with self._lock:
            self._pairs.clear()
        with translated(self._redis):
            self._redis.delete(self._keys.expected_durations)

    def _pair(self, name: str) -> Pair:
        if name not in self._pairs and len(self._pairs) >= _MOST_PAIRS:
            self._pairs.pop(next(iter(self._pairs)))
        return self._pairs.setdefault(name, Pair())

    def _send(self, name: str, pair: Pair) -> None:
        with self._lock:
            sightings, pair.sightings = pair.sightings, []
            pair.sent_at = self._clock()
        if not sightings:
            return
        done = False
        with suppress(LedgerUnavailable):
            done = self._add(name, pair, sightings)
        if not done:
            with self._lock:
                pair.sightings = (sightings + pair.sightings)[:_MOST_WAITING]

    def _add(self, name: str, pair: Pair, sightings: list[Sighting]) -> bool:
        """One call, and another for each process that has learned at the same moment.

        Returns:
            Whether it was taken; else others were quicker each time.
        """
        known = pair.text
        for _ in range(_TRIES):
            learned = read(known).with_(sightings)
            text = written(learned)
            with translated(self._redis):
                answer = cast(
                    "list[int | str]",
                    self._learn(
                        keys=[self._keys.expected_durations], args=[name, known, text, _MOST_PAIRS]
                    ),
                )
            if answer[0]:
                self._take(pair, text)
                return True
            known = str(answer[1])
        return False

    def _take(self, pair: Pair, text: str) -> None:
        if text != pair.text:
            pair.text, pair.expectation = text, read(text).expectation()
        pair.looked_at = self._clock()

    def _read(self, name: str) -> str:
        with translated(self._redis):
            return cast("str | None", self._redis.hget(self._keys.expected_durations, name)) or ""
