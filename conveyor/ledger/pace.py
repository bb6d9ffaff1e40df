"""What the service took lately for each pair of formats: a moving average, shared by the fleet.

It only makes the first poll come at a good time, so a process looks at it, and adds to it, now and
then, and not for every conversion.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from typing import Final, cast

from conveyor.ledger.connection import Client, translated
from conveyor.request import ConversionRequest

__all__ = ["Pace"]

_LOOK_EVERY_S: Final = 2.0
_LEARN_EVERY_S: Final = 1.0
_WEIGHT: Final = 0.2


class Pace:
    """How long conversions take.

    Args:
        client: Redis.
        clock: Seconds, for tests.
    """

    def __init__(self, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = client
        self._keys = client.keyspace
        self._clock = clock
        self._seen: dict[str, tuple[float, float | None]] = {}
        self._learned: dict[str, float] = {}

    def expected_s(self, request: ConversionRequest) -> float | None:
        """Seconds that such a conversion took lately, None while unknown.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        pair = _pair(request)
        looked_at, seconds = self._seen.get(pair, (float("-inf"), None))
        if self._clock() - looked_at > _LOOK_EVERY_S:
            seconds = self._read(pair)
            self._seen[pair] = (self._clock(), seconds)
        return seconds

    def learn(self, request: ConversionRequest, seconds: float) -> None:
        """Add what a conversion took.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        pair = _pair(request)
        if self._clock() - self._learned.get(pair, float("-inf")) < _LEARN_EVERY_S:
            return
        self._learned[pair] = self._clock()
        known = self._read(pair)
        average = seconds if known is None else known + _WEIGHT * (seconds - known)
        with translated(self._redis):
            self._redis.hset(self._keys.pace, pair, f"{average:.3f}")

    def forget(self) -> None:
        """Begin anew, as where no conversion has been seen yet.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        self._seen.clear()
        with translated(self._redis):
            self._redis.delete(self._keys.pace)

    def _read(self, pair: str) -> float | None:
        with translated(self._redis):
            known = self._redis.hget(self._keys.pace, pair)
        return _seconds(cast("str", known)) if known else None


def _seconds(text: str) -> float | None:
    """None where it was damaged: it is learned anew."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 <= seconds < inf else None


def _pair(request: ConversionRequest) -> str:
    return f"{request.from_format}:{request.to_format}"
