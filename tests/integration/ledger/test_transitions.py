"""The whole table against a real Valkey: every transition from every state."""

from __future__ import annotations

import time
from contextlib import closing

import pytest

from conveyor.domain.conversion import Failure, FailureKind, State, StoredFile
from conveyor.domain.dialect import Dialect
from conveyor.ledger import Leaving, Ledger, Submission, connect
from conveyor.ledger.keys import Keys
from conveyor.ledger.transitions import TRANSITIONS

FAILURE = Failure(FailureKind.SERVICE, "Broken.", code=5001, status=500)
JOB = Submission("our-id", "http://host", Dialect.QUERY)
FILES = (StoredFile("a.pdf", "file:///a.pdf", 3, "00"),)


def _sent(ledger, entry, make):
    """A step of telling is noted by whoever has the delivery in hand."""
    lease = Keys().delivery(entry.id)
    ledger._redis.set(lease, "token", ex=60)
    noted = ledger.sent(entry, ["result"], "token")
    ledger._redis.delete(lease)
    return noted


def _files_removed(ledger, entry, make):
    """Its caller knows of the files."""
    if entry.state is State.SUCCEEDED:
        ledger._redis.hset(Keys().conversion(entry.id), "delivered", 1)
    return ledger.files_removed(entry)


def _erased(ledger, entry, make):
    """Only what its caller knows of is erased at once."""
    if entry.state.is_final:
        ledger._redis.hset(Keys().conversion(entry.id), "delivered", 1)
    return ledger.erase(entry)


def _too_late(ledger, entry, make):
    """It has a deadline, which has passed."""
    key = Keys().conversion(entry.id)
    if ledger._redis.exists(key):
        ledger._redis.hset(key, "deadline_at", "1")
    noted = ledger.too_late(entry)
    ledger._redis.hdel(key, "deadline_at")
    return noted and ledger.get(entry.id)


# How each transition is asked for.
ASK = {
    "open": lambda ledger, entry, make: ledger.open(entry.id, make.request),
    "forget": lambda ledger, entry, make: ledger.forget(entry.id),
    "uploaded": lambda ledger, entry, make: ledger.uploaded(
        entry, {"0": "f0"}, host="http://x", account="ab12"
    ),
    "submit_later": lambda ledger, entry, make: ledger.submit_later(entry, 1.0, "note"),
    "begin_submit": lambda ledger, entry, make: ledger.begin_submit(entry, JOB),
    "started": lambda ledger, entry, make: ledger.started(entry, "j", 1.0),
    "ask_first": lambda ledger, entry, make: ledger.ask_first(entry, 1.0, "note"),
    "put_back": lambda ledger, entry, make: ledger.put_back(entry, 1.0, "note", lost=False),
    "poll_later": lambda ledger, entry, make: ledger.poll_later(
        entry, 1.0, confirmed=True, failed=False
    ),
    "ready": lambda ledger, entry, make: ledger.ready(entry, make.result),
    "deliver_later": lambda ledger, entry, make: ledger.deliver_later(entry, 1.0, "note"),
    "stored": lambda ledger, entry, make: ledger.stored(entry, 0, FILES[0]),
    "succeeded": lambda ledger, entry, make: ledger.succeeded(entry, FILES),
    "failed": lambda ledger, entry, make: ledger.failed(entry, FAILURE),
    "expired": lambda ledger, entry, make: ledger.expired(entry, FAILURE),
    "cancelled": lambda ledger, entry, make: ledger.cancelled(entry),
    "too_late": _too_late,
    "sent": _sent,
    "undelivered": lambda ledger, entry, make: ledger.undelivered(entry, 1.0),
    "delivered": lambda ledger, entry, make: ledger.delivered(
        entry.id, is_dead=entry.state in DEAD
    ),
    "stumbled": lambda ledger, entry, make: ledger.stumbled(entry, 1.0),
    "ask_again": lambda ledger, entry, make: ledger.ask_again(entry),
    "replay": lambda ledger, entry, make: ledger.replay(entry),
    "redeliver": lambda ledger, entry, make: ledger.redeliver(entry),
    "purge": lambda ledger, entry, make: ledger.purge(entry),
    "files_removed": _files_removed,
    "erase_later": lambda ledger, entry, make: ledger.erase_later(entry.id),
    "erase": _erased,
}

# How each state is reached.
REACH = {
    State.QUEUED: lambda ledger, make: make.queued(),
    State.CONVERTING: lambda ledger, make: make.converting(),
    State.READY: lambda ledger, make: make.ready(),
    State.SUCCEEDED: lambda ledger, make: ledger.succeeded(make.ready(), FILES),
    State.FAILED: lambda ledger, make: ledger.failed(make.ready(), FAILURE),
    State.EXPIRED: lambda ledger, make: ledger.expired(make.converting(), FAILURE),
    State.CANCELLED: lambda ledger, make: ledger.cancelled(make.converting()),
}

DEAD = (State.FAILED, State.EXPIRED)


def test_the_walk_leaves_nothing_out():
    assert set(ASK) == set(TRANSITIONS)
    assert set(REACH) == set(State)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("name", TRANSITIONS)
def test_a_transition_leaves_only_the_states_of_the_table(name, state, ledger, make, everything):
    entry = REACH[state](ledger, make)
    assert entry.state is state
    before = everything()

    answer = ASK[name](ledger, entry, make)

    row = TRANSITIONS[name]
    if state.value not in row.leaves:
        assert not answer
        assert everything() == before
    elif name in ("purge", "forget", "erase"):
        assert ledger.find(entry.id) is None
    elif name == "erase_later":
        assert ledger.find(entry.id).state is state
    else:
        assert ledger.get(entry.id).state is (row.enters or state)
        assert everything() != before
        if row.enters is not None and name != "stored":
            assert answer == ledger.get(entry.id)


