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
from contextlib import closing, suppress
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
from conveyor.domain.redaction import redact_server_url
from conveyor.errors import LedgerUnavailable, StorageError
from conveyor.ledger import Ledger
from conveyor.producer import Conveyor
from conveyor.publishing import options_of

__all__ = ["ABOUT", "INQUIRY_S", "WORKER_TIMEOUT_S", "ask_worker"]

WORKER_TIMEOUT_S: Final = 6.0
"""How long a worker may take to answer, seconds: its own checks end a second earlier."""

INQUIRY_S: Final = 3.5
"""How long it takes at most to find out why none has, seconds."""

ABOUT: Final = "conveyor_about"
"""The remote control command that asks a worker what it is and does; see `workers.about`."""

# Of the time that a worker has: where the storage hangs the rest is left to the question.
_PROBE_SHARE: Final = 1 / 3
_ROLL_CALL_S: Final = 1.2
_ABOUT_S: Final = 2.0
_LOOK_EVERY_S: Final = 0.05
# A result is stored after the report is: by then it is on its way.
_RESULT_S: Final = 1.5


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
            question = _Question(conveyor, probe.uri(timeout_s * _PROBE_SHARE), answer_by)
        except (OperationalError, OSError) as error:
            server = f"The broker at {address_of_broker(conveyor.celery_app)}"
            return [_no_worker(explain(server, error, "CONVEYOR_BROKER_URL"))]
        with closing(question):
            if question.report(answer_by) is None:
                return _why_silent(conveyor, question, timeout_s, answer_by + INQUIRY_S)
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


class _Question:
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
        until = answer_by + _ROLL_CALL_S + _RESULT_S
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
        return [*_told(report), self._round_trip(), *self.compare(report, _RESULT_S)]

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
        return _compare(ours, report)

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


def _told(report: Mapping[str, Any]) -> list[Check]:
    try:
        return _read_report(report)
    except (KeyError, TypeError):
        return [_no_worker("A worker's answer can't be read. Check that it runs the same release.")]


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


def _compare(ours: str, report: Mapping[str, Any]) -> list[Check]:
    theirs = report.get("ledger")
    if not theirs or theirs == ours:
        return []
    detail = (
        "The worker uses another Redis or another namespace, so it never sees what you enqueue "
        "here. Give both the same CONVEYOR_REDIS_URL and CONVEYOR_NAMESPACE."
    )
    return [Check("ledger", ok=False, detail=detail, where=str(report["node"]))]


@dataclass(frozen=True, slots=True)
class _Alive:
    """A worker that answers over remote control, and the queues that it consumes."""

    node: str
    queues: frozenset[str]


def _why_silent(
    conveyor: Conveyor, question: _Question, timeout_s: float, deadline: float
) -> list[Check]:
    """Why nobody has answered."""
    app = conveyor.celery_app
    try:
        alive = _roll_call(app, deadline)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what was found
        server = (
            f"No worker answered within {timeout_s:g} s. The broker at {address_of_broker(app)}"
        )
        return [_no_worker(explain(server, error, "CONVEYOR_BROKER_URL"))]
    # Where our storage hangs the question went out late, and so comes the answer.
    if question.report(0) is not None:
        return question.told()
    queue = conveyor.publisher.queues.of_tasks[names.CHECKUP]
    ours = [worker for worker in alive if queue in worker.queues]
    if not ours:
        return [_no_worker(_nobody(alive, timeout_s))]
    told = _ask_about(app, [worker.node for worker in ours], deadline)
    return [check for worker in ours for check in _judge(question, worker, told, timeout_s)]


def _roll_call(app: Celery, deadline: float) -> list[_Alive]:
    """The workers on this broker, whoever's they are."""
    ask = partial(app.control.broadcast, "active_queues", reply=True, timeout=_ROLL_CALL_S)
    answers = begin(ask).result(min(_ROLL_CALL_S * 2, _left(deadline))) or []
    return [
        _Alive(node, frozenset(str(queue["name"]) for queue in queues))
        for answer in answers
        for node, queues in answer.items()
        if isinstance(queues, list)
    ]


def _ask_about(app: Celery, nodes: Sequence[str], deadline: float) -> dict[str, Any]:
    """What workers of ours say of themselves; those that say nothing are left out."""
    # kombu waits for as many answers as there are nodes.
    ask = partial(
        app.control.broadcast, ABOUT, destination=list(nodes), reply=True, timeout=_ABOUT_S
    )
    try:
        answers = begin(ask).result(_left(deadline)) or []
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
        return f"No worker answered within {timeout_s:g} s, and none is connected. {start}"
    queues = sorted({queue for worker in alive for queue in worker.queues})
    return (
        f"No worker answered within {timeout_s:g} s. {len(alive)} on this broker consume other "
        f"queues ({', '.join(queues[:6])}). They belong to another application, or to another "
        f"CONVEYOR_NAMESPACE. {start}"
    )


def _judge(
    question: _Question, worker: _Alive, told: Mapping[str, Any], timeout_s: float
) -> list[Check]:
    """Why a worker that is alive has not answered."""
    about = told.get(worker.node)
    if about is None:
        detail = (
            f"The worker runs, but has not answered within {timeout_s:g} s. Check its log: it may "
            "be overloaded, or run another release."
        )
        return [Check("worker", ok=False, detail=detail, where=worker.node)]
    found = [Check("worker", ok=False, detail=_busy(about, timeout_s), where=worker.node)]
    storage = about.get("storage")
    if isinstance(storage, dict) and not storage.get("ok", True):
        found.append(Check("storage", ok=False, detail=str(storage["detail"]), where=worker.node))
    return [*found, *question.compare({**about, "node": worker.node})]


def _busy(about: Mapping[str, Any], timeout_s: float) -> str:
    slots, running = int(about["slots"]), list(about.get("running", ()))
    if len(running) < slots:
        return (
            f"The worker runs, has {slots - len(running)} free slots of {slots}, but has not "
            f"answered within {timeout_s:g} s. Many messages may wait before this one, or its "
            "answer reached neither Redis nor the result backend. Give both the same "
            "CONVEYOR_REDIS_URL and CONVEYOR_RESULT_BACKEND."
        )
    longest = max((float(item["seconds"]) for item in running), default=0.0)
    tasks = ", ".join(sorted({str(item["task"]) for item in running}))
    return (
        f"The worker runs, but all its {slots} slots are busy with {tasks}, the longest for "
        f"{longest:.0f} s. It has no slot to answer within {timeout_s:g} s. Check what they wait "
        "for, or start more workers."
    )


def _no_worker(detail: str) -> Check:
    return Check("worker", ok=False, detail=detail)


def _backend_of(app: Celery) -> str:
    backend = app.conf.result_backend
    return redact_server_url(str(backend)) if "://" in str(backend) else str(backend)
