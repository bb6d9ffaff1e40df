"""A Celery app without a broker: it hears what Conveyor would publish, and sends nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from celery import Celery

from conveyor import names

__all__ = ["CalledBack", "Capture", "SilentApp"]


@dataclass(frozen=True, slots=True)
class CalledBack:
    """A callback of yours that no app of the fake runs. Pass ``celery_app`` to have it run.

    Attributes:
        task: The name of its task.
        args: Its arguments.
        kwargs: Its arguments by name.
    """

    task: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)


class Capture:
    """Stands for a producer of kombu's: it hands each message over.

    Args:
        hear: Gets a message's headers and body.
    """

    def __init__(self, hear: Callable[[Mapping[str, Any], Any], None]) -> None:
        self._hear = hear
        self.connection = self

    def publish(self, body: Any, headers: Mapping[str, Any] | None = None, **_options: Any) -> None:
        """Take a message."""
        self._hear(headers or {}, body)

    def _reraise_as_library_errors(self) -> Any:
        return nullcontext()


class SilentApp(Celery):  # type: ignore[misc]  # Celery ships no types
    """The app of a fake without an application's own.

    Attributes:
        on_delivery: Called with the id of a conversion that has ended.
        called_back: The callbacks that were sent.
    """

    on_delivery: Callable[[str], None]
    called_back: list[CalledBack]

    @classmethod
    def make(cls, on_delivery: Callable[[str], None]) -> SilentApp:
        """Make one.

        Args:
            on_delivery: As above.
        """
        # Of no framework: Celery looks for one, and loads its worker to do so.
        app = cls("conveyor", set_as_current=False, fixups=set())
        app.conf.update(broker_url="memory://", result_backend="cache+memory://")
        app.on_delivery, app.called_back = on_delivery, []
        return app

    @contextmanager
    def producer_or_acquire(self, producer: Any = None) -> Iterator[Any]:
        """The producer that was given, or one that sends nothing."""
        yield producer or Capture(self._hear)

    def _hear(self, headers: Mapping[str, Any], body: Any) -> None:
        if headers.get("task") == names.DELIVER:
            self.on_delivery(str(headers["id"]))
        elif "task" in headers:
            args, kwargs, _embed = body
            self.called_back.append(CalledBack(headers["task"], tuple(args), dict(kwargs)))
