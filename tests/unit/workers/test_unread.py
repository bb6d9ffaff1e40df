from __future__ import annotations

import gc
from types import SimpleNamespace

import pytest
from celery import signals

from conveyor import names
from workers import unread


@pytest.fixture
def refused():
    """Have a worker refuse a message with these headers; what its backend is told."""
    told = []
    before = list(signals.task_rejected.receivers)
    app = SimpleNamespace(
        backend=SimpleNamespace(mark_as_failure=lambda *failed: told.append(failed))
    )
    unread.install(app)
    # A signal that held its receiver weakly would have lost it by now.
    gc.collect()

    def refuse(headers):
        message = SimpleNamespace(headers=headers)
        signals.task_rejected.send(sender=None, message=message, exc=KeyError("x"))
        return told

    yield refuse
    signals.task_rejected.receivers[:] = before


def test_caller_of_a_signature_that_can_not_be_read_is_told_what_to_do(refused):
    ((task_id, error),) = refused({"task": names.SUBMIT, "id": "a"})

    assert task_id == "a"
    assert "can't be read (KeyError): send the signature with serializer='json'" in str(error)


@pytest.mark.parametrize(
    "headers",
    [None, {}, {"task": names.POLL, "id": "a"}, {"task": names.SUBMIT}, {"id": "a"}],
    ids=str,
)
def test_message_that_is_not_a_signatures_tells_nobody(refused, headers):
    assert refused(headers) == []
