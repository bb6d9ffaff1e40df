"""The work after a bell: a claim, processed in parallel by the crew.

A task of Celery's claims, hands over, and is free again as soon as only stragglers are left. Each
conversion is on its own: whatever is raised while somebody works on it is counted there, and no
other hears of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final

import structlog
from celery.exceptions import Ignore
from kombu.exceptions import OperationalError

from conveyor.errors import LedgerUnavailable, UnreadableConversion
from conveyor.ledger.turnstile import Pass
from workers.crew import Batch
from workers.heartbeat import Work
from workers.services import Services
from workers.stumbles import put_aside, stumble

__all__ = ["MOST", "begin", "begin_on", "look_after", "room_for"]

MOST: Final = 64
"""So many conversions one claim takes."""

# For a part of the crew to be free a task waits so long, and then has another bell rung.
_PATIENCE_S: Final = 1.0

log = structlog.get_logger("conveyor.task")


@contextmanager
def room_for(services: Services, kind: str, at: float) -> Iterator[int]:
    """Have the block claim, and begin, what there is room for.

    Args:
        services: What the process works with.
        kind: Of which.
        at: When the bell was to come that asks for it, by Redis' clock.

    Yields:
        How many conversions may be claimed.

    Raises:
        Ignore: None: the crew is at work on what takes long. Another bell will come.
        LedgerUnavailable: Redis can't be reached.
    """
    with services.crew.turn(_PATIENCE_S) as room:
        if not room:
            services.claims.put_off(kind, _PATIENCE_S, at)
            raise Ignore
        yield min(room, MOST)


def begin_on(
    services: Services,
    task: str,
    held: Sequence[Pass],
    do: Callable[[Pass, Work], object],
) -> Batch:
    """Begin to work on what was claimed, side by side.

    The heartbeat keeps each from being taken for lost meanwhile.

    Args:
        services: What the process works with.
        task: The task's name, for the logs.
        held: What was claimed.
        do: What is done with each.

    Returns:
        What to wait for.
    """

    def renew_and_run(one: Pass) -> None:
        """Work on one conversion while the heartbeat keeps it, unless its claim is too old."""
        if one.is_late:
            # The process was stopped since its claim: another has it by now, or will.
            log.warning("claim_lapsed")
            return
        with services.heartbeat.renewing(one, services.most_answer_s) as work:
            do(one, work)

    return begin(services, task, {one.entry.id: partial(renew_and_run, one) for one in held})


def begin(services: Services, task: str, jobs: Mapping[str, Callable[[], object]]) -> Batch:
    """Begin one thing for each of several conversions, side by side.

    Args:
        services: What the process works with.
        task: The task's name, for the logs.
        jobs: What is done, by the conversion's id.

    Returns:
        What to wait for.
    """
    return services.crew.begin([partial(look_after, services, task, *job) for job in jobs.items()])


def look_after(services: Services, task: str, conversion_id: str, do: Callable[[], object]) -> None:
    """Work on one conversion, and let nothing unexpected go by without a count on it.

    Args:
        services: What the process works with.
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
            log.warning("postponed", reason=str(error))
        except UnreadableConversion as error:
            _if_there(partial(put_aside, services, error))
        except Exception:
            log.exception("stumbled")
            _if_there(partial(stumble, services, conversion_id))


def _if_there(note: Callable[[], object]) -> None:
    """Note what went wrong; where Redis is away the conversion is due again after its lease."""
    try:
        note()
    except (LedgerUnavailable, OperationalError) as error:
        log.warning("postponed", reason=str(error))
    except UnreadableConversion:
        log.exception("stumble_not_counted")
