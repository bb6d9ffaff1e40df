"""One entry that can't be read harms no other, and one of a newer version is left alone (I2)."""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import replace
from uuid import uuid4

import pytest
from celery import Celery

from conveyor.dead.letters import DeadLetters
from conveyor.domain.conversion import Failure, FailureKind, Reason, State, StoredFile
from conveyor.domain.dialect import Dialect
from conveyor.errors import UnreadableConversion
from conveyor.ledger import Submission, Tenure
from conveyor.ledger.delivery_lease import DeliveryLeases
from conveyor.ledger.due import KINDS
from conveyor.ledger.index import Index
from conveyor.ledger.keys import Keys
from conveyor.messaging.publishing import Publisher
from conveyor.names import Queues
from conveyor.storage import Storage

KEYS = Keys()

FAILURE = Failure(FailureKind.SERVICE, "Broken.", code=5001, status=500)
FILES = (StoredFile("a.pdf", "file:///a.pdf", 3, "00"),)
JOB_ID = "0" * 32
OTHERS = 19


def _replaced_by(kind):
    def damage(client, key):
        client.delete(key)
        if kind == "string":
            client.set(key, "words")
        else:
            client.rpush(key, "words")

    return damage


def _set(**fields):
    return lambda client, key: client.hset(key, mapping=fields)


DAMAGES = {
    "a request that is cut": _set(request='{"sources": [["url", "https://e.co'),
    "a request of another shape": _set(request="[]"),
    "a request that is deep": _set(request="[" * 100_000),
    "no request": lambda client, key: client.hdel(key, "request"),
    "no state": lambda client, key: client.hdel(key, "state"),
    "a state that is no word": _set(state="P0nd3ring!"),
    "a version that is no number": _set(v="one"),
    "a counter that is no number": _set(polls="x"),
    "a counter without end": _set(turn="1e999"),
    "a counter that can't be raised": _set(polls=str(2**53 - 1)),
    "a time that is no number": _set(created_at="soon"),
    "a time without end": _set(created_at="inf"),
    "a time that is none": _set(submitted_at="nan"),
    "a dialect that is no word": _set(dialect="?"),
    "a caller that is cut": _set(caller="{"),
    "uploads of another shape": _set(uploads="[1]"),
    "a result of another shape": _set(result='{"files": 1}'),
    "a result without a price": _set(result='{"files": []}'),
    "files of another shape": _set(files='[{"name": "a"}]'),
    "a file without a number": _set(**{"file:x": "{}"}),
    "a failure of another shape": _set(failure='"broken"'),
    "half a character": _set(failure=r'{"kind": "service", "message": 3, "code": "\ud800"}', v="x"),
    "bytes that are no text": _set(request=b"\xff\xfe"),
    "a counter as only Python reads it": _set(polls="1_000"),
    "a counter that Redis can't raise": _set(deliveries="007"),
    "a counter in other digits": _set(polls="\u0663"),
    "a version that none will have": _set(v="9" * 15),
    "a flag that is none": _set(confirmed="yes"),
    "a job id that is no text": _set(job_id=b"\xff\xfe"),
    "a time that no calendar has": _set(created_at="1e300"),
    "a source that is a number": _set(
        request='{"sources": [["url", 5]], "from": "docx", "to": "pdf", "params": {}}'
    ),
    "a format that is none": _set(request='{"sources": [], "from": 5, "to": "pdf", "params": {}}'),
    "parameters of another shape": _set(
        request='{"sources": [], "from": "docx", "to": "pdf", "params": ["x"]}'
    ),
    "a wait that is a word": _set(
        request='{"sources":[],"from":"docx","to":"pdf","params":{},"semi_async":"x"}'
    ),
    "a message that is a number": _set(failure='{"kind": "service", "message": 5}'),
    "a code that is a word": _set(failure='{"kind": "service", "message": "m", "code": "x"}'),
    "a reason that is a number": _set(failure='{"kind": "service", "message": "m", "reason": 1}'),
    "a size that is a word": _set(files='[{"name": "a", "uri": "u", "size": "x", "sha256": "0"}]'),
    "an address that is a number": _set(result='{"cost": 1, "files": [{"name": "a", "url": 5}]}'),
    "an upload that is a number": _set(uploads='{"0": 5}'),
    "callbacks of another shape": _set(caller='{"callbacks": [5]}'),
    "a chain that is a word": _set(caller='{"chain": "x"}'),
    "a callback without its arguments": _set(caller='{"chain": [{"task": "t", "kwargs": null}]}'),
    "a string": _replaced_by("string"),
    "a list": _replaced_by("list"),
}


