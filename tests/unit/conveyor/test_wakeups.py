"""Through kombu's transport within the process: what stands in the messages."""

from __future__ import annotations

import base64
import json
from uuid import uuid4

import pytest
from celery import Celery

from conveyor import names, wakeups
from conveyor.canvas import Caller
from conveyor.conversion import State
from conveyor.protocol import RemoteFile, Result
from conveyor.publishing import Publisher
from conveyor.request import ConversionRequest

SIGNATURE = {"task": "web.notify", "args": [], "kwargs": {}, "options": {}}
SECRET = "5ecr3t"


@pytest.fixture
def app():
    with Celery(set_as_current=False, broker=f"memory://{uuid4().hex}") as made:
        yield made


@pytest.fixture
def entry(entry_of):
    return entry_of(
        wakeup=7,
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
    ("state", "task", "args", "kwargs"),
    [
        (State.QUEUED, names.SUBMIT, [], {"conversion_id": "c1", "number": 7}),
        (State.CONVERTING, names.POLL, ["c1", 7], {}),
        (State.READY, names.DELIVER, ["c1"], {}),
        (State.SUCCEEDED, names.DELIVER, ["c1"], {}),
        (State.FAILED, names.DELIVER, ["c1"], {}),
        (State.EXPIRED, names.DELIVER, ["c1"], {}),
        (State.CANCELLED, names.DELIVER, ["c1"], {}),
    ],
    ids=str,
)
def test_a_state_asks_for_its_wake_up(*, app, entry_of, state, task, args, kwargs):
    wakeups.wake(Publisher(app, names.Queues()), entry_of(state=state, wakeup=7))
    message = _receive(app, task)

    assert message.headers["task"] == task
    assert message.payload[:2] == [args, kwargs]


@pytest.mark.parametrize("send", [wakeups.submit, wakeups.poll])
def test_a_wake_up_holds_no_secret_and_none_of_the_callers_canvas(app, entry, send):
    send(Publisher(app, names.Queues()), entry, 1.0)
    message = _receive(app, names.SUBMIT if send is wakeups.submit else names.POLL)

    text = json.dumps([message.headers, message.payload, message.properties])
    assert SECRET not in text
    assert base64.b64encode(SECRET.encode()).decode() not in text
    assert message.headers["id"] != entry.id
    assert message.headers["eta"]
    assert not message.payload[2]["callbacks"]


def test_a_delivery_is_the_callers_task(app, entry):
    wakeups.deliver(Publisher(app, names.Queues()), entry)
    message = _receive(app, names.DELIVER)

    assert message.headers["id"] == entry.id
    assert (message.headers["root_id"], message.headers["group"]) == ("r1", "g1")
    assert message.payload[2]["callbacks"] == [SIGNATURE]
    assert message.payload[2]["errbacks"] == [SIGNATURE]
    assert SECRET not in json.dumps([message.headers, message.payload])
