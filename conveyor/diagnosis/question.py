"""One question to a worker, and the two ways on which its answer comes."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from celery import Celery
from celery.backends.base import DisabledBackend
from celery.result import AsyncResult
from celery.states import READY_STATES

from conveyor import names
from conveyor.diagnosis.answer import compare_ledgers, read_answer
from conveyor.diagnosis.checks import Check, begin
from conveyor.diagnosis.roll_call import ROLL_CALL_S
from conveyor.domain.redaction import redact_server_url
from conveyor.errors import LedgerUnavailable
from conveyor.ledger import Ledger
from conveyor.ledger.causes import explain
from conveyor.messaging.publishing import options_of
from conveyor.producer import Conveyor

__all__ = ["Question"]

_LOOK_EVERY_S: Final = 0.05
# A result is stored after the report is: by then it is on its way.
_RESULT_S: Final = 1.5


class Question:
    """One `conveyor.checkup`, and the two ways on which its answer comes.

    Both are looked at in threads of their own: a Redis or a backend that hangs takes no time.

    Args:
        conveyor: The library.
        probe: The address of a file that the worker shall read.
        answer_by: From then on no worker begins to answer, by the monotonic clock.

    Raises:
        OperationalError: The broker does not take it.
    """

    def __init__(self, conveyor: Conveyor, probe: str | None, answer_by: float) -> None:
        self._app = conveyor.celery_app
        # As a signature is sent: an application's own app and settings are tried with it.
        self._sent: AsyncResult = self._app.send_task(
            names.CHECKUP,
            args=[] if probe is None else [probe],
            **options_of(conveyor.publisher.queues.of_tasks[names.CHECKUP], self._app),
            expires=_left(answer_by),
            argsrepr="()",
            # The worker keeps the result, and Celery shall not subscribe to it: it would hang here
            # where the backend is away, and hear what is stored in another database of the server.
            ignore_result=True,
            headers={"ignore_result": False, names.VERSION_HEADER: names.MESSAGE_VERSION},
        )
        until = answer_by + ROLL_CALL_S + _RESULT_S
        self._noted = begin(partial(_note_of, conveyor.ledger, self._sent.id, until))
        self._result = begin(partial(_result_of, self._app.backend, self._sent.id, until))
        self._ours = begin(conveyor.ledger.identity)

    def report(self, deadline: float) -> Mapping[str, Any] | None:
        """What the worker says, by whichever way it comes first; None where nothing comes.

        Args:
            deadline: Until when to wait for it, by the monotonic clock.
        """
        while (report := self._come()) is None and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY_S)
        return report

    def told(self) -> list[Check]:
        """What the worker says, in checks; not before `report` has found it."""
        report = self._come() or {}
        return [*read_answer(report), self._round_trip(), *self.compare(report, _RESULT_S)]

    def compare(self, report: Mapping[str, Any], timeout_s: float = 0.0) -> list[Check]:
        """Whether a worker keeps conversions where we do.

        Args:
            report: What it says.
            timeout_s: How long to wait for what our own Redis says, seconds.
        """
        try:
            ours = self._ours.result(timeout_s)
        except (LedgerUnavailable, TimeoutError):  # told by a check of its own
            return []
        return compare_ledgers(ours, report)

    def _round_trip(self) -> Check:
        """Whether the result came through the result backend of the application."""
        backend = f"The result backend at {_backend_of(self._app)}"
        if isinstance(self._app.backend, DisabledBackend):
            detail = (
                "The application's Celery app has no result backend: `Handle` works, "
                "`AsyncResult.get()` does not. Set its result_backend to the workers' "
                "CONVEYOR_RESULT_BACKEND."
            )
            return Check("results", ok=True, detail=detail, warning=True)
        try:
            self._result.result(_RESULT_S)
        except TimeoutError:
            detail = (
                f"The worker answered, but its result did not arrive. {backend} is not the "
                "workers' backend, or they can't write to it. Give the application's "
                "result_backend and CONVEYOR_RESULT_BACKEND the same value."
            )
            return Check("results", ok=False, detail=detail)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what was found
            return Check(
                "results", ok=False, detail=explain(backend, error, "CONVEYOR_RESULT_BACKEND")
            )
        return Check(
            "results", ok=True, detail=f"a result came back through {_backend_of(self._app)}"
        )

    def close(self) -> None:
        """Forget the result without waiting for a backend that hangs."""
        begin(self._sent.forget)

    def _come(self) -> Mapping[str, Any] | None:
        for way in (self._noted, self._result):
            found: Any = way.result() if way.done() and way.exception() is None else None
            if isinstance(found, Mapping):
                return found
        return None


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.0)


def _note_of(ledger: Ledger, task_id: str, deadline: float) -> Any:
    """Read what the worker has noted in the ledger."""
    while time.monotonic() < deadline:
        with suppress(LedgerUnavailable):  # told by a check of its own
            text = ledger.reports.get(task_id)
            if text:
                return json.loads(text)
        time.sleep(_LOOK_EVERY_S)
    raise TimeoutError


def _result_of(backend: Any, task_id: str, deadline: float) -> Any:
    """Read the result as `AsyncResult` does that was made anew."""
    while time.monotonic() < deadline:
        found = backend.get_task_meta(task_id, cache=False)
        if found["status"] in READY_STATES:
            return found["result"]
        time.sleep(_LOOK_EVERY_S)
    raise TimeoutError


def _backend_of(app: Celery) -> str:
    backend = app.conf.result_backend
    return redact_server_url(str(backend)) if "://" in str(backend) else str(backend)
