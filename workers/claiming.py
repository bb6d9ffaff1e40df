"""What a bell brings: a claim, worked off side by side by the crew.

A task of Celery's claims, hands over, and is free again as soon as only stragglers are left. Each
conversion is on its own: whatever is raised while somebody works on it is counted there, and no
other hears of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import structlog
from celery.exceptions import Ignore
from kombu.exceptions import OperationalError

from conveyor.errors import LedgerUnavailable, UnreadableConversion
from conveyor.turnstile import Pass
from workers.heartbeat import Work
from workers.stumbles import put_aside, stumble
from workers.wiring import Engine

__all__ = ["MOST", "look_after", "room_for", "work_off", "work_side_by_side"]

MOST: Final = 64
"""So many conversions one claim takes."""

# For a part of the crew to be free a task waits so long, and then has another bell rung.
_PATIENCE_S: Final = 1.0

log = structlog.get_logger("conveyor.task")


def room_for(engine: Engine, kind: str, at: float) -> int:
    """How many conversions may be claimed now.

    Args:
        engine: The parts.
        kind: Of which.
        at: When the bell was to come that asks for it, by Redis' clock.

    Raises:
        Ignore: None: the crew is at work on what takes long. Another bell will come.
        LedgerUnavailable: Redis can't be reached.
    """
    room = min(engine.crew.room(_PATIENCE_S), MOST)
    if not room:
        engine.claims.put_off(kind, _PATIENCE_S, at)
        raise Ignore
    return room


def work_off(
    engine: Engine,
    task: str,
    held: Sequence[Pass],
    do: Callable[[Pass, Work], object],
) -> None:
    """Work on what was claimed, side by side, and wait until only stragglers are left.

    The heartbeat keeps each from being taken for lost meanwhile.

    Args:
        engine: The parts.
        task: The task's name, for the logs.
        held: What was claimed.
        do: What is done with each.
    """

    def keep_and_do(one: Pass) -> None:
        if one.is_late:
            # The process was stopped since its claim: another has it by now, or will.
            log.warning("claim_lapsed")
            return
        with engine.heartbeat.keeps(one, engine.most_answer_s) as work:
            do(one, work)

    work_side_by_side(engine, task, {one.entry.id: partial(keep_and_do, one) for one in held})


def work_side_by_side(engine: Engine, task: str, jobs: Mapping[str, Callable[[], object]]) -> None:
    """Do one thing for each of several conversions, and wait until only stragglers are left.

    Args:
        engine: The parts.
        task: The task's name, for the logs.
        jobs: What is done, by the conversion's id.
    """
    engine.crew.work([partial(look_after, engine, task, *job) for job in jobs.items()])


def look_after(engine: Engine, task: str, conversion_id: str, do: Callable[[], object]) -> None:
    """Work on one conversion, and let nothing unexpected go by without a count on it.

    Args:
        engine: The parts.
        task: The task's name, for the logs.
        conversion_id: The conversion's id.
        do: What is done.
    """
    with structlog.contextvars.bound_contextvars(conversion_id=conversion_id, task=task):
        try:
            do()
        except Ignore:
            pass
        except (LedgerUnavailable, OperationalError) as error:
            # It is due again when the lease has lapsed.
            log.warning("put_off", reason=str(error))
        except UnreadableConversion as error:
            _if_there(partial(put_aside, engine, error))
        except Exception:
            log.exception("stumbled")
            _if_there(partial(stumble, engine, conversion_id))


def _if_there(note: Callable[[], object]) -> None:
    """Note what went wrong; where Redis is away the conversion is due again after its lease."""
    try:
        note()
    except (LedgerUnavailable, OperationalError) as error:
        log.warning("put_off", reason=str(error))
    except UnreadableConversion:
        log.exception("not_counted")