@pytest.fixture
def index(client, ledger):
    return Index(client, ledger.find_many)


@pytest.fixture
def dead_letters(ledger, index, tmp_path):
    with Celery(set_as_current=False, broker=f"memory://{uuid4().hex}") as app:
        yield DeadLetters(ledger, index, Storage(tmp_path.as_uri()), Publisher(app, Queues()))


def _quiet(client):
    """Forget which bells were rung: they end by themselves while a test looks."""
    for key in client.scan_iter(f"{KEYS.prefix}bell:*"):
        client.delete(key)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_claim_takes_all_others_and_puts_it_aside(*, ledger, make, client, worker, dates, damage):
    damaged, *others = [make.queued().id for _ in range(1 + OTHERS)]
    damage(client, KEYS.conversion(damaged))

    # It comes first, and counts as one of those that were asked for.
    claimed = worker.submits(limit=OTHERS) + worker.submits(limit=OTHERS)

    assert sorted(claimed) == sorted(others)
    assert dates.of(damaged) is None
    assert list(ledger.unreadable()) == [damaged]
    # It is kept as it is: somebody may mend it.
    assert client.exists(KEYS.conversion(damaged))


FOUND_BY = ["a string", "a counter without end", "a request that is cut"]


@pytest.mark.parametrize("damage", [DAMAGES[name] for name in FOUND_BY], ids=FOUND_BY)
def test_entry_set_aside_frees_its_place_at_the_account(*, make, client, claiming, bells, damage):
    """Else one damaged entry would hold up an account for ever whose jobs are few."""
    worker = claiming(most_jobs=1)
    damaged, other = make.queued().id, make.queued().id
    damage(client, KEYS.conversion(damaged))

    claimed = worker.submits()
    if not claimed:
        assert bells.take("submit")
        claimed = worker.submits()
    assert claimed == [other]
    assert client.smembers(KEYS.jobs("account")) == {other}


@pytest.mark.parametrize("damage", [DAMAGES[name] for name in FOUND_BY], ids=FOUND_BY)
def test_a_damaged_entry_keeps_no_hold_from_its_end(*, make, client, worker, dates, damage):
    damaged = make.queued().id
    damage(client, KEYS.conversion(damaged))
    worker.governor.hold("The balance is used up.")

    assert worker.claims.submits(10).admission.must_check


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_pages_and_figures_show_all_others(ledger, make, client, index, damage):
    damaged, *others = [make.queued().id for _ in range(1 + OTHERS)]
    damage(client, KEYS.conversion(damaged))
    ledger.set_aside([damaged])

    pages, cursor = [], ""
    while not pages or cursor:
        entries, cursor = index.page(None, 7, cursor)
        pages += [entry.id for entry in entries]

    assert sorted(pages) == sorted(others)
    assert {entry.id for entry in ledger.find_many([damaged, *others])} == set(others)
    reading = index.read()
    assert reading.unreadable == 1
    assert reading.states[State.QUEUED] == 1 + OTHERS


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_dead_letters_are_listed_grouped_and_purged_around_it(
    *, ledger, make, client, dead_letters, damage
):
    damaged, *others = [ledger.failed(make.converting(), FAILURE).id for _ in range(1 + OTHERS)]
    damage(client, KEYS.conversion(damaged))

    assert {dead.id for dead in dead_letters.list()} == set(others)
    # Its caller has been told, so that nobody is woken for it: it is shown all the same.
    assert list(dead_letters.unreadable()) == [damaged]
    assert [group.count for group in dead_letters.groups()] == [OTHERS]
    assert {dead.id for dead in dead_letters.page(None, 50).conversions} == set(others)
    assert set(dead_letters.costs_of([damaged, *others])) == set(others)
    assert dead_letters.purge(older_than_s=-60) == OTHERS


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_unreadable_entry_is_reported_and_can_be_discarded(
    *, ledger, make, client, dead_letters, damage
):
    damaged = make.queued().id
    damage(client, KEYS.conversion(damaged))
    with pytest.raises(UnreadableConversion, match=damaged):
        ledger.get(damaged)
    assert not dead_letters.discard(damaged)  # not yet put aside

    ledger.set_aside([damaged])
    assert list(dead_letters.unreadable()) == [damaged]
    assert dead_letters.discard(damaged)
    _quiet(client)
    assert client.keys() == []


