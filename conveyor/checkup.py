"""A real message to a worker, and a real result back: what `conveyor doctor` learns of workers.

A worker answers twice: through Redis, where the ledger is, and as the task's result, through the
result backend that the application uses. So a backend that is not the workers' is told apart from
a worker that does not answer. Where neither comes the workers are asked over Celery's remote
control, which their main processes answer however busy their pools are.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any, Final

from celery import Celery
from celery.backends.base import DisabledBackend
from celery.result import AsyncResult
from celery.states import READY_STATES
from kombu.exceptions import OperationalError

from conveyor import names
from conveyor.broker import address_of_broker
from conveyor.causes import explain
from conveyor.checks import Check, begin
from conveyor.errors import LedgerUnavailable, StorageError
from conveyor.producer import Conveyor
from conveyor.publishing import options_of
from conveyor.redaction import redact_server_url

__all__ = ["ABOUT", "INQUIRY_S", "WORKER_TIMEOUT_S", "ask_worker"]

WORKER_TIMEOUT_S: Final = 6.0
"""How long a worker may take to answer, seconds: its own checks end a second earlier."""

INQUIRY_S: Final = 3.5
"""How long it takes at most to find out why none has, seconds."""

ABOUT: Final = "conveyor_about"
"""The remote control command that asks a worker what it is and does; see `workers.about`."""

_PROBE_S: Final = 2.0
_ROLL_CALL_S: Final = 1.2
_ABOUT_S: Final = 2.0
_LOOK_EVERY_S: Final = 0.05
# A result is stored after the report is: by then it is on its way.
_RESULT_S: Final = 1.5


def ask_worker(conveyor: Conveyor, timeout_s: float = WORKER_TIMEOUT_S) -> list[Check]:
    """Have a worker check its storage and the API with its credentials, and bring a result back.

    Args:
        conveyor: The library.
        timeout_s: How long it may take, seconds; the question is withdrawn after it.

    Returns:
        That a worker answered, what it found, and whether its result came; or why none answered.
    """
    probe = _Probe(conveyor)
    try:
        question = _Question(conveyor, probe.uri, timeout_s)
    except (OperationalError, OSError) as error:
        server = f"The broker at {address_of_broker(conveyor.celery_app)}"
        return [_no_worker(explain(server, error, "CONVEYOR_BROKER_URL"))]
    try:
        report = question.report(timeout_s)
        if report is None:
            return _why_silent(conveyor, timeout_s)
        return [*_told(report), question.round_trip(), *_compare(conveyor, report)]
    finally:
        question.withdraw()
        probe.remove()


class _Probe:
    """A file of ours that a worker shall read, where the storage can be written at all."""

    def __init__(self, conveyor: Conveyor) -> None:
        self._done = Event()
        self._uri: Future[str] = Future()
        begin(partial(self._hold, conveyor))

    @property
    def uri(self) -> str | None:
        """Its address; None where the storage is away, which a check of its own tells."""
        try:
            return self._uri.result(_PROBE_S)
        except (StorageError, TimeoutError):
            return None

    def remove(self) -> None:
        self._done.set()

    def _hold(self, conveyor: Conveyor) -> None:
        try:
            with conveyor.storage.probe() as uri:
                self._uri.set_result(uri)
                self._done.wait()
        except StorageError as error:
            if not self._uri.done():
                self._uri.set_exception(error)


class _Question:
    """One `conveyor.checkup`, and the two ways on which its answer comes.

    Args:
        conveyor: The library.
        probe: The address of a file that the worker shall read.
        timeout_s: After so many seconds no worker begins to answer.

    Raises:
        OperationalError: The broker does not take it.
    """

    def __init__(self, conveyor: Conveyor, probe: str | None, timeout_s: float) -> None:
        self._app = conveyor.celery_app
        self._ledger = conveyor.ledger
        # As a signature is sent: an application's own app and settings are tried with it.
        self._sent: AsyncResult = self._app.send_task(
            names.CHECKUP,
            args=[] if probe is None else [probe],
            **options_of(conveyor.publisher.queues.of_tasks[names.CHECKUP], self._app),
            expires=timeout_s,
            argsrepr="()",
            # The worker keeps the result, and Celery shall not subscribe to it: it would hang here
            # where the backend is away, and hear what is stored in another database of the server.
            ignore_result=True,
            headers={"ignore_result": False, names.VERSION_HEADER: names.MESSAGE_VERSION},
        )
        deadline = time.monotonic() + timeout_s + _RESULT_S
        self._result = begin(partial(_result_of, self._app.backend, self._sent.id, deadline))

    def report(self, timeout_s: float) -> Mapping[str, Any] | None:
        """What the worker says, by whichever way it comes first; None where nothing comes."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            report = self._noted() or self._returned()
            if report is not None:
                return report
            time.sleep(_LOOK_EVERY_S)
        return None

    def round_trip(self) -> Check:
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
                "The worker has answered, and its result does not arrive. "
                f"{backend} is not the workers', or they can't write to it: set the application's "
                "result_backend, and CONVEYOR_RESULT_BACKEND of both, to the same."
            )
            return Check("results", ok=False, detail=detail)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what was found
            return Check(
                "results", ok=False, detail=explain(backend, error, "CONVEYOR_RESULT_BACKEND")
            )
        return Check(
            "results", ok=True, detail=f"a result came back through {_backend_of(self._app)}"
        )

    def withdraw(self) -> None:
        """Forget the result; where the backend hangs nobody waits for that."""
        begin(self._sent.forget)

    def _noted(self) -> Mapping[str, Any] | None:
        try:
            text = self._ledger.reports.get(self._sent.id)
        except LedgerUnavailable:  # told by a check of its own
            return None
        return json.loads(text) if text else None

    def _returned(self) -> Mapping[str, Any] | None:
        if not self._result.done() or self._result.exception() is not None:
            return None
        found = self._result.result()
        return found if isinstance(found, Mapping) else None