@pytest.mark.parametrize(
    "name", [name for name, row in TRANSITIONS.items() if "" not in row.leaves]
)
def test_unknown_conversion_stays_unknown(*, name, ledger, make, client, everything):
    entry = REACH[State.READY](ledger, make)
    client.flushall()

    assert not ASK[name](ledger, entry, make)
    assert everything() == {}


GUARDED = [
    ("submit_later", State.QUEUED),
    ("begin_submit", State.QUEUED),
    ("started", State.CONVERTING),
    ("ask_first", State.CONVERTING),
    ("put_back", State.CONVERTING),
    ("poll_later", State.CONVERTING),
]


@pytest.mark.parametrize(("name", "state"), GUARDED)
def test_outdated_turn_changes_nothing(name, state, ledger, make, everything):
    """The state is the right one again; the turn tells that somebody else has been at it."""
    old = REACH[state](ledger, make)
    if state is State.QUEUED:
        ledger.submit_later(old, 1.0, "first")
    else:
        ledger.poll_later(old, 1.0, confirmed=False, failed=True)
    before = everything()

    assert ASK[name](ledger, old, make) is None
    assert everything() == before


@pytest.mark.parametrize(("name", "state"), GUARDED)
def test_of_two_that_do_the_same_one_gets_through(name, state, ledger, make):
    entry = REACH[state](ledger, make)
    answers = [ASK[name](ledger, entry, make) for _ in range(2)]
    moves_on = answers[0].turn != entry.turn or answers[0].state is not state

    assert answers[0] is not None
    assert (answers[1] is None) is moves_on


def test_work_in_progress_is_not_taken_back(ledger, make, client):
    """Its message has arrived, though the answer to that was lost."""
    entry = make.queued()
    ledger.put_back(make.submitting(entry), 1.0, "throttled", lost=False)

    assert not ledger.forget(entry.id)
    assert ledger.get(entry.id).state is State.QUEUED


def test_withdrawn_conversion_leaves_no_trace(ledger, make, everything):
    assert ledger.forget(make.queued().id)
    assert everything() == {}


def test_a_job_that_was_seen_alive_is_never_put_back(ledger, make):
    entry = make.converting(confirmed=True)

    assert ledger.put_back(entry, 1.0, "note", lost=True) is None
    assert ledger.get(entry.id).state is State.CONVERTING


def test_the_intent_is_on_record_before_anything_is_paid(ledger, make):
    entry = make.queued()
    begun = ledger.begin_submit(entry, JOB)

    kept = ledger.get(entry.id)
    assert kept == begun
    assert (kept.job_id, kept.base_url, kept.dialect) == ("our-id", "http://host", Dialect.QUERY)
    assert (kept.confirmed, kept.submits) == (False, 1)
    assert kept.submitted_at == pytest.approx(time.time(), abs=5)


@pytest.mark.parametrize(
    ("lost", "submits", "polls"),
    [(True, 1, 1), (False, 0, 0)],
    ids=["a poll has proved the loss", "the POST itself was turned away"],
)
def test_only_a_post_that_went_out_counts(ledger, make, lost, submits, polls):
    entry = make.converting()
    leaving = Leaving("any", 1, is_poll=bool(polls))
    back = ledger.put_back(entry, 1.0, "throttled", lost=lost, leaving=leaving)

    assert (back.submits, back.polls, back.consecutive_failures) == (submits, polls, 1)
    assert back.job_id == "0" * 32
    assert back.note == "throttled"


def test_silence_is_counted_in_a_row(ledger, make):
    entry = make.converting()
    for consecutive_failures in (1, 2):
        entry = ledger.poll_later(entry, 1.0, confirmed=False, failed=True, note="cut")
        assert (entry.consecutive_failures, entry.polls, entry.confirmed) == (
            consecutive_failures,
            consecutive_failures,
            False,
        )
    entry = ledger.poll_later(entry, 1.0, confirmed=True, failed=False)
    assert (entry.consecutive_failures, entry.polls, entry.confirmed) == (0, 3, True)
    # What was seen alive stays so, whatever a proxy answers later.
    assert ledger.poll_later(entry, 1.0, confirmed=False, failed=True).confirmed is True


@pytest.mark.parametrize(
    "command", [b"EVALSHA", b"EVAL"], ids=["loaded", "as it is sent by either name"]
)
def test_repeated_transition_after_a_lost_reply_returns_the_same(
    line, url_through, ledger, make, command
):
    entry = make.converting()
    with closing(connect(url_through)) as through:
        lossy = Ledger(through)
        lossy.poll_later(
            make.converting(), 1.0, confirmed=True, failed=False
        )  # the script is loaded
        line.lose_the_reply_to(command)
        answer = lossy.poll_later(entry, 1.0, confirmed=True, failed=False)

    assert line.lost == 1
    assert answer is not None
    assert answer == ledger.get(entry.id)
    assert (answer.polls, answer.turn) == (1, entry.turn + 1)


def test_submit_continues_after_begin_loses_its_reply(line, url_through, ledger, make):
    """Else the conversion would wait for a POST that nobody makes."""
    entry = make.queued()
    with closing(connect(url_through)) as through:
        lossy = Ledger(through)
        lossy.open("warm", make.request)
        line.lose_the_reply_to(b"EVALSHA")
        begun = lossy.begin_submit(entry, JOB)

    assert line.lost == 1
    assert begun is not None
    assert begun.submits == 1