@pytest.mark.parametrize("missing", ["job_id", "base_url", "turn", "attempt"])
def test_job_that_can_not_be_polled_is_set_aside_and_not_paid_again(
    *, ledger, make, client, worker, dates, missing
):
    damaged, other = make.converting(), make.converting()
    client.hdel(KEYS.conversion(damaged.id), missing)
    dates.past(damaged.id, other.id)

    assert worker.polls() == [other.id]
    assert list(ledger.unreadable()) == [damaged.id]


def test_doctor_finds_an_unread_damaged_dead_letter(ledger, make, client):
    damaged = ledger.failed(make.converting(), FAILURE)
    ledger.delivered(damaged.id, is_dead=True)
    client.hset(KEYS.conversion(damaged.id), "failure", "{")
    assert ledger.unreadable() == {}

    ledger.look_at_dead()

    assert list(ledger.unreadable()) == [damaged.id]


def test_job_of_a_discarded_entry_frees_its_place(*, ledger, make, client, worker):
    entry = worker.post(make.queued()).entry
    assert client.scard(KEYS.jobs("account")) == 1
    client.hset(KEYS.conversion(entry.id), "polls", "x")
    ledger.set_aside([entry.id])
    ledger.discard(entry.id)

    assert client.scard(KEYS.jobs("account")) == 0


def test_entry_set_aside_twice_counts_once(ledger, make):
    entry = make.queued()

    assert (ledger.set_aside([entry.id]), ledger.set_aside([entry.id])) == (1, 0)


TOLERATED = {
    "a failure of a class to come": (
        {"failure": '{"kind": "cosmic", "message": "Rays."}'},
        lambda entry: (
            entry.failure == Failure(FailureKind.INTERNAL, "Rays.", reason=Reason.INTERNAL)
        ),
    ),
    "a failure for a reason to come": (
        {"failure": '{"kind": "input", "message": "No.", "reason": "too_many_pages"}'},
        lambda entry: entry.failure == Failure(FailureKind.INPUT, "No.", reason=Reason.REFUSED),
    ),
    "more of a failure": (
        {"failure": '{"kind": "input", "message": "No.", "advice": "Ask."}'},
        lambda entry: entry.failure.message == "No.",
    ),
    "more of a result": (
        {"result": '{"cost": 1, "files": [{"name": "a", "hash": "x"}], "took_s": 3}'},
        lambda entry: [file.name for file in entry.result.files] == ["a"],
    ),
    "more of a stored file": (
        {"files": '[{"name": "a", "uri": "u", "size": 1, "sha256": "0", "pages": 2}]'},
        lambda entry: entry.files == (StoredFile("a", "u", 1, "0"),),
    ),
    "more of a caller": (
        {"caller": '{"group": "g", "mood": "good"}'},
        lambda entry: entry.caller.group == "g",
    ),
    "half a character": (
        {"failure": r'{"kind": "input", "message": "No\ud800."}'},
        lambda entry: entry.failure.message == "No?.",
    ),
    "fields to come": ({"mood": "good"}, lambda entry: entry.state is State.QUEUED),
    "an older form, without a version": ({"v": "0"}, lambda entry: entry.state is State.QUEUED),
}


@pytest.mark.parametrize(("fields", "is_read"), TOLERATED.values(), ids=TOLERATED)
def test_unknown_fields_are_ignored(ledger, make, client, fields, is_read):
    entry = make.queued()
    client.hset(KEYS.conversion(entry.id), mapping=fields)

    assert is_read(ledger.get(entry.id))


