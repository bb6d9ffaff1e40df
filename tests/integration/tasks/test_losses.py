"""Whoever waits for a conversion that Redis has lost learns of it."""

from __future__ import annotations

import pytest
from celery.result import AsyncResult
from structlog.testing import capture_logs

from conveyor import State
from conveyor.errors import ConversionFailed, UnknownConversion
from conveyor.ledger.due import KINDS
from conveyor.ledger.keys import Keys
from workers.cleaner import clean

KEYS = Keys()


@pytest.mark.parametrize("find", ["cleaner", *KINDS])
def test_caller_of_a_lost_conversion_gets_the_error(*, worker, conveyor, client, document, find):
    """It is found by the look at the indexes, or by whoever claims what is due."""
    handle = conveyor.convert(document, to="html")
    client.delete(KEYS.conversion(handle.id))
    if find != "cleaner":
        client.zrem(KEYS.due("submit"), handle.id)
        client.zadd(KEYS.due(find), {handle.id: 1})
    with capture_logs() as logged:
        for _ in range(3):
            worker.drop()
            clean() if find == "cleaner" else worker.sweep()

    assert [it["conversion_id"] for it in logged if it["event"] == "conversion_lost"] == [handle.id]
    with pytest.raises(ConversionFailed, match="Redis has lost the conversion") as raised:
        AsyncResult(handle.id, app=worker.app).get(timeout=30)
    assert raised.value.kind == "internal"
    with pytest.raises(UnknownConversion, match="may have been paid"):
        conveyor.get(handle.id)
    assert list(conveyor.dead_letters.lost()) == [handle.id]
    assert conveyor.fleet().lost == 1
    assert conveyor.fleet().counts["lost"] == 1


def test_result_that_its_caller_has_is_not_replaced(worker, conveyor, client, document):
    handle = conveyor.convert(document, to="html")
    worker.work()
    assert handle.state is State.SUCCEEDED
    client.delete(KEYS.conversion(handle.id))
    client.zadd(KEYS.due("deliver"), {handle.id: 1})
    worker.drop()
    assert worker.sweep() == 1

    assert AsyncResult(handle.id, app=worker.app).get(timeout=30)["id"] == handle.id


def test_conversion_with_a_deleted_due_time_continues(
    worker, conveyor, client, document, make_overdue
):
    handle = conveyor.convert(document, to="html")
    worker.drop()
    client.delete(KEYS.due("submit"))
    make_overdue()
    assert worker.sweep() == 0

    clean()
    make_overdue()
    assert worker.sweep() == 1
    worker.work()
    assert handle.state is State.SUCCEEDED
