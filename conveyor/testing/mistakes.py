"""What a test can do wrong with the fake. Each is an `AssertionError`, so your test fails by it."""

from __future__ import annotations

__all__ = ["NotInFake", "NotUnderWay", "NothingPlanned"]


class NotUnderWay(AssertionError):  # noqa: N818 - reads as the sentence it stands for
    """The conversion that a test wants to end has ended already."""


class NothingPlanned(AssertionError):  # noqa: N818 - the same
    """Your code waits for a conversion that nothing will end."""


class NotInFake(AssertionError, NotImplementedError):  # noqa: N818 - the same
    """The fake does not have this call, because it asks a real server."""
