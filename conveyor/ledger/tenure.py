"""What a transition needs to know of turnstile and lease, so that it enters or leaves for us."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Leaving", "Renewal", "Tenure", "polls_of", "spacing_of", "took"]


@dataclass(frozen=True, slots=True)
class Tenure:
    """A key that a transition sets for us: the turnstile's, or a delivery's lease.

    Attributes:
        token: What the key holds while it is ours.
        for_ms: For how long it is ours if we never leave, milliseconds.
    """

    token: str
    for_ms: int


@dataclass(frozen=True, slots=True)
class Leaving:
    """The turnstile that a transition leaves for us: the request that it notes has ended.

    Attributes:
        token: What the key holds while it is ours.
        for_ms: For how long it stays closed to others, milliseconds; 0: it is open.
        is_poll: Whether the request was a poll; else it was the POST.
    """

    token: str
    for_ms: int
    is_poll: bool


@dataclass(frozen=True, slots=True)
class Renewal:
    """A lease that its holder wants anew, because he still works.

    Attributes:
        conversion_id: The conversion's id.
        lease: What the lease is called: ``turnstile`` or ``delivery``.
        token: What it holds while it is ours.
    """

    conversion_id: str
    lease: str
    token: str


def polls_of(leaving: Leaving | None) -> int:
    """How many polls a request counts for: 1 for a poll, 0 for a POST, or where there was none.

    Args:
        leaving: The pass of the request that a transition notes.
    """
    return int(leaving is not None and leaving.is_poll)


def took(leaving: Leaving | None) -> bool | None:
    """True after a POST, which the service has taken, whatever became of it; else None.

    Args:
        leaving: The pass of the request that a transition notes.
    """
    return True if leaving is not None and not leaving.is_poll else None


def spacing_of(leaving: Leaving | None) -> float:
    """For how long the turnstile stays closed, seconds.

    Args:
        leaving: The pass of the request that a transition notes.
    """
    return leaving.for_ms / 1000 if leaving else 0.0
