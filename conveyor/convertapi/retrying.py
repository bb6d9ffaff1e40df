"""Short faults of the network, tried again at once where a repeat is safe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from conveyor.convertapi.answer import Answer
from conveyor.convertapi.errors import ApiError, Overdue, Unclear, Unreachable, WrongHost

__all__ = ["RETRY_SAFE", "RETRY_UNSENT", "insisting"]


def _is_unsent(error: BaseException) -> bool:
    """Nothing of the request was seen, so even the paid POST may be sent again."""
    return isinstance(error, Unreachable)


def _is_safe(error: BaseException) -> bool:
    """For requests that change nothing, or the same thing again."""
    if isinstance(error, Overdue | WrongHost):
        return False
    return isinstance(error, Unreachable | Unclear)


def _retrying(is_worth: Callable[[BaseException], bool]) -> Retrying:
    return Retrying(
        retry=retry_if_exception(is_worth),
        stop=stop_after_attempt(3),
        wait=wait_random_exponential(multiplier=0.05),
        reraise=True,
    )


RETRY_UNSENT: Final = _retrying(_is_unsent)
"""For a request that must not be seen twice: tried again only where nothing of it was sent."""

RETRY_SAFE: Final = _retrying(_is_safe)
"""For a request that changes nothing, or the same thing again."""


def insisting(retrying: Retrying, call: Callable[[], Answer]) -> Answer:
    """Call, and only where that fails ask tenacity whether, when and how often again.

    Nearly every call succeeds at once, and pays nothing for tenacity then.

    Args:
        retrying: `RETRY_UNSENT` or `RETRY_SAFE`.
        call: Makes the request once.

    Returns:
        The first answer.

    Raises:
        ApiError: The last try's, or the first that is not worth another.
    """
    try:
        return call()
    except ApiError as error:
        first = [error]

    def again() -> Answer:
        """Give tenacity the error of the first try, then try again."""
        if first:
            raise first.pop()
        return call()

    return retrying(again)
