"""The facts that cost conversions, by what they are about."""

from __future__ import annotations

from typing import Final

from conveyor.live.job_facts import JOB_FACTS
from conveyor.live.odd_start_facts import ODD_START_FACTS
from conveyor.live.poll_facts import POLL_FACTS
from conveyor.live.repeat_facts import REPEAT_FACTS
from conveyor.live.result_facts import RESULT_FACTS

__all__ = ["PAID_FACTS"]

PAID_FACTS: Final = (
    *JOB_FACTS,
    *POLL_FACTS,
    *ODD_START_FACTS,
    *RESULT_FACTS,
    *REPEAT_FACTS,
)
