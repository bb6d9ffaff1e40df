from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest
from celery import Celery
from kombu.exceptions import OperationalError

from conveyor.domain.conversion import Conversion, Failure, FailureKind, Reason, State, StoredFile
from workers import announcing
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


class Dispatcher:
    """Of events: how it was made, and what it was given."""

    def __init__(self, connection, **options):
        self.about = (connection, options)
        self.did = []

    def send(self, kind, **fields):
        self.did.append((kind, fields))

    def flush(self):
        self.did.append("flush")


@pytest.fixture
def sending(monkeypatch):
    """An announcer of ten seconds past a hundred, and the dispatchers that it makes."""
    made, pools, periodics = [], [], []

    def dispatcher(*args, **options):
        made.append(Dispatcher(*args, **options))
        return made[-1]

    def acquire(*, block):
        pools.append(block)
        return nullcontext("a connection")

    def periodic(*args):
        periodics.append(args)
        return SimpleNamespace(start=lambda: periodics.append("started"))

    app = SimpleNamespace(
        pool=SimpleNamespace(acquire=acquire), events=SimpleNamespace(Dispatcher=dispatcher)
    )
    monkeypatch.setattr(announcing, "time", SimpleNamespace(time=lambda: 110.0))
    monkeypatch.setattr(announcing, "Periodic", periodic)
    return SimpleNamespace(
        announcer=Announcer(app, "worker@node"), made=made, pools=pools, periodics=periodics
    )


def test_events_are_those_of_a_task_that_delivers(sending):
    sending.announcer.delivered(DONE, 4.0)
    sending.announcer.flush()

    (made,) = sending.made
    assert made.did == [
        (
            "task-received",
            {
                "uuid": "done",
                "timestamp": 106.0,
                "name": "conveyor.deliver",
                "args": "('done',)",
                "kwargs": "{}",
                "root_id": "done",
                "retries": 0,
            },
        ),
        ("task-started", {"uuid": "done", "timestamp": 106.0}),
        (
            "task-succeeded",
            {
                "uuid": "done",
                "timestamp": 110.0,
                "result": repr(DONE.to_dict())[:1024],
                "runtime": 4.0,
            },
        ),
        "flush",
    ]


def test_events_of_a_failure_show_what_it_was(sending):
    sending.announcer.delivered(FAILED, 4.0)
    sending.announcer.flush()
    kind, fields = sending.made[0].did[2]

    assert kind == "task-failed"
    assert (fields["uuid"], fields["timestamp"]) == ("failed", 110.0)
    assert "It is damaged." in fields["exception"]
    assert fields["traceback"].endswith("ConversionFailed: It is damaged.\n")


def test_long_result_is_cut_in_its_event(sending):
    files = tuple(StoredFile(f"{it}.jpg", f"file:///{it}.jpg", 3, "0" * 64) for it in range(99))
    sending.announcer.delivered(replace(DONE, files=files), 4.0)
    sending.announcer.flush()

    assert len(sending.made[0].did[2][1]["result"]) == 1024


def test_events_of_many_are_one_message_that_nobody_keeps(sending):
    for _ in range(20):
        sending.announcer.delivered(DONE, 4.0)
    sending.announcer.flush()
    connection, options = sending.made[0].about

    assert connection == "a connection"
    # Above the limit a dispatcher sends at once.
    assert options.pop("buffer_limit") > 60
    assert options == {
        "hostname": "worker@node",
        "buffer_while_offline": False,
        "buffer_group": ("task",),
    }
    assert sending.pools == [True]


def test_nothing_to_announce_takes_no_connection(sending):
    sending.announcer.flush()
    sending.announcer.delivered(DONE, 4.0)
    sending.announcer.flush()
    sending.announcer.flush()

    assert len(sending.made) == 1


def test_first_outcome_starts_the_thread_that_announces(sending):
    sending.announcer.delivered(DONE, 4.0)
    sending.announcer.delivered(DONE, 4.0)

    (name, every_s, work), started = sending.periodics
    assert (every_s, work, started) == (0.5, sending.announcer.flush, "started")
    assert name


def test_latest_outcomes_are_kept_while_the_broker_is_away(sending, monkeypatch):
    assert sending.announcer._told.maxlen == 10_000
    monkeypatch.setattr(announcing, "_MOST", 3)
    sending.announcer.flush()
    for number in range(4):
        sending.announcer.delivered(replace(DONE, id=str(number)), 4.0)

    assert [told.conversion.id for told in sending.announcer._told] == ["1", "2", "3"]


@pytest.mark.parametrize("error", [OperationalError("away"), OSError("away")])
def test_outcome_that_the_broker_does_not_take_is_dropped(sending, error):
    sending.announcer.delivered(DONE, 4.0)

    def away(*, block):
        raise error

    acquire, sending.announcer._app.pool.acquire = sending.announcer._app.pool.acquire, away
    with pytest.raises(type(error)):
        sending.announcer.flush()
    sending.announcer._app.pool.acquire = acquire
    sending.announcer.flush()

    assert sending.made == []
