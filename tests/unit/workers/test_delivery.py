"""An outcome is brought to its caller once, by whoever has seen it or by a task of its own."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from celery.exceptions import Ignore

from conveyor.domain.answers import Failed, Finished, RemoteFile, Result, Started
from conveyor.domain.canvas import Caller
from conveyor.domain.conversion import State, StoredFile
from conveyor.ledger import Tenure
from conveyor.ledger.delivery_lease import Lease
from tests.unit.workers.parts import entry_of
from workers import delivery
from workers.delivery import bring, follow, is_plain, lease_for
from workers.heartbeat import Work

KEPT = StoredFile("a.pdf", "file:///a.pdf", 900, "0" * 64)
CALLBACK = Caller(callbacks=[{"task": "app.next"}])
LEAST = 100


def _result(*sizes):
    return Result(1, tuple(RemoteFile("a.pdf", "https://x/d/a", size) for size in sizes))


SMALL, LARGE = _result(60, 40), _result(60, 41)
UNKNOWN = _result(10, None)
LARGE_AND_KEPT = Result(1, (*SMALL.files, RemoteFile("a.pdf", kept=KEPT, size=900)))


@pytest.fixture
def rig(rig_of):
    return rig_of(small_bytes=LEAST)


@pytest.mark.parametrize(
    ("result", "is_small"),
    [
        (SMALL, True),
        (LARGE, False),
        (UNKNOWN, False),
        (_result(None), False),
        (LARGE_AND_KEPT, True),
        (_result(), True),
        (_result(100, 0), True),
    ],
    ids=["to the byte", "a byte more", "partly unknown", "unknown", "kept", "no file", "empty"],
)
def test_result_is_delivered_in_the_same_breath_where_it_is_small(rig, result, is_small):
    entry = entry_of(state=State.READY, result=result)

    assert is_plain(rig.services, entry) is is_small
    taking = lease_for(rig.services, entry_of(), Finished(result))
    assert taking == (Tenure("taken", 13_000) if is_small else None)


@pytest.mark.parametrize("answer", [Started("x"), Failed(500, 5003, "Damaged.")])
def test_answer_without_a_result_begins_no_lease(rig, answer):
    assert lease_for(rig.services, entry_of(), answer) is None
    assert rig.given("deliveries.taking") == []


def test_result_with_callbacks_begins_no_lease(rig):
    assert lease_for(rig.services, entry_of(caller=CALLBACK), Finished(SMALL)) is None


@pytest.mark.parametrize(
    ("fields", "plain"),
    [
        ({"state": State.FAILED}, True),
        ({"state": State.SUCCEEDED, "result": LARGE}, True),
        ({"state": State.READY, "result": None}, True),
        ({"state": State.READY, "result": SMALL, "caller": CALLBACK}, False),
        ({"state": State.FAILED, "caller": CALLBACK}, False),
    ],
)
def test_outcome_is_plain_where_nothing_large_and_no_callback_is_left(rig, fields, plain):
    assert is_plain(rig.services, entry_of(**fields)) is plain


@pytest.fixture
def brought(monkeypatch):
    """What was brought, and the deliveries that were sent."""
    seen = SimpleNamespace(brought=[], sent=[])
    monkeypatch.setattr(delivery, "bring", lambda *args: seen.brought.append(args))
    monkeypatch.setattr(delivery.bells, "deliver", lambda *args: seen.sent.append(args))
    return seen


def _lease(rig, entry):
    return Lease(entry, "lease", rig.deliveries)


@pytest.mark.parametrize(
    "entry", [None, entry_of(state=State.QUEUED), entry_of(state=State.CONVERTING)]
)
def test_answer_without_an_outcome_is_followed_by_nothing(rig, brought, entry):
    follow(rig.services, entry)

    assert (brought.brought, brought.sent, rig.did) == ([], [], [])


def test_plain_outcome_is_brought_with_a_lease_that_is_kept(rig, brought):
    entry = entry_of(state=State.FAILED)
    lease = _lease(rig, entry)
    rig.deliveries.answers["acquire"] = lease
    follow(rig.services, entry)

    ((services, held, work, to),) = brought.brought
    assert (services, held, work) == (rig.services, lease, rig.works[0])
    assert (to.request.id, to.backend) == ("c1", rig.backend)
    assert rig.the("deliveries.acquire") == {"conversion_id": "c1"}
    assert rig.the("heartbeat.renewing")["held"] is lease
    assert brought.sent == []


def test_outcome_whose_note_began_the_lease_is_brought_with_it(rig, brought):
    entry, taking = entry_of(state=State.READY, result=SMALL), Tenure("taken", 13_000)
    lease = _lease(rig, entry)
    rig.deliveries.answers["taken"] = lease
    follow(rig.services, entry, taking)

    assert brought.brought[0][1] is lease
    assert rig.the("deliveries.taken") == {"entry": entry, "taking": taking}
    assert rig.given("deliveries.acquire") == []


def test_outcome_that_another_delivers_is_left_to_it(rig, brought):
    follow(rig.services, entry_of(state=State.FAILED))

    assert (brought.brought, brought.sent) == ([], [])


def test_outcome_with_callbacks_goes_by_a_message(rig, brought):
    entry = entry_of(state=State.FAILED, caller=CALLBACK)
    follow(rig.services, entry)

    assert brought.sent == [(rig.publisher, entry)]
    assert brought.brought == []
    assert rig.given("deliveries.acquire") == []


def test_delivery_that_another_took_over_ends_the_thread_in_peace(rig, monkeypatch):
    entry = entry_of(state=State.FAILED)
    rig.deliveries.answers["acquire"] = _lease(rig, entry)

    def ignore(*_):
        raise Ignore

    monkeypatch.setattr(delivery, "bring", ignore)
    follow(rig.services, entry)


@pytest.fixture
def work():
    return Work("c1", "delivery", "lease", lambda: 0.0)


@pytest.fixture
def ends(rig, work, monkeypatch):
    """Bring a conversion; what was stored, cleaned up and reported, in its order."""
    seen = SimpleNamespace(stored=entry_of(state=State.SUCCEEDED), done=[])

    def note(what, answer=None):
        def do(*args):
            seen.done.append((what, args, work._until))
            return getattr(seen, answer) if answer else None

        return do

    monkeypatch.setattr(delivery, "store", note("store", "stored"))
    monkeypatch.setattr(delivery, "remove_remnants", note("remnants"))
    monkeypatch.setattr(delivery, "report_outcome", note("report"))

    def run(entry):
        return bring(rig.services, _lease(rig, entry), work, "the caller")

    return seen, run


def test_ready_conversion_is_stored_cleaned_up_and_reported(rig, ends, work):
    seen, run = ends
    entry = run(entry_of(state=State.READY, result=SMALL))

    assert entry is seen.stored
    assert [what for what, *_ in seen.done] == ["store", "remnants", "report"]
    _, (services, lease, given), _ = seen.done[0]
    assert (services, lease.token, given) == (rig.services, "lease", work)
    _, (services, to, lease, told), _ = seen.done[-1]
    assert (services, to, told) == (rig.services, "the caller", seen.stored)
    assert lease.token == "lease"
    assert seen.done[1][1] == (rig.services, seen.stored)
    given = rig.the("announcer.delivered")
    assert given["conversion"] == seen.stored.conversion
    assert 0 <= given["took_s"] < 60
    # It is renewed as long as a file may take, and then as long as a result may take to be told.
    assert [until for *_, until in seen.done] == [
        rig.services.most_file_s,
        rig.services.most_file_s,
        rig.services.most_answer_s,
    ]
    # The last step of the report ends the lease.
    assert rig.given("deliveries.release") == []


def test_ended_conversion_is_reported_without_another_fetch(ends):
    seen, run = ends
    failed = entry_of(state=State.FAILED)

    assert run(failed) is failed
    assert [what for what, *_ in seen.done] == ["remnants", "report"]


@pytest.mark.parametrize(
    "entry",
    [
        entry_of(state=State.FAILED, delivered=True),
        entry_of(state=State.READY, delivered=True),
        entry_of(state=State.CONVERTING),
        entry_of(state=State.QUEUED),
    ],
    ids=["delivered", "delivered and ready again", "converting", "queued"],
)
def test_conversion_without_an_outcome_to_tell_is_left_alone(rig, ends, entry):
    seen, run = ends
    with pytest.raises(Ignore):
        run(entry)

    assert seen.done == []
    assert rig.the("deliveries.release")["lease"].token == "lease"
    assert rig.given("announcer.delivered") == []


def test_conversion_that_is_not_ended_by_its_storing_is_not_reported(rig, ends):
    seen, run = ends
    seen.stored = entry_of(state=State.READY)
    with pytest.raises(Ignore):
        run(entry_of(state=State.READY))

    assert [what for what, *_ in seen.done] == ["store"]


def test_report_that_fails_releases_the_lease(rig, ends, monkeypatch):
    _, run = ends

    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(delivery, "report_outcome", fail)
    with pytest.raises(ZeroDivisionError):
        run(entry_of(state=State.FAILED))

    assert len(rig.given("deliveries.release")) == 1
    assert rig.given("announcer.delivered") == []
