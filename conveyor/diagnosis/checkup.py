"""A real message to a worker, and a real result back: what `conveyor doctor` learns of workers.

A worker answers twice: through Redis, where the ledger is, and as the task's result, through the
result backend that the application uses. So a backend that is not the workers' is told apart from
a worker that does not answer. Where neither comes the workers are asked over Celery's remote
control, which their main processes answer however busy their pools are.
"""

from __future__ import annotations

import time
from concurrent.futures import Future
from contextlib import closing
from functools import partial
from threading import Event
from typing import Final

from kombu.exceptions import OperationalError

from conveyor.diagnosis.answer import no_worker
from conveyor.diagnosis.broker import address_of_broker
from conveyor.diagnosis.checks import WORKER_TIMEOUT_S, Check, begin
from conveyor.diagnosis.question import Question
from conveyor.diagnosis.silence import INQUIRY_S, why_silent
from conveyor.errors import StorageError
from conveyor.ledger.causes import explain
from conveyor.producer import Conveyor

__all__ = ["WORKER_TIMEOUT_S", "ask_worker"]

# Of the time that a worker has: where the storage hangs the rest is left to the question.
_PROBE_SHARE: Final = 1 / 3


def ask_worker(conveyor: Conveyor, timeout_s: float = WORKER_TIMEOUT_S) -> list[Check]:
    """Have a worker check its storage and the API with its credentials, and bring a result back.

    Args:
        conveyor: The library.
        timeout_s: How long it may take, seconds; the question is withdrawn after it. Where no
            worker has answered by then, finding out why takes `INQUIRY_S` more at most.

    Returns:
        That a worker answered, what it found, and whether its result came; or why none answered.
    """
    answer_by = time.monotonic() + timeout_s
    with closing(_Probe(conveyor)) as probe:
        try:
            question = Question(conveyor, probe.uri(timeout_s * _PROBE_SHARE), answer_by)
        except (OperationalError, OSError) as error:
            server = f"The broker at {address_of_broker(conveyor.celery_app)}"
            return [no_worker(explain(server, error, "CONVEYOR_BROKER_URL"))]
        with closing(question):
            if question.report(answer_by) is None:
                return why_silent(conveyor, question, timeout_s, answer_by + INQUIRY_S)
            return question.told()


class _Probe:
    """A file of ours that a worker shall read, where the storage can be written at all."""

    def __init__(self, conveyor: Conveyor) -> None:
        self._done = Event()
        self._uri: Future[str] = Future()
        begin(partial(self._hold, conveyor))

    def uri(self, timeout_s: float) -> str | None:
        """The file's address; None where the storage can't be used, which its own check reports."""
        try:
            return self._uri.result(timeout_s)
        except (StorageError, TimeoutError):
            return None

    def close(self) -> None:
        """Remove it."""
        self._done.set()

    def _hold(self, conveyor: Conveyor) -> None:
        try:
            with conveyor.storage.probe() as uri:
                self._uri.set_result(uri)
                self._done.wait()
        except StorageError as error:
            if not self._uri.done():
                self._uri.set_exception(error)
