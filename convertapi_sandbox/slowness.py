"""Faults that spoil a true answer: it takes its time, and the request has been served."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from convertapi_sandbox.addresses import Family
from convertapi_sandbox.dribbles import EndlessContinue, SlowChunk, SlowHead, SlowTrailers
from convertapi_sandbox.wire import Dribbled

__all__ = ["DRIBBLES", "Dribble"]


@dataclass(frozen=True, kw_only=True)
class Dribble(Family):
    """A true answer that takes its time; the request has been served.

    Args:
        spoil: Makes the slow answer from the true one and the seconds that it takes.
    """

    spoil: Callable[[Response, float], Response]


DRIBBLES: Final[tuple[Dribble, ...]] = (
    Dribble(name="slow_head", meaning="the head comes byte by byte", spoil=SlowHead),
    Dribble(
        name="endless_continue",
        meaning="`100 Continue` again and again, then the answer",
        spoil=EndlessContinue,
    ),
    Dribble(name="slow_body", meaning="the body comes byte by byte", spoil=Dribbled),
    Dribble(
        name="slow_chunk",
        meaning="a chunk's extension comes byte by byte",
        spoil=SlowChunk,
    ),
    Dribble(
        name="slow_trailers",
        meaning="trailers that follow the body byte by byte",
        spoil=SlowTrailers,
    ),
)
