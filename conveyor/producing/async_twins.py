"""Async versions of methods that wait or talk to Redis: one mechanism for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

__all__ = ["async_twin"]

S = TypeVar("S")
P = ParamSpec("P")
T = TypeVar("T")


def async_twin(
    method: Callable[Concatenate[S, P], T],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """Make a method's async version, which runs in a thread and never blocks the event loop.

    Args:
        method: The method. It must be safe for threads.

    Returns:
        A coroutine function with the same arguments, result and errors.
    """

    @wraps(method)
    async def _twin(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.to_thread(method, self, *args, **kwargs)

    name, owner = method.__name__, method.__qualname__.rpartition(".")[0]
    _twin.__name__, _twin.__qualname__ = f"a{name}", f"{owner}.a{name}"
    _twin.__doc__ = (
        f"Async version of `{name}`, without blocking the event loop.\n\n{method.__doc__}"
    )
    return _twin
