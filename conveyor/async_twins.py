"""Async versions of methods that wait or do I/O: one mechanism for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

__all__ = ["async_pieces", "async_twin"]

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

    _name(_twin, method)
    return _twin


def async_pieces(
    method: Callable[Concatenate[S, P], Iterator[T]],
) -> Callable[Concatenate[S, P], AsyncIterator[T]]:
    """Make the async version of a method that yields, which never blocks the event loop.

    Args:
        method: A generator function. Each step runs in some thread, one after the other.

    Returns:
        An asynchronous generator function with the same arguments, pieces and errors.
    """

    @wraps(method)
    async def _twin(self: S, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        pieces = method(self, *args, **kwargs)
        step: asyncio.Future[list[T]] | None = None
        try:
            while True:
                step = asyncio.ensure_future(asyncio.to_thread(_next, pieces))
                if not (found := await asyncio.shield(step)):
                    return
                yield found[0]
        finally:
            # A generator can't be closed while it runs: a reader that is cancelled waits for it.
            if step is not None and not step.done():
                await asyncio.wait([step])
            if isinstance(pieces, Generator):
                await asyncio.to_thread(pieces.close)

    _name(_twin, method)
    return _twin


def _next(pieces: Iterator[T]) -> list[T]:
    """The next piece; nothing at the end, for no coroutine can raise StopIteration."""
    for piece in pieces:
        return [piece]
    return []


def _name(twin: Any, method: Any) -> None:
    name, owner = method.__name__, method.__qualname__.rpartition(".")[0]
    twin.__name__, twin.__qualname__ = f"a{name}", f"{owner}.a{name}"
    twin.__doc__ = (
        f"Async version of `{name}`, without blocking the event loop.\n\n{method.__doc__}"
    )
