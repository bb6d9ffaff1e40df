"""Revoke is cancel: revoking a task in Celery or Flower cancels its conversion.

Celery's worker keeps the ids of revoked tasks for hours, takes over those of its neighbours and of
its state file, and discards whatever message comes under such an id. A conversion's outcome is
delivered under the caller's task id, long after: a paid result would be discarded for ever. So our
tasks don't ask that set (`Request`), and the ``revoke`` command goes to the ledger:

* A conversion is cancelled. Every worker gets the command, and the ledger takes one cancel.
* An id that no conversion has is noted in Redis, so that a signature whose message comes later, at
  whichever worker, is not begun. Its caller finds the state ``REVOKED``.
* Nothing is terminated: a thread can't be, and a process has other work in hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Condition, Thread
from typing import Any, Final

import structlog
from celery import signals, states
from celery.utils.functional import maybe_list
from celery.worker import control
from celery.worker import request as worker_request
from celery.worker import state as worker_state

from conveyor import names
from conveyor.errors import LedgerUnavailable, UnreadableConversion
from conveyor.messaging.cancelling import cancel
from workers.stumbles import put_aside
from workers.wiring import wired

__all__ = ["DROPPED", "Request", "install"]

DROPPED: Final = "conveyor_dropped"
"""In a task's request: why Celery would have dropped its message."""

_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 10.0

log = structlog.get_logger("conveyor.revoking")


class Request(worker_request.Request):  # type: ignore[misc] # Celery ships no types
    """A message of ours: the ledger knows whether its conversion was revoked."""

    def revoked(self) -> bool:
        """Never by Celery's own set of ids.

        By its stamps, or past the time that ``expires`` names, a signature must not begin. Whether
        it has, the task finds in the ledger.
        """
        if self._already_revoked:
            return True
        if self.expires and self.maybe_expire():
            self._request_dict[DROPPED] = "expired"
        elif _is_among(self.stamps, worker_state.revoked_stamps):
            self._request_dict[DROPPED] = "revoked"
        return False


def _is_among(stamps: dict[str, Any], revoked: dict[str, Any]) -> bool:
    return any(
        set(maybe_list(stamps[header]) or ()) & set(maybe_list(values) or ())
        for header, values in revoked.items()
        if header in stamps
    )


class _Revocations:
    """What is to be revoked, by a thread of its own: the main loop must not wait for Redis.

    Where Redis is away it tries again, until it is back.
    """

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}
        self._changed = Condition()
        self._thread: Thread | None = None

    def add(self, task_ids: Iterable[str]) -> None:
        """Have these revoked soon."""
        with self._changed:
            self._ids |= dict.fromkeys(task_ids)
            if self._thread is None:
                self._thread = Thread(target=self._run, name="conveyor-revoke", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        wait_s = _FIRST_WAIT_S
        while True:
            task_id = self._next()
            try:
                _revoke(task_id)
                wait_s = _FIRST_WAIT_S
            except LedgerUnavailable as error:
                log.warning("revoke_postponed", conversion_id=task_id, reason=str(error))
                with self._changed:
                    self._ids.setdefault(task_id)
                    self._changed.wait(wait_s)
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
            except UnreadableConversion as error:
                _put_aside(error)
            except Exception:
                log.exception("not_revoked", conversion_id=task_id)

    def _next(self) -> str:
        with self._changed:
            while not self._ids:
                self._changed.wait()
            task_id = next(iter(self._ids))
            del self._ids[task_id]
            return task_id


_REVOCATIONS: Final = _Revocations()


def install() -> None:
    """Have the worker of this process take Celery's commands so, from its start on."""
    signals.worker_init.connect(_install, weak=False)


def _install(**_: Any) -> None:
    visible: dict[str, Any] = {"type": "control", "variadic": "task_id"}
    ids = "[id1 [id2 [... [idN]]]]"
    control.Panel.register(name="revoke", signature=ids, **visible)(_on_revoke)
    control.Panel.register(
        name="terminate", signature=f"<signal> {ids}", args=[("signal", str)], **visible
    )(_on_terminate)
    control.Panel.register(
        name="revoke_by_stamped_headers",
        type="control",
        variadic="headers",
        signature="[key1=value1 [key2=value2 [... [keyN=valueN]]]]",
    )(_on_revoke_by_stamps)


def _on_revoke(_state: Any, task_id: Any, **_: Any) -> dict[str, str]:
    """Cancel conversions by id; what has not begun never begins."""
    task_ids = set(maybe_list(task_id) or ())
    # For Celery's own tasks, and for neighbours that ask for it when they start.
    worker_state.revoked.update(task_ids)
    _REVOCATIONS.add(task_ids)
    return {"ok": f"tasks {', '.join(sorted(task_ids))} flagged as revoked"}


def _on_terminate(state: Any, task_id: Any, **_: Any) -> dict[str, str]:
    """Revoke on Celery's command ``terminate``: nothing is terminated."""
    return _on_revoke(state, task_id)


def _on_revoke_by_stamps(state: Any, headers: Any, **_: Any) -> dict[str, str]:
    """Revoke what has not begun, by its stamps."""
    answer = control.revoke_by_stamped_headers(state, headers)
    _REVOCATIONS.add(
        request.id
        for request in list(worker_state.requests.values())
        if _is_among(request.stamps, worker_state.revoked_stamps)
    )
    return dict(answer)


def _revoke(task_id: str) -> None:
    services = wired()
    if not services.ledger.record_revoked(task_id):
        entry = services.ledger.find(task_id)
        if entry is not None and cancel(services.publisher, services.ledger, entry) is not None:
            log.info("cancelled", conversion_id=task_id)
        return
    request = worker_state.requests.get(task_id)
    # Whose message lies elsewhere, or comes later, is told when it comes: it may be another's task.
    if request is not None and request.name == names.SUBMIT:
        _mark_revoked(request)


def _mark_revoked(request: Any) -> None:
    """What waits here for its time: its caller need not wait as long."""
    backend = request.task.backend
    try:
        if backend.get_state(request.id) not in states.READY_STATES:
            backend.mark_as_revoked(request.id, "revoked")
    except Exception as error:  # noqa: BLE001 - it is told when its time comes
        log.warning("result_backend_away", reason=type(error).__name__)


def _put_aside(error: UnreadableConversion) -> None:
    try:
        put_aside(wired(), error)
    except LedgerUnavailable as away:
        log.warning("revoke_postponed", reason=str(away))
