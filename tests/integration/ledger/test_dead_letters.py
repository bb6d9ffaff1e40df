from __future__ import annotations

import time
from contextlib import closing
from uuid import uuid4

import pytest
from celery import Celery

from conveyor import names
from conveyor.dead.letters import DeadLetters
from conveyor.domain.conversion import Failure, FailureKind, State
from conveyor.domain.request import ConversionRequest
from conveyor.errors import UnknownConversion
from conveyor.ledger import Ledger
from conveyor.ledger.claimed import Due
from conveyor.ledger.due import KINDS
from conveyor.ledger.index import Index
from conveyor.ledger.keys import Keys
from conveyor.ledger.reservations import Reservations
from conveyor.messaging.bells import Belfry
from conveyor.messaging.publishing import Publisher
from conveyor.producing.staging import Staging
from conveyor.storage import Storage

KEYS = Keys()

FAILURE = Failure(FailureKind.STORAGE, "Full.")


@pytest.fixture
def app():
    with Celery(set_as_current=False, broker=f"memory://{uuid4().hex}") as made:
        yield made


@pytest.fixture
def storage(tmp_path):
    return Storage((tmp_path / "files").as_uri())


@pytest.fixture
def index(client, ledger):
    return Index(client, ledger.find_many)


def _dead_letters(client, index, storage, app):
    """Those of a producer, which rings through its app."""
    publisher = Publisher(app, names.Queues())
    return DeadLetters(Ledger(client, Belfry(publisher)), index, storage, publisher)


@pytest.fixture
def dead_letters(client, index, storage, app):
    return _dead_letters(client, index, storage, app)


def _quiet(client):
    """Forget the bells of what was made so far; their ledger sends none."""
    for kind in KINDS:
        client.delete(KEYS.bell(kind))


def _rung(app):
    with app.connection_for_read() as connection:
        for queue in names.Queues().names:
            with closing(connection.SimpleQueue(queue)) as messages:
                for _ in range(messages.qsize()):
                    yield messages.get_nowait().headers["task"]


def test_replay_of_an_unknown_dead_letter_costs_nothing(dead_letters, ledger, make):
    dead = ledger.failed(make.converting(), FAILURE)

    assert dead_letters.costs_of([make.queued().id, dead.id, "nothing"]) == {dead.id: True}
    with pytest.raises(UnknownConversion):
        dead_letters.costs("nothing")


def test_one_that_was_paid_for_is_fetched_again_and_not_paid(dead_letters, ledger, make, app):
    dead = ledger.failed(make.ready(), FAILURE)

    assert dead_letters.costs(dead.id) is False
    assert dead_letters.replay(dead.id).state is State.READY
    assert list(_rung(app)) == [names.DELIVER]


@pytest.mark.parametrize("age_s", [3 * 3600 + 1, None], ids=["too old", "never ready"])
def test_replay_of_a_lost_result_is_paid_again(*, dead_letters, ledger, make, app, client, age_s):
    dead = ledger.failed(make.ready() if age_s else make.converting(), FAILURE)
    if age_s:
        client.hset(KEYS.conversion(dead.id), "ready_at", time.time() - age_s)
    _quiet(client)

    assert dead_letters.costs(dead.id) is True
    assert dead_letters.replay(dead.id).state is State.QUEUED
    assert list(_rung(app)) == [names.SUBMIT]


def test_a_replay_without_a_broker_is_found_by_the_sweep(
    *, ledger, index, storage, make, client, worker, dates
):
    dead = ledger.failed(make.converting(), FAILURE)
    _quiet(client)
    app = Celery(set_as_current=False, broker="redis://127.0.0.1:1/0")
    app.conf.update(task_publish_retry=False, broker_transport_options={"max_retries": 0})
    with app:
        dead_letters = _dead_letters(client, index, storage, app)
        assert dead_letters.replay(dead.id).state is State.QUEUED

    # A bell that can't be sent leaves its mark, which ends soon.
    _quiet(client)
    dates.past(dead.id)
    assert worker.claims.overdue() == [Due("submit", 1)]
    assert worker.submits() == [dead.id]


@pytest.mark.parametrize("call", ["show", "replay", "costs"])
@pytest.mark.parametrize("state", ["absent", "queued", "ready"])
def test_only_dead_letters_are_shown_and_replayed(dead_letters, make, call, state):
    conversion_id = "nobody" if state == "absent" else getattr(make, state)().id
    with pytest.raises(UnknownConversion, match="No dead letter has the id"):
        getattr(dead_letters, call)(conversion_id)


def test_a_purge_takes_the_old_and_what_they_staged(
    dead_letters, ledger, storage, client, tmp_path
):
    document = tmp_path / "a.docx"
    document.write_bytes(b"words")
    staging = Staging(storage, Reservations(client))
    staged = [staging.stage_path(str(document)).uri for _ in range(2)]
    for conversion_id, uri in zip(("old", "new"), staged, strict=True):
        entry = ledger.open(conversion_id, ConversionRequest.build(uri, "pdf"))
        ledger.failed(entry, FAILURE)
    client.zadd(KEYS.dead, {"old": time.time() - 1000})

    assert dead_letters.purge(older_than_s=500) == 1
    assert [dead.id for dead in dead_letters.list()] == ["new"]
    remaining = [path for path in (tmp_path / "files").rglob("*") if path.is_file()]
    assert [path.as_uri() for path in remaining] == [staged[1]]
