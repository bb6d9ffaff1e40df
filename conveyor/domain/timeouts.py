"""How long a conversion may take, and how long its submit waits for the result itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from conveyor.domain import rules
from conveyor.errors import InvalidRequest

__all__ = ["TIMEOUT_OUT_OF_BOUNDS", "check_timeout", "semi_async_of", "submit_waits_s"]

TIMEOUT_OUT_OF_BOUNDS: Final = (
    f"The parameter {rules.TIMEOUT_PARAMETER} takes whole seconds from {rules.LEAST_TIMEOUT_S} to "
    f"{rules.MOST_TIMEOUT_S}."
)
"""What a caller is told of a ``Timeout`` that the service would refuse."""
_TIMEOUT: Final = rules.TIMEOUT_PARAMETER.lower()
_TIMEOUTS: Final = frozenset(map(str, rules.TIMEOUTS_S))


def check_timeout(name: str, text: str) -> None:
    """Refuse a ``Timeout`` that the service would refuse, and take all other parameters.

    Args:
        name: The parameter's name, in any case.
        text: Its value, as the service reads it.

    Raises:
        InvalidRequest: It is a ``Timeout`` out of bounds.
    """
    if name.lower() == _TIMEOUT and text not in _TIMEOUTS:
        raise InvalidRequest(TIMEOUT_OUT_OF_BOUNDS)


def semi_async_of(given: Any) -> int | None:
    """How long a submit waits for the result itself, seconds; None leaves it to the workers.

    Args:
        given: As the caller wrote it.

    Raises:
        InvalidRequest: It is no whole number from 0 to 1200.
    """
    if given is None:
        return None
    if (
        isinstance(given, bool)
        or not isinstance(given, int)
        or not 0 <= given <= rules.MAX_SEMI_ASYNC_S
    ):
        raise InvalidRequest(
            f"semi_async_seconds must be a whole number from 0 to {rules.MAX_SEMI_ASYNC_S}. With "
            "0, polls fetch the answer."
        )
    return int(given)


def submit_waits_s(asked_s: float, params: Mapping[str, str]) -> float:
    """How long the submit waits for the result itself, seconds; 0: it never does.

    Never longer than the request's own ``Timeout``: the service has ended the job by then.

    Args:
        asked_s: What the request asks for, or else the workers' setting.
        params: The service's own parameters.
    """
    timeouts = [int(text) for name, text in params.items() if name.lower() == _TIMEOUT]
    return min(asked_s, *timeouts, rules.MAX_SEMI_ASYNC_S)
