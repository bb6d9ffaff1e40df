"""Which workers are alive, and what they say of themselves: asked over Celery's remote control.

Their main processes answer that, however busy their pools are.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from celery import Celery

from conveyor.diagnosis.checks import begin

__all__ = ["ABOUT", "ABOUT_S", "ROLL_CALL_S", "Alive", "ask_about", "roll_call"]

ABOUT: Final = "conveyor_about"
"""The remote control command that asks a worker what it is and does; see `workers.about`."""

ABOUT_S: Final = 2.0
"""How long workers have to say what they are, seconds."""

ROLL_CALL_S: Final = 1.2
"""How long workers have to say that they are there, seconds."""


@dataclass(frozen=True, slots=True)
class Alive:
    """A worker that answers over remote control.

    Attributes:
        node: Its name, ``celery@host``.
        queues: The queues that it consumes.
    """

    node: str
    queues: frozenset[str]


def roll_call(app: Celery, deadline: float, most_s: float = ROLL_CALL_S * 2) -> list[Alive]:
    """Find the workers on this broker, whoever's they are.

    Args:
        app: Whose broker.
        deadline: Until when, by the monotonic clock.
        most_s: How long it may take where the broker is slow, seconds.
    """
    ask = partial(app.control.broadcast, "active_queues", reply=True, timeout=ROLL_CALL_S)
    answers = begin(ask).result(min(most_s, max(deadline - time.monotonic(), 0.0))) or []
    return [
        Alive(node, frozenset(str(queue["name"]) for queue in queues))
        for answer in answers
        for node, queues in answer.items()
        if isinstance(queues, list)
    ]


def ask_about(app: Celery, nodes: Sequence[str], deadline: float) -> dict[str, Any]:
    """Ask workers of ours what they are and do.

    Args:
        app: Whose broker.
        nodes: The workers.
        deadline: Until when, by the monotonic clock.

    Returns:
        What each says of itself, as `workers.about` has it; without those that say nothing.
    """
    # kombu waits for as many answers as there are nodes.
    ask = partial(
        app.control.broadcast, ABOUT, destination=list(nodes), reply=True, timeout=ABOUT_S
    )
    try:
        answers = begin(ask).result(max(deadline - time.monotonic(), 0.0)) or []
    except Exception:  # noqa: BLE001 - they are alive all the same
        return {}
    return {
        node: about
        for answer in answers
        for node, about in answer.items()
        if isinstance(about, dict) and "slots" in about
    }