# -- of a newer version -------------------------------------------------------------------------

STATES = {
    "queued": lambda ledger, make: make.queued(),
    "converting": lambda ledger, make: make.converting(),
    "confirmed": lambda ledger, make: make.converting(confirmed=True),
    "ready": lambda ledger, make: make.ready(),
    "failed": lambda ledger, make: ledger.failed(make.ready(), FAILURE),
    "succeeded": lambda ledger, make: ledger.succeeded(make.ready(), FILES),
}

WRITES = {
    "open": lambda it: it.ledger.open(it.entry.id, it.entry.request),
    "forget": lambda it: it.ledger.forget(it.entry.id),
    "uploaded": lambda it: it.ledger.uploaded(it.entry, {"0": "f"}, host="h", account="a"),
    "submit_later": lambda it: it.ledger.submit_later(it.entry, 1, "note"),
    "begin_submit": lambda it: it.ledger.begin_submit(
        it.entry, Submission(JOB_ID, "http://x", Dialect.PATH), Tenure("t", 1000)
    ),
    "started": lambda it: it.ledger.started(it.entry, JOB_ID, 1),
    "ask_first": lambda it: it.ledger.ask_first(it.entry, 1, "note"),
    "put_back": lambda it: it.ledger.put_back(it.entry, 1, "note"),
    "poll_later": lambda it: it.ledger.poll_later(it.entry, 1, confirmed=True, failed=False),
    "ready": lambda it: it.ledger.ready(it.entry, it.result),
    "deliver_later": lambda it: it.ledger.deliver_later(it.entry, 1, "note"),
    "stored": lambda it: it.ledger.stored(it.entry, 0, FILES[0]),
    "succeeded": lambda it: it.ledger.succeeded(it.entry, FILES),
    "failed": lambda it: it.ledger.failed(it.entry, FAILURE),
    "expired": lambda it: it.ledger.expired(it.entry, FAILURE),
    "stumbled": lambda it: it.ledger.stumbled(it.entry, 1),
    "cancelled": lambda it: it.ledger.cancelled(it.entry),
    "delivered": lambda it: it.ledger.delivered(
        it.entry.id, is_dead=False, request=it.entry.request
    ),
    "replay": lambda it: it.ledger.replay(it.entry),
    "ask_again": lambda it: it.ledger.ask_again(it.entry),
    "redeliver": lambda it: it.ledger.redeliver(it.entry),
    "purge": lambda it: it.ledger.purge(it.entry),
    "job_ended": lambda it: it.ledger.job_ended(it.entry.id, JOB_ID),
    "set_aside": lambda it: it.ledger.find_many([it.entry.id]),
    "discard": lambda it: it.ledger.discard(it.entry.id),
    "strip_dead": lambda it: it.ledger.strip_dead(-60, 100) > 1,
    "submits": lambda it: it.worker.submits(),
    "polls": lambda it: it.worker.polls(),
    "deliveries": lambda it: it.worker.claims.deliveries(10).passes,
    "deliver": lambda it: it.deliveries.acquire(it.entry.id),
    "audit": lambda it: it.ledger.audit.step().forgotten,
}


class _It:
    def __init__(self, client, worker, entry, result):
        self.worker, self.ledger, self.entry, self.result = worker, worker.ledger, entry, result
        self.deliveries = DeliveryLeases(client, 15.0)
        self.index = Index(client, self.ledger.find_many)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("reach", STATES.values(), ids=STATES)
def test_an_entry_of_a_newer_version_is_left_alone(
    *, ledger, make, client, everything, worker, dates, reach, write
):
    entry = reach(ledger, make)
    client.hset(KEYS.conversion(entry.id), "v", "99")
    # Due, so that it can be claimed, and met by others just now.
    dates.set(ledger.now() - 1, entry.id)
    _quiet(client)
    before = everything()

    with suppress(UnreadableConversion):
        assert not write(_It(client, worker, entry, make.result))

    after = everything()
    # What a claim notes of the fleet, though it took nothing.
    pauses = [f"{KEYS.bell(kind)}:pause" for kind in KINDS]
    for key in (KEYS.stripped, KEYS.newer, KEYS.audited, KEYS.accounts, *pauses):
        after.pop(key, None)
    # Which bells were rung is a hint.
    for key in [key for key in after if key.startswith(f"{KEYS.prefix}bell:")]:
        after.pop(key)
    assert after == before


