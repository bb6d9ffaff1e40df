"""The facts that cost nothing, in order. The last one says that they are not charged."""

from __future__ import annotations

from typing import Final

from conveyor.live.account_facts import ACCOUNT_FACTS
from conveyor.live.file_facts import FILE_FACTS
from conveyor.live.findings import (
    UNASKED,
    Fact,
    Finding,
    could_not_tell,
    holds,
)
from conveyor.live.refusal_facts import REFUSAL_FACTS
from conveyor.live.scene import Scene

__all__ = ["FREE_FACTS"]


def _judge_free(scene: Scene) -> Finding:
    if scene.consumed("user") is None:
        return could_not_tell("The account's counters can't be read with this credential.")
    rise = scene.rise("user", "user-after-free")
    if rise is None:
        return UNASKED
    if rise == 0:
        return holds("The account's counter did not move.")
    return could_not_tell(f"The counter rose by {rise}: others may use the account.")


FREE_FACTS: Final = (
    *ACCOUNT_FACTS,
    *FILE_FACTS,
    *REFUSAL_FACTS,
    Fact(
        "free-is-free",
        "Uploads, refusals and questions are not charged.",
        "C",
        0,
        _judge_free,
    ),
)
