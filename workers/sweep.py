"""The sweep: rings for what is overdue, from any worker (invariant I2).

A bell is lost where a process dies between a note and its message, or with a broker that loses what
it had. The sweep sends no message for a conversion: it says that there is something to take.
"""

from __future__ import annotations

from typing import Final

import structlog

from workers.wiring import wired

__all__ = ["EVERY_S", "sweep"]

EVERY_S: Final = 1.0

log = structlog.get_logger("conveyor.sweep")


def sweep() -> int:
    """Ring for what is overdue.

    Returns:
        How many conversions are.
    """
    services = wired()
    overdue = services.claims.overdue()
    for due in overdue:
        services.bells.ring(due.kind, 0, 0)
        log.info("overdue", kind=due.kind, count=due.count)
    return sum(due.count for due in overdue)
