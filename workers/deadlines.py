"""What had not begun when its deadline passed is cancelled, unpaid, from any worker.

No claim sees a conversion that a hold, a throttle or a far date keeps waiting. So the deadlines
have an index of their own, and every worker looks at its head. Redis' clock decides: a conversion
that begins in the same moment is either begun or cancelled, and never both.
"""

from __future__ import annotations

from typing import Final

import structlog

from conveyor.ledger import Entry
from conveyor.messaging.cancelling import cancel_if_late
from workers.services import Services
from workers.wiring import wired

__all__ = ["EVERY_S", "end_late"]

EVERY_S: Final = 1.0
_BATCH: Final = 200

log = structlog.get_logger("conveyor.deadlines")


def end_late() -> int:
    """Cancel what is late, a batch at most.

    Returns:
        How many conversions were cancelled.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    services = wired()
    return sum(_end(services, entry) for entry in services.ledger.late(_BATCH))


def _end(services: Services, entry: Entry) -> bool:
    if cancel_if_late(services.publisher, services.ledger, entry) is None:
        return False
    log.info("missed_deadline", conversion_id=entry.id)
    return True
