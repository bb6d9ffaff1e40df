"""What conversions take, and how often they come."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

__all__ = ["LOADS", "Load"]


@dataclass(frozen=True)
class Load:
    """Conversions of one pair of formats.

    Attributes:
        name: As plot and table show it.
        duration_s: What one takes that is posted at a time, seconds.
        rate: How many are posted a second.
        count: How many there are.
        warm_up: So many of the first are not counted: what is measured is a fleet that has seen
            such conversions before. 0 where the beginning is what is measured.
    """

    name: str
    duration_s: Callable[[Random, float], float]
    rate: float = 5.0
    count: int = 4000
    warm_up: int = 1000


def _constant(seconds: float) -> Callable[[Random, float], float]:
    return lambda _rng, _now_s: seconds


def _lognormal(median_s: float, sigma: float) -> Callable[[Random, float], float]:
    return lambda rng, _now_s: median_s * math.exp(rng.gauss(0, sigma))


def _either(rng: Random, now_s: float) -> float:
    median_s = rng.choices((4, 40), (7, 3))[0]
    return _lognormal(median_s, 0.1)(rng, now_s)


def _from_to(before_s: float, after_s: float, at_s: float) -> Callable[[Random, float], float]:
    return lambda rng, now_s: _lognormal(before_s if now_s < at_s else after_s, 0.1)(rng, now_s)


LOADS: Final = (
    Load("10 s", _constant(10)),
    Load("60 s", _constant(60)),
    Load("8 s, sigma 0.2", _lognormal(8, 0.2)),
    Load("8 s, sigma 0.5", _lognormal(8, 0.5)),
    Load("8 s, sigma 1", _lognormal(8, 1)),
    Load("60 s, sigma 0.3", _lognormal(60, 0.3)),
    Load("4 s, and 3 of 10 40 s", _either),
    Load("from 10 to 20 s", _from_to(10, 20, 400), warm_up=2000),
    Load("from 20 to 10 s", _from_to(20, 10, 400), warm_up=2000),
    Load("8 s, sigma 0.5, cold, 3,000 at once", _lognormal(8, 0.5), 200, 3000, 0),
)