def _result_of(backend: Any, task_id: str, deadline: float) -> Any:
    """Read the result as `AsyncResult` does that was made anew."""
    while time.monotonic() < deadline:
        found = backend.get_task_meta(task_id, cache=False)
        if found["status"] in READY_STATES:
            return found["result"]
        time.sleep(_LOOK_EVERY_S)
    raise TimeoutError


def _told(report: Mapping[str, Any]) -> list[Check]:
    try:
        return _read_report(report)
    except (KeyError, TypeError):
        return [_no_worker("A worker's answer can't be read: is it of another release?")]


def _read_report(report: Mapping[str, Any]) -> list[Check]:
    """What a worker has found; what a later release adds to it is passed over."""
    node = str(report["node"])
    found = [
        Check(
            str(item["name"]),
            bool(item["ok"]),
            str(item["detail"]),
            node,
            warning=bool(item.get("warning", False)),
        )
        for item in report["checks"]
    ]
    return [Check("worker", ok=True, detail="answers", where=node), *found]


def _compare(conveyor: Conveyor, report: Mapping[str, Any]) -> list[Check]:
    """Whether the worker keeps conversions where we do."""
    try:
        ours = conveyor.ledger.identity()
    except LedgerUnavailable:
        return []
    theirs = report.get("ledger")
    if not theirs or theirs == ours:
        return []
    detail = (
        "The worker keeps conversions in another Redis, or under another namespace: it never sees "
        "those that are enqueued here. Give both the same CONVEYOR_REDIS_URL and "
        "CONVEYOR_NAMESPACE."
    )
    return [Check("ledger", ok=False, detail=detail, where=str(report["node"]))]


@dataclass(frozen=True, slots=True)
class _Alive:
    """A worker that answers over remote control, and the queues that it consumes."""

    node: str
    queues: frozenset[str]


