"""Objects that each process makes for itself.

A child that was forked has its parent's sockets, of which both would read, none of its threads, and
every lock that another thread held in that moment, for ever. So whatever holds one of these is made
again where it is first used in another process, without touching what the parent has made.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Lock, RLock
from typing import Any, Final, Generic, Self, TypeVar, overload
from weakref import WeakSet

from celery import Celery
from kombu import pools

__all__ = ["mind_forks", "process_local"]

T = TypeVar("T")

_apps: Final[WeakSet[Celery]] = WeakSet()
# An id of a process may come again. Where Python is told of a fork, this tells them apart, too.
_forks = 0


class process_local(Generic[T]):  # noqa: N801 - used as `functools.cached_property` is
    """An attribute that is made once in each process, when it is first used there.

    What a parent has made stays as it is in its children, unused: to close it there would be to
    close it for the parent, too.

    Args:
        make: Makes the attribute. Threads that ask meanwhile wait.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._name = ""
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"{name} by process"

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object | None, owner: type) -> Self | T:
        if instance is None:
            return self
        return self._slot(instance).get(instance, self._make)

    def made(self, instance: object) -> T | None:
        """The objects that this process has made.

        Args:
            instance: Whose attribute.

        Returns:
            The attribute, or None if nobody has asked for it yet.
        """
        return self._slot(instance).value

    def take(self, instance: object) -> T | None:
        """Remove the object, to close it. The next caller makes a new one.

        Args:
            instance: Whose attribute.

        Returns:
            The attribute, or None if there was none.
        """
        return self._slot(instance).take()

    def _slot(self, instance: object) -> _Slot[T]:
        # Both steps are atomic, and wait for no lock: a fork might have left it locked.
        slots = instance.__dict__.setdefault(self._name, {})
        process = os.getpid(), _forks
        slot: _Slot[T] | None = slots.get(process)
        return slots.setdefault(process, _Slot()) if slot is None else slot


class _Slot(Generic[T]):
    """One process's own."""

    def __init__(self) -> None:
        self.value: T | None = None
        self._lock = RLock()

    def get(self, instance: object, make: Callable[[Any], T]) -> T:
        """The object, made by the first who asks for it.

        Args:
            instance: Has the attribute.
            make: Makes it. Other threads that ask meanwhile wait.
        """
        value = self.value
        if value is None:
            with self._lock:
                value = self.value
                if value is None:
                    value = self.value = make(instance)
        return value

    def take(self) -> T | None:
        """Remove the object, and return it; None if there is none."""
        with self._lock:
            value, self.value = self.value, None
        return value


def mind_forks(app: Celery) -> None:
    """Have a Celery app open connections of its own in each child that is forked.

    Celery sees to this in the children of its own pool alone: not in those of `os.fork`,
    `multiprocessing` or a web server that forks.

    Args:
        app: The app.
    """
    _apps.add(app)


def _begin_anew() -> None:
    global _forks  # noqa: PLW0603 - one for each process
    _forks += 1
    if not _apps:
        return
    # As kombu does it after a fork of Celery's: every connection in there is the parent's.
    pools.producers.clear()
    pools.connections.clear()
    for app in _apps:
        _renew(app)


def _renew(app: Celery) -> None:
    """Take from an app what it keeps; Celery has no public names for it."""
    app._pool = None  # noqa: SLF001 - no public name
    app._backend_cache = None  # noqa: SLF001 - no public name
    app._local.__dict__.pop("backend", None)  # noqa: SLF001 - no public name
    app.clock.mutex = Lock()
    if "amqp" in app.__dict__:
        app.amqp._producer_pool = None  # noqa: SLF001 - no public name
        # Whoever publishes an event holds its lock for as long as the broker takes.
        if "_event_dispatcher" in app.amqp.__dict__:
            app.amqp._event_dispatcher.mutex = Lock()  # noqa: SLF001 - no public name
    if "control" in app.__dict__:
        app.control.mailbox.__dict__.pop("producer_pool", None)


if hasattr(os, "register_at_fork"):  # Windows forks nothing
    os.register_at_fork(after_in_child=_begin_anew)
