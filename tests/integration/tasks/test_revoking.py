"""Celery's revoke, as a worker takes it to the ledger: cancelled, or never begun."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from celery.result import AsyncResult
from celery.worker import state as worker_state

from conveyor import State, names
from workers import revoking

ID = "5f0c9d1e-0000-4000-8000-000000000001"


@pytest.fixture
def holding(worker):
    """Have this worker hold a message until its time, as Celery lists it."""

    def hold(task_id, name):
        request = SimpleNamespace(id=task_id, name=name, task=worker.app.tasks[name])
        worker_state.requests[task_id] = request

    yield hold
    worker_state.requests.pop(ID, None)


def test_conversion_that_is_revoked_is_cancelled_and_not_paid(worker, conveyor, document, sandbox):
    handle = conveyor.convert(document, to="html")
    revoking._revoke(handle.id)
    worker.work()

    assert handle.get().state is State.CANCELLED
    assert sandbox.audit()["paid"] == 0


def test_conversion_that_has_ended_stays_as_it_is_when_it_is_revoked(worker, conveyor, document):
    handle = conveyor.convert(document, to="html")
    worker.work()
    revoking._revoke(handle.id)

    assert handle.get().state is State.SUCCEEDED


def test_id_that_is_revoked_before_its_message_comes_is_never_begun(
    worker, conveyor, document, sandbox
):
    signature = conveyor.signature(document, to="html")
    revoking._revoke(ID)
    signature.apply_async(task_id=ID)
    worker.work()

    assert AsyncResult(ID, app=worker.app).state == "REVOKED"
    assert worker.services.ledger.find(ID) is None
    assert sandbox.audit()["paid"] == 0


def test_signature_that_waits_here_for_its_time_is_reported_immediately(worker, holding):
    holding(ID, names.SUBMIT)
    revoking._revoke(ID)

    assert AsyncResult(ID, app=worker.app).state == "REVOKED"


def test_message_of_another_task_that_waits_here_is_not_told(worker, holding):
    holding(ID, names.POLL)
    revoking._revoke(ID)

    assert AsyncResult(ID, app=worker.app).state == "PENDING"


def test_result_that_is_there_is_not_replaced_by_the_revocation(worker, holding):
    holding(ID, names.SUBMIT)
    worker.app.backend.store_result(ID, {"done": 1}, "SUCCESS")
    revoking._revoke(ID)

    assert AsyncResult(ID, app=worker.app).state == "SUCCESS"


def test_result_backend_that_is_down_keeps_no_id_from_being_revoked(
    *, worker, holding, conveyor, document, monkeypatch
):
    holding(ID, names.SUBMIT)

    def away(*_args, **_options):
        raise ConnectionError("away")

    monkeypatch.setattr(worker.app.tasks[names.SUBMIT].backend, "get_state", away)
    revoking._revoke(ID)

    conveyor.signature(document, to="html").apply_async(task_id=ID)
    monkeypatch.undo()
    worker.work()
    assert AsyncResult(ID, app=worker.app).state == "REVOKED"


def test_waits_for_redis_double_from_half_a_second_up_to_ten(monkeypatch):
    waited, tried = [], []

    class StopError(BaseException):
        pass

    def away(_task_id):
        tried.append(True)
        raise revoking.LedgerUnavailable("Redis is away.")

    made = revoking._Revocations()
    made._ids["a"] = None

    def wait(seconds=None):
        waited.append(seconds)
        if len(waited) == 8:
            raise StopError

    monkeypatch.setattr(revoking, "_revoke", away)
    monkeypatch.setattr(made._changed, "wait", wait)
    with pytest.raises(StopError):
        made._run()

    assert waited == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0]


@pytest.mark.parametrize("why", ["expired", "revoked"])
def test_signature_that_celery_would_drop_is_reported_as_revoked_and_not_begun(
    worker, conveyor, document, sandbox, why
):
    result = conveyor.signature(document, to="html").apply_async()
    (message,) = worker.waiting()
    message.request[revoking.DROPPED] = why
    worker.run(message)

    assert result.state == "REVOKED"
    assert str(result.result) == why
    assert worker.services.ledger.find(result.id) is None
    assert sandbox.audit()["paid"] == 0


def test_signature_that_has_begun_continues_although_celery_would_drop_its_message(
    worker, conveyor, document, sandbox
):
    result = conveyor.signature(document, to="html").apply_async()
    (message,) = worker.waiting()
    worker.run(message)
    message.request[revoking.DROPPED] = "expired"
    worker.run(message)
    worker.work()

    assert result.get(timeout=30)["state"] == "succeeded"
    assert sandbox.audit()["paid"] == 1