def _why_silent(conveyor: Conveyor, timeout_s: float) -> list[Check]:
    """Why nobody has answered."""
    try:
        alive = _roll_call(conveyor.celery_app)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what was found
        server = f"No worker answered within {timeout_s:g} s. The broker at " + address_of_broker(
            conveyor.celery_app
        )
        return [_no_worker(explain(server, error, "CONVEYOR_BROKER_URL"))]
    queue = conveyor.publisher.queues.of_tasks[names.CHECKUP]
    ours = [worker for worker in alive if queue in worker.queues]
    if not ours:
        return [_no_worker(_nobody(alive, timeout_s))]
    told = _ask_about(conveyor.celery_app, [worker.node for worker in ours])
    return [check for worker in ours for check in _judge(conveyor, worker, told, timeout_s)]


def _roll_call(app: Celery) -> list[_Alive]:
    """The workers on this broker, whoever's they are."""
    ask = partial(app.control.broadcast, "active_queues", reply=True, timeout=_ROLL_CALL_S)
    answers = begin(ask).result(_ROLL_CALL_S * 2) or []
    return [
        _Alive(node, frozenset(str(queue["name"]) for queue in queues))
        for answer in answers
        for node, queues in answer.items()
        if isinstance(queues, list)
    ]


def _ask_about(app: Celery, nodes: Sequence[str]) -> dict[str, Any]:
    """What workers of ours say of themselves; those that say nothing are left out."""
    ask = partial(
        app.control.broadcast, ABOUT, destination=list(nodes), reply=True, timeout=_ABOUT_S
    )
    try:
        answers = begin(ask).result(INQUIRY_S - _ROLL_CALL_S) or []
    except Exception:  # noqa: BLE001 - they are alive all the same
        return {}
    return {
        node: about
        for answer in answers
        for node, about in answer.items()
        if isinstance(about, dict) and "slots" in about
    }


def _nobody(alive: Sequence[_Alive], timeout_s: float) -> str:
    start = "Start one: celery -A workers.app worker."
    if not alive:
        return f"No worker answered within {timeout_s:g} s, and none is there. {start}"
    queues = sorted({queue for worker in alive for queue in worker.queues})
    return (
        f"No worker answered within {timeout_s:g} s. {len(alive)} on this broker consume other "
        f"queues ({', '.join(queues[:6])}): they are another application's, or of another "
        f"CONVEYOR_NAMESPACE. {start}"
    )


def _judge(
    conveyor: Conveyor, worker: _Alive, told: Mapping[str, Any], timeout_s: float
) -> list[Check]:
    """Why a worker that is alive has not answered."""
    about = told.get(worker.node)
    if about is None:
        detail = (
            f"It is alive, and has not answered within {timeout_s:g} s. Look at its log: is it "
            "overloaded, or of another release?"
        )
        return [Check("worker", ok=False, detail=detail, where=worker.node)]
    found = [Check("worker", ok=False, detail=_busy(about, timeout_s), where=worker.node)]
    storage = about.get("storage")
    if isinstance(storage, dict) and not storage.get("ok", True):
        found.append(Check("storage", ok=False, detail=str(storage["detail"]), where=worker.node))
    return [*found, *_compare(conveyor, {**about, "node": worker.node})]


def _busy(about: Mapping[str, Any], timeout_s: float) -> str:
    slots, running = int(about["slots"]), list(about.get("running", ()))
    if len(running) < slots:
        return (
            f"It is alive, has {slots - len(running)} free slots of {slots}, and has not answered "
            f"within {timeout_s:g} s: many messages wait before ours, or its answer found neither "
            "Redis nor the result backend. Give both the same CONVEYOR_REDIS_URL and "
            "CONVEYOR_RESULT_BACKEND."
        )
    longest = max((float(item["seconds"]) for item in running), default=0.0)
    tasks = ", ".join(sorted({str(item["task"]) for item in running}))
    return (
        f"It is alive, and all its {slots} slots are busy with {tasks}, the longest for "
        f"{longest:.0f} s: it has no slot for an answer within {timeout_s:g} s. Look at what they "
        "wait for, or start more workers."
    )


def _no_worker(detail: str) -> Check:
    return Check("worker", ok=False, detail=detail)


def _backend_of(app: Celery) -> str:
    backend = app.conf.result_backend
    return redact_server_url(str(backend)) if "://" in str(backend) else str(backend)
