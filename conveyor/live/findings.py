"""What is said of a fact: it holds, it does not, or nobody could tell, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from conveyor.live.answers import Answer, Reply, Silence
from conveyor.live.scene import Scene

__all__ = [
    "UNASKED",
    "Check",
    "Fact",
    "Finding",
    "Judge",
    "Verdict",
    "could_not_tell",
    "does_not_hold",
    "holds",
    "of_answer",
    "on",
]


class Verdict(StrEnum):
    """What a run says of a fact."""

    HOLDS = "holds"
    DOES_NOT_HOLD = "does not hold"
    COULD_NOT_TELL = "could not tell"


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict.

    Attributes:
        verdict: What is said.
        evidence: Why, in one sentence of ours: no text of the service's is in it.
        value: Which of several ways it was, where the fact leaves it open.
    """

    verdict: Verdict
    evidence: str
    value: str = ""


Check = Callable[[Scene], Finding]
Judge = Callable[[Answer], Finding]


@dataclass(frozen=True, slots=True)
class Fact:
    """A sentence about the service that can be tried.

    Attributes:
        id: Its name.
        sentence: The fact.
        source: The letters of `docs/protocol.md`.
        spend: With how many conversions it is tried: the least ``--spend``.
        check: Judges it by what was seen.
    """

    id: str
    sentence: str
    source: str
    spend: int
    check: Check


UNASKED = Finding(Verdict.COULD_NOT_TELL, "Not asked.")
"""What it is judged by was not asked; the run knows why."""


def holds(evidence: str, value: str = "") -> Finding:
    """Say that a fact holds."""
    return Finding(Verdict.HOLDS, evidence, value)


def does_not_hold(evidence: str, value: str = "") -> Finding:
    """Say that a fact does not hold."""
    return Finding(Verdict.DOES_NOT_HOLD, evidence, value)


def could_not_tell(evidence: str, value: str = "") -> Finding:
    """Say that nobody could tell."""
    return Finding(Verdict.COULD_NOT_TELL, evidence, value)


def on(label: str, judge: Judge) -> Check:
    """Judge by the reply under a label, if it is an answer of the service's.

    Args:
        label: What was asked.
        judge: Looks at the answer.
    """
    return lambda scene: of_answer(scene.replies.get(label), judge)


def of_answer(reply: Reply | None, judge: Judge) -> Finding:
    """Judge by a reply, if it is an answer of the service's.

    Args:
        reply: What came; None where nothing was asked.
        judge: Looks at the answer.
    """
    if reply is None:
        return UNASKED
    if isinstance(reply, Silence):
        return could_not_tell(f"It was not answered: {reply.reason}.")
    if reply.asks_for_patience:
        return could_not_tell(f"The service asks for patience ({reply.told()}): try again later.")
    if reply.is_the_roads:
        return could_not_tell(f"Somebody on the way answered ({reply.told()}).")
    return judge(reply)
