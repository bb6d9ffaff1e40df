from __future__ import annotations

import pytest
from celery import Celery
from kombu.exceptions import OperationalError

from conveyor.domain.conversion import Conversion, Failure, FailureKind, Reason, State, StoredFile
from workers.announcing import Announcer

FILE = StoredFile("a.pdf", "file:///a.pdf", 3, "0" * 64)
DONE = Conversion("done", State.SUCCEEDED, "md", "pdf", files=(FILE,))
FAILED = Conversion(
    "failed",
    State.FAILED,
    "md",
    "pdf",
    failure=Failure(FailureKind.INPUT, "It is damaged.", reason=Reason.DAMAGED),
)


@pytest.fixture
def app():
    with Celery(broker="memory://") as app:
        yield app


@pytest.fixture
def heard(app):
    """The messages that come to whoever listens, each a list of events."""
    messages = []
    with app.connection_for_read() as connection:
        queue = app.events.Receiver(connection).queue
        take = [lambda body, _message: messages.append(body)]
        with connection.Consumer(queue, callbacks=take, no_ack=True):

            def heard():
                while not messages:
                    connection.drain_events(timeout=30)
                return messages

            yield heard


def test_many_outcomes_are_reported_in_one_message(app, heard):
    announcer = Announcer(app, "worker-1@host")
    announcer.delivered(DONE, 0.5)
    announcer.delivered(FAILED, 0.1)

    announcer.flush()

    (events,) = heard()
    assert [(event["uuid"], event["type"]) for event in events] == [
        ("done", "task-received"),
        ("done", "task-started"),
        ("done", "task-succeeded"),
        ("failed", "task-received"),
        ("failed", "task-started"),
        ("failed", "task-failed"),
    ]
    received, _started, succeeded, *_, failed = events
    assert (received["name"], received["args"]) == ("conveyor.deliver", "('done',)")
    assert {event["hostname"] for event in events} == {"worker-1@host"}
    assert "file:///a.pdf" in succeeded["result"]
    assert succeeded["timestamp"] - received["timestamp"] == pytest.approx(0.5, abs=0.01)
    assert "It is damaged." in failed["exception"]
    # Flower shows class and reason beside it.
    assert "'input', 'failed', 'damaged'" in failed["exception"]
    assert "ConversionFailed: It is damaged." in failed["traceback"]


def test_outcomes_arrive_soon_without_polling(app, heard):
    Announcer(app, "worker-1@host").delivered(DONE, 0.5)

    assert len(heard()) == 1


def test_worker_without_events_announces_nothing():
    announcer = Announcer(Celery(broker="redis://127.0.0.1:1"), node="")

    announcer.delivered(DONE, 0.5)
    announcer.flush()


def test_unsendable_record_is_dropped():
    announcer = Announcer(Celery(broker="redis://127.0.0.1:1"), "worker-1@host")
    announcer.delivered(DONE, 0.5)

    with pytest.raises((OperationalError, OSError)):
        announcer.flush()

    announcer.flush()
