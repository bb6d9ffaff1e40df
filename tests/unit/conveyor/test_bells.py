"""Through kombu's transport within the process: what stands in the messages."""

from __future__ import annotations

import datetime as dt
import json
from uuid import uuid4

import pytest
from celery import Celery

from conveyor import names
from conveyor.bells import Belfry, deliver
from conveyor.domain.answers import RemoteFile, Result
from conveyor.domain.canvas import Caller
from conveyor.domain.request import ConversionRequest
from conveyor.publishing import Publisher

SIGNATURE = {"task": "web.notify", "args": [], "kwargs": {}, "options": {}}
SECRET = "5ecr3t"


@pytest.fixture
def app():
    with Celery(set_as_current=False, broker=f"memory://{uuid4().hex}") as made:
        yield made


@pytest.fixture
def entry(entry_of):
    return entry_of(
        turn=7,
        job_id=SECRET,
        request=ConversionRequest.build(f"https://e.com/{SECRET}.docx", "pdf", None, {"P": SECRET}),
        uploads={"0": SECRET},
        result=Result(1, (RemoteFile("a", f"https://e.com/{SECRET}"),)),
        caller=Caller(callbacks=[SIGNATURE], errbacks=[SIGNATURE], root_id="r1", group="g1"),
    )


def _receive(app, queue):
    with app.connection_for_read() as connection, connection.SimpleQueue(queue) as messages:
        return messages.get_nowait()


@pytest.mark.parametrize(
    ("kind", "task"),
    [("submit", names.SUBMIT), ("poll", names.POLL), ("deliver", names.DELIVER)],
)
def test_a_bell_asks_for_its_task_and_names_no_conversion(app, kind, task):
    Belfry(Publisher(app, names.Queues())).ring(kind, 0, 1234.56789)
    message = _receive(app, task)

    assert message.headers["task"] == task
    assert message.payload[:2] == [[], {"at": 1234.568}]
    assert message.headers["eta"] is None
    assert not message.payload[2]["callbacks"]


def test_a_bell_for_later_has_a_countdown(app):
    before = dt.datetime.now(dt.UTC)
    Belfry(Publisher(app, names.Queues())).ring("poll", 30.0, 0)
    eta = dt.datetime.fromisoformat(_receive(app, names.POLL).headers["eta"])

    assert dt.timedelta(seconds=30) <= eta - before < dt.timedelta(seconds=60)


def test_bells_of_a_namespace_go_into_its_queues(app):
    Belfry(Publisher(app, names.Queues("staging"))).ring("poll", 0, 0)

    assert _receive(app, "staging.poll").headers["task"] == names.POLL


def test_each_bell_is_a_message_of_its_own(app):
    """Else a revoked or finished one would stand for those that come after it."""
    belfry = Belfry(Publisher(app, names.Queues()))
    for _ in range(2):
        belfry.ring("poll", 0, 0)

    assert len({_receive(app, names.POLL).headers["id"] for _ in range(2)}) == 2


def test_a_delivery_is_the_callers_task(app, entry):
    deliver(Publisher(app, names.Queues()), entry)
    message = _receive(app, names.DELIVER)

    assert message.headers["id"] == entry.id
    assert (message.headers["root_id"], message.headers["group"]) == ("r1", "g1")
    assert message.payload[2]["callbacks"] == [SIGNATURE]
    assert message.payload[2]["errbacks"] == [SIGNATURE]
    assert SECRET not in json.dumps([message.headers, message.payload])
