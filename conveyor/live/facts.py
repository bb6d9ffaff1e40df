"""Every fact that can be tried, in the order in which they are shown."""

from __future__ import annotations

from typing import Final

from conveyor.live.findings import Fact
from conveyor.live.free_facts import FREE_FACTS
from conveyor.live.paid_facts import PAID_FACTS

__all__ = ["FACTS"]

FACTS: Final[tuple[Fact, ...]] = (*FREE_FACTS, *sorted(PAID_FACTS, key=lambda fact: fact.spend))
