"""`conveyor.submit` in an application's own app: signatures convert at the fake."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from celery import Celery, Signature, Task
from celery.app.task import Context

from conveyor import names
from conveyor.domain.canvas import Caller
from conveyor.domain.request import ConversionRequest
from conveyor.domain.terms import Terms
from conveyor.errors import ConversionFailed, SettingsError
from conveyor.ledger.wire import dumps, loads
from conveyor.producing.signed import Signed
from conveyor.producing.signing import Signing
from conveyor.testing.services import FakeServices
from conveyor.testing.silent_app import Capture
from conveyor.testing.worker import is_in_memory

if TYPE_CHECKING:
    from conveyor.testing.fake import FakeConveyor

__all__ = ["FakeSigning", "check_is_for_tests", "register"]


class FakeSigning(Signing):
    """Makes signatures for an app of tests, whichever its broker.

    Args:
        fake: Where they convert.
        services: What the fake works with.
        app: The application's own Celery app; without one, signatures are of the fake's.
    """

    def __init__(self, fake: FakeConveyor, services: FakeServices, app: Celery | None) -> None:
        super().__init__(services, app)
        self._fake = fake
        self._undo: Callable[[], None] | None = None

    def sign(self, asked: ConversionRequest, terms: Terms, caller: Caller | None) -> Signature:
        """Make a signature that converts at the fake."""
        if self._undo is None:
            # Not before: it has Celery look at every task of the process.
            self._undo = register(self.app, self._fake)
        return super().sign(asked, terms, caller)

    def give_back(self) -> None:
        """Have the app be as it was."""
        if self._undo is not None:
            self._undo()
            self._undo = None

    def check(self) -> None:
        """Nothing: there are no workers whose servers could be others."""

    def check_publishing(self) -> None:
        """Nothing: nothing is published."""


def check_is_for_tests(app: Celery) -> None:
    """Refuse an app that would reach for a server.

    Args:
        app: The application's.

    Raises:
        SettingsError: It is neither eager, nor does it keep all in memory.
    """
    broker = str(app.conf.broker_write_url or app.conf.broker_url or "")
    if not app.conf.task_always_eager and not (broker.startswith("memory:") and is_in_memory(app)):
        raise SettingsError(
            "This Celery app would ask a server. For FakeConveyor set task_always_eager=True, or "
            "broker_url='memory://' with result_backend='cache+memory://', before you pass it."
        )


def register(app: Celery, fake: FakeConveyor) -> Callable[[], None]:
    """Have signatures of an app convert at a fake.

    Args:
        app: The app.
        fake: The fake. It takes the place of an earlier one.

    Returns:
        What undoes it.
    """

    class _Submit(Task):  # type: ignore[misc]  # Celery ships no types
        name = names.SUBMIT
        shared = False
        ignore_result = False
        throws = (ConversionFailed,)

        def run(self, source: Any = None, **asked: Any) -> dict[str, Any]:
            """Convert at once: the app is eager."""
            entry = _accept(fake, self.request.id, (source,), asked, Caller())
            conversion = fake._end_now(entry)  # noqa: SLF001  # because they are one
            conversion.raise_if_failed()
            return conversion.to_dict()

        def apply_async(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
            """Convert at once in an eager app. In another one, enqueue."""
            if not self.app.conf.task_always_eager:
                options["producer"] = Capture(hear)
            return super().apply_async(args, kwargs, **options)

    def hear(headers: Mapping[str, Any], body: Any) -> None:
        # As a message brings it: nothing but JSON arrives.
        args, kwargs, embed = loads(dumps(body))
        caller = Caller.of(Context({**headers, **embed}))
        _accept(fake, str(headers["id"]), args, kwargs, caller)

    before = app.tasks.get(names.SUBMIT)
    task = app.register_task(_Submit())

    def undo() -> None:
        if app.tasks.get(names.SUBMIT) is task:
            app.tasks.unregister(names.SUBMIT)
            if before is not None:
                app.tasks[names.SUBMIT] = before

    return undo


def _accept(
    fake: FakeConveyor, task_id: str, args: Any, kwargs: Mapping[str, Any], caller: Caller
) -> Any:
    """Accept a signature's conversion, as a worker does with its message."""
    call = (
        *(args[0] if args else None, kwargs.get("to"), kwargs.get("from_format")),
        *(kwargs.get("params"), kwargs.get("semi_async_seconds")),
    )
    signed = Signed.read(task_id, call, kwargs.get("asked", ""), kwargs.get("terms"))
    return fake._accept_signed(signed, caller)  # noqa: SLF001  # because they are one