@pytest.mark.parametrize("limit", [0, 5])
def test_a_claim_takes_no_place_for_an_entry_of_a_newer_version(make, client, claiming, limit):
    entry = make.queued()
    client.hset(KEYS.conversion(entry.id), "v", "99")
    before = client.hgetall(KEYS.conversion(entry.id))

    assert claiming(most_jobs=limit).submits() == []
    assert client.hgetall(KEYS.conversion(entry.id)) == before
    assert client.scard(KEYS.jobs("account")) == 0


def test_one_of_a_newer_version_is_left_to_newer_workers_and_then_put_off(
    *, ledger, make, client, worker, dates
):
    """A newer worker's claim takes it. Where none comes, it stands in nobody's way for long."""
    entry, other = make.queued(), make.queued()
    client.hset(KEYS.conversion(entry.id), "v", "99")
    due = ledger.now() - 20
    dates.set(due, entry.id, other.id)

    assert worker.submits() == [other.id]
    assert dates.of(entry.id) == due
    dates.past(entry.id)
    assert worker.submits() == []
    assert dates.of(entry.id) == pytest.approx(ledger.now() + 30, abs=10)
    assert ledger.unreadable() == {}
    assert ledger.audit.newer() == [entry.id]


@pytest.mark.parametrize("count", [12, 300])
def test_many_entries_of_a_newer_version_do_not_block_a_claim(
    *, ledger, make, client, worker, bells, dates, count
):
    """All came just now, before our own. Each claim that leaves something behind rings."""
    newer, own = [make.queued() for _ in range(count)], make.queued()
    for entry in newer:
        client.hset(KEYS.conversion(entry.id), "v", "99")
    dates.set(ledger.now() - 5, *(entry.id for entry in newer))
    dates.set(ledger.now() - 4, own.id)

    claimed, claims = worker.submits(limit=5), 1
    while not claimed:
        assert bells.take("submit")
        claimed, claims = worker.submits(limit=5), claims + 1
        assert claims < 10
    assert claimed == [own.id]
    # Newer workers find theirs within seconds.
    assert all(dates.of(entry.id) < ledger.now() + 5 for entry in newer)


def test_only_one_of_a_newer_version_has_no_bell_rung_again_and_again(make, client, worker, bells):
    entry = make.queued()
    client.hset(KEYS.conversion(entry.id), "v", "99")
    bells.take()

    assert worker.submits(limit=5) == []
    assert bells.take() == []


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_state_of_a_newer_version_is_read_by_newer_workers_alone(
    *, ledger, make, client, worker, dates, version
):
    entry = make.queued()
    client.hset(KEYS.conversion(entry.id), mapping={"v": version, "state": "pondering"})

    assert worker.everything() == []
    assert worker.everything() == []
    assert dates.kind_of(entry.id) == "submit"
    assert ledger.unreadable() == {}
    assert client.zrange(KEYS.newer, 0, -1) == [entry.id]
    with pytest.raises(UnreadableConversion):
        ledger.get(entry.id)


def test_unknown_state_is_skipped_by_followers(ledger, make, client):
    entry = make.queued()
    client.rpush(
        KEYS.events(entry.id), "9999999999999-0 pondering Still.", "words", "soon queued", ""
    )

    assert [event.state for event in ledger.events(entry.id)] == [State.QUEUED]
    assert replace(ledger.get(entry.id)) == entry


def test_figures_are_read_around_a_count_that_is_none(make, client, index):
    make.queued()
    client.hset(KEYS.counts, mapping={"cost": "x", "polls": "3"})

    assert index.read().counts["polls"] == 3
    with closing(client):
        assert index.read().states[State.QUEUED] == 1
