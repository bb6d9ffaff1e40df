"""What is due is taken by one worker, in order, and comes back if that one dies."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import closing
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conveyor.domain.conversion import Failure, FailureKind, StoredFile
from conveyor.domain.dialect import Dialect
from conveyor.ledger import Submission, connect
from conveyor.ledger.keys import Keys

KEYS = Keys()

ROOT = Path(__file__).parents[3]
JOB = Submission("0" * 32, "http://x", Dialect.PATH)
FAILURE = Failure(FailureKind.SERVICE, "Broken.")
FILES = (StoredFile("a.pdf", "file:///a.pdf", 3, "00"),)
SPACING_S, LEASE_S = 5.0, 15.0


def _ids(entries):
    return [entry.id for entry in entries]


def _await(take):
    """What it takes at last."""
    deadline = time.monotonic() + 60
    while not (taken := take()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return taken


REACH = {
    "submits": lambda make: make.queued(),
    "polls": lambda make: make.converting(),
    "deliveries": lambda make: make.ready(),
}


def _claim(worker, name, limit=1000):
    return [passed.entry.id for passed in getattr(worker.claims, name)(limit).passes]


# -- who takes what ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", REACH)
def test_what_is_due_is_taken_in_its_order_up_to_the_limit(make, worker, dates, name):
    ids = [REACH[name](make).id for _ in range(7)]
    ordered = ids[::-1]
    dates.past(*ordered)

    assert [_claim(worker, name, 3) for _ in range(4)] == [
        *(ordered[:3], ordered[3:6], ordered[6:]),
        [],
    ]


def test_what_is_to_be_submitted_is_taken_in_the_order_of_its_acceptance(make, worker):
    ids = _ids(make.queued() for _ in range(50))

    assert list(chain(*(worker.submits(limit=7) for _ in range(8)))) == ids


@pytest.mark.parametrize("name", REACH)
def test_what_is_due_later_is_left_alone(make, worker, dates, name):
    entry = REACH[name](make)
    dates.set(worker.ledger.now() + 30, entry.id)

    assert _claim(worker, name) == []


@pytest.mark.parametrize("name", REACH)
def test_what_one_kind_takes_no_other_kind_does(make, worker, dates, name):
    entry = REACH[name](make)
    dates.past(entry.id)

    for other in REACH.keys() - {name}:
        assert _claim(worker, other) == []
    assert _claim(worker, name) == [entry.id]


def test_a_claim_raises_the_turn_enters_and_moves_the_date_behind_the_lease(
    make, worker, client, dates
):
    before = make.queued()
    (passed,) = worker.claims.submits(10).passes
    now = worker.ledger.now()

    assert passed.entry.turn == before.turn + 1
    assert passed.entry == worker.ledger.get(before.id)
    assert client.get(KEYS.turnstile(before.id)) == passed.token
    assert now + LEASE_S - 5 < dates.of(before.id) - 1 <= now + LEASE_S
    assert abs(passed.entry.seen_at - now) < 30


_TEN_WORKERS = """
import json, multiprocessing, sys
from conveyor.ledger.claims import Claims
from conveyor.ledger.governor import Governor
from conveyor.ledger import Ledger, connect
from conveyor.ledger.turnstile import Turnstile

WORKERS = 10

def work(url, begin, answers):
    client = connect(url)
    governor = Governor(client, "account", 5.0, 0)
    claims = Claims(client, Ledger(client), Turnstile(client, 5.0, 15.0), governor, 60.0)
    claims.overdue()
    mine = {}
    for name in ("submits", "polls", "deliveries"):
        begin.wait()
        claim, mine[name] = getattr(claims, name), []
        while passes := claim(7).passes:
            mine[name].append([passed.entry.id for passed in passes])
    answers.put(mine)

if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    begin, answers = context.Barrier(WORKERS), context.Queue()
    workers = [
        context.Process(target=work, args=(sys.argv[1], begin, answers)) for _ in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    print(json.dumps([answers.get() for _ in workers]))
    for worker in workers:
        worker.join()
    sys.exit(max(worker.exitcode for worker in workers))
"""


def test_each_is_taken_by_exactly_one_of_ten_processes(make, dates, redis_url):
    ids = {name: [reach(make).id for _ in range(150)] for name, reach in REACH.items()}
    for each in ids.values():
        dates.past(*each)
    done = subprocess.run(
        [sys.executable, "-c", _TEN_WORKERS, redis_url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    workers = json.loads(done.stdout)
    for name, due in ids.items():
        claims = list(chain(*(worker[name] for worker in workers)))
        assert sorted(chain(*claims)) == sorted(due)
        place = {each: number for number, each in enumerate(due)}
        assert all(claim == sorted(claim, key=place.get) for claim in claims)


# -- bells that come too early, ways that are closed ------------------------------------------


def test_a_bell_that_comes_too_early_takes_nothing_and_has_another_rung(
    *, make, worker, bells, client, dates
):
    """By the server's clock: the hosts' differ."""
    entry = make.queued()
    dates.past(entry.id)
    bells.take()
    at = worker.ledger.now() + 30

    assert worker.claims.submits(10, at).passes == []
    (rung,) = bells.take()
    assert rung.kind == "submit"
    assert rung.at == pytest.approx(at, abs=0.01)
    assert 0 < rung.wait_s <= 30
    assert dates.of(entry.id) == 1.0
    assert worker.ledger.get(entry.id).turn == entry.turn


def test_a_bell_that_comes_late_takes_what_is_due(make, worker):
    entry = make.queued()

    assert _ids(it.entry for it in worker.claims.submits(10, worker.ledger.now() - 30).passes) == [
        entry.id
    ]


def test_each_of_several_that_are_closed_has_a_bell_come_for_it(make, worker, client, dates, bells):
    """Whether they open in the same slot or not, and whatever else is rung for."""
    entries = [make.converting() for _ in range(4)]
    dates.past(*_ids(entries))
    for number, entry in enumerate(entries[:3]):
        client.set(KEYS.turnstile(entry.id), "left", px=3000 + 1000 * number)
    bells.take()

    assert worker.polls(limit=2) == [entries[3].id]
    rung = bells.take()
    for entry in entries[:3]:
        opens_at = dates.of(entry.id)
        assert any(opens_at <= bell.at <= opens_at + 0.26 for bell in rung)


def test_one_that_is_closed_keeps_none_behind_it_from_its_turn(make, worker, dates):
    closed, other = make.converting(), make.converting()
    worker.turnstile.leave(worker.enter(closed))
    dates.past(closed.id, other.id)

    assert worker.polls(limit=1) == [other.id]
    assert 0 < dates.of(closed.id) - worker.ledger.now() <= SPACING_S + 0.02


def test_a_key_of_a_wrong_type_in_the_way_of_one_harms_no_other(make, worker, client, dates):
    damaged, other = make.converting(), make.converting()
    client.hset(KEYS.turnstile(damaged.id), "of a", "wrong type")
    dates.past(damaged.id, other.id)

    assert worker.polls() == [other.id]


# -- whoever dies ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["submits", "polls"])
def test_until_the_lease_ends_nobody_else_takes_it_whatever_its_date(make, worker, dates, name):
    entry = REACH[name](make)
    dates.past(entry.id)
    assert _claim(worker, name) == [entry.id]
    dates.past(entry.id)

    assert _claim(worker, name) == []
    assert dates.of(entry.id) > worker.ledger.now() + LEASE_S - 5


@pytest.mark.parametrize("name", ["submits", "polls"])
def test_what_a_dead_worker_took_comes_back_after_its_lease(make, claiming, dates, name):
    entry = REACH[name](make)
    dates.past(entry.id)
    dead = claiming(lease_s=0.2)
    begun = dead.ledger.now()
    assert _claim(dead, name) == [entry.id]

    assert _await(lambda: _claim(claiming(), name)) == [entry.id]
    assert claiming().ledger.now() - begun >= 0.2


def test_a_worker_that_wakes_up_after_its_lease_changes_nothing_any_more(make, claiming, ledger):
    """The turn tells it apart from whoever has taken it up since."""
    make.queued()
    (late,) = claiming(lease_s=0.2).claims.submits(1).passes
    (passed,) = _await(lambda: claiming().claims.submits(1).passes)

    assert ledger.begin_submit(late.entry, JOB, late.entering) is None
    assert ledger.submit_later(late.entry, 1, "late", leaving=late.leaving) is None
    assert ledger.begin_submit(passed.entry, JOB, passed.entering).submits == 1


def test_a_late_answer_to_a_poll_changes_nothing_any_more(make, claiming, ledger, dates):
    entry = make.converting(confirmed=True)
    dates.past(entry.id)
    (late,) = claiming(lease_s=0.2).claims.polls(1).passes
    (passed,) = _await(lambda: claiming().claims.polls(1).passes)

    assert (
        ledger.poll_later(late.entry, 60, confirmed=True, failed=False, leaving=late.leaving)
        is None
    )
    assert ledger.poll_later(
        passed.entry, 5, confirmed=True, failed=False, leaving=passed.leaving
    ).polls


@pytest.mark.parametrize("name", REACH)
def test_a_claim_whose_reply_was_lost_brings_what_it_took(
    *, line, url_through, make, dates, bells, claiming, name
):
    """Else all that it took would wait for its lease to end."""
    with closing(connect(url_through)) as through:
        worker = type(claiming())(through, bells)
        _claim(worker, name)  # the script is loaded
        ids = [REACH[name](make).id for _ in range(3)]
        dates.past(*ids)
        line.lose_the_reply_to(b"EVALSHA")
        taken = _claim(worker, name, 2)

    assert line.lost == 1
    assert taken == ids[:2]
    assert _claim(claiming(), name) == ids[2:]


def test_a_repeated_claim_brings_nothing_that_another_has_by_then(
    *, line, url_through, make, client, bells, claiming
):
    with closing(connect(url_through)) as through:
        worker = type(claiming())(through, bells, lease_s=0.001)
        worker.submits()
        entry = make.queued()
        line.lose_the_reply_to(b"EVALSHA")
        taken = worker.submits()

    assert line.lost == 1
    assert taken == []
    assert worker.ledger  # it has closed by now; the entry is another's to take
    assert _await(claiming().submits) == [entry.id]


# -- what stands in the index and is none -------------------------------------------------------


def test_what_has_no_entry_is_told_to_be_lost_once(make, worker, client):
    gone, other = make.queued(), make.queued()
    client.delete(KEYS.conversion(gone.id))
    taken = worker.claims.submits(10)

    assert _ids(it.entry for it in taken.passes) == [other.id]
    assert [(lost.id, lost.undelivered) for lost in taken.lost] == [(gone.id, True)]
    assert worker.claims.submits(10).lost == []


MOVED = {
    "queued": (lambda ledger, make: make.queued(), "submits"),
    "converting": (lambda ledger, make: make.converting(), "polls"),
    "ready": (lambda ledger, make: make.ready(), "deliveries"),
    "succeeded": (lambda ledger, make: ledger.succeeded(make.ready(), FILES), "deliveries"),
    "failed": (lambda ledger, make: ledger.failed(make.ready(), FAILURE), "deliveries"),
    "cancelled": (lambda ledger, make: ledger.cancelled(make.queued()), "deliveries"),
}


@pytest.mark.parametrize(("reach", "belongs"), MOVED.values(), ids=MOVED)
@pytest.mark.parametrize("kind", ["submit", "poll", "deliver"])
def test_one_in_the_wrong_index_is_moved_to_where_it_belongs(
    *, ledger, make, client, dates, worker, reach, belongs, kind
):
    """Somebody has mended an entry by hand, or Redis was taken back to an older state."""
    entry = reach(ledger, make)
    dates.forget(entry.id)
    client.zadd(KEYS.due(kind), {entry.id: 1})
    names = {"submit": "submits", "poll": "polls", "deliver": "deliveries"}
    first = _claim(worker, names[kind])

    assert first == ([entry.id] if names[kind] == belongs else [])
    assert first or _claim(worker, belongs) == [entry.id]


def test_one_that_was_told_leaves_the_index(ledger, make, client, dates, worker):
    entry = ledger.failed(make.ready(), FAILURE)
    ledger.delivered(entry.id, is_dead=True)
    client.zadd(KEYS.due("poll"), {entry.id: 1})

    assert worker.everything() == []
    assert dates.of(entry.id) is None


# -- the account --------------------------------------------------------------------------------


def test_what_has_a_place_and_whose_worker_has_died_is_taken_again_though_others_wait(
    make, claiming
):
    """Those that wait were accepted before it is due again, and there is no place for them."""
    worker = claiming(most_jobs=2, lease_s=0.2)
    first, second, _third = (make.queued().id for _ in range(3))
    assert worker.submits() == [first, second]
    assert worker.claims.submits(10).admission.reason == "full"

    assert sorted(_await(worker.submits)) == sorted([first, second])


def test_many_that_wait_hide_nothing_that_has_a_place(make, claiming):
    worker = claiming(most_jobs=1, lease_s=0.2)
    first, *_waiting = (make.queued().id for _ in range(100))
    assert worker.submits(limit=1) == [first]

    assert _await(lambda: worker.submits(limit=1)) == [first]


@pytest.mark.parametrize("value", ["x", "", "nan", "inf", "-inf", "1e999", "9" * 400])
@pytest.mark.parametrize("field", ["rate", "rate_at", "well_at", "blocked_at", "most_jobs", "full"])
def test_a_damaged_field_of_the_account_holds_nobody_up(*, make, worker, client, field, value):
    ids = _ids(make.queued() for _ in range(3))
    client.hset(KEYS.account("account"), field, value)

    assert worker.submits() == ids


# -- whatever there is ---------------------------------------------------------------------------

TROUBLES = {
    "none": lambda it, entry: None,
    "gone": lambda it, entry: it.client.delete(KEYS.conversion(entry.id)),
    "damaged": lambda it, entry: it.client.hset(KEYS.conversion(entry.id), "turn", "x"),
    "unreadable": lambda it, entry: it.client.hset(KEYS.conversion(entry.id), "request", "{"),
    "newer": lambda it, entry: it.client.hset(KEYS.conversion(entry.id), "v", "99"),
    "queued": lambda it, entry: it.client.hset(KEYS.conversion(entry.id), "state", "queued"),
    "left": lambda it, entry: it.client.set(KEYS.turnstile(entry.id), "left", px=4000),
    "held": lambda it, entry: it.client.set(KEYS.turnstile(entry.id), "another", px=9000),
    "later": lambda it, entry: it.dates.set(it.now + 1000, entry.id),
}
# What counts as one that was asked for, though it can't be read.
_TAKES_A_PLACE = ("none", "unreadable")


class _It:
    def __init__(self, client, dates, now):
        self.client, self.dates, self.now = client, dates, now


def _check_place(trouble, dates, conversion_id, now):
    """Where one that was met by a claim stands after it."""
    if trouble == "queued":
        assert dates.kind_of(conversion_id) == "submit"
        return
    at = dates.of(conversion_id)
    match trouble:
        case "none":
            assert at > now + LEASE_S - 5
        case "gone" | "damaged" | "unreadable":
            assert at is None
        case "newer":
            assert at > now + 5
        case "left":
            assert now - 1 < at <= now + 4
        case "held":
            assert now + 5 < at <= now + 11


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    troubles=st.lists(st.sampled_from(sorted(TROUBLES)), max_size=12),
    limit=st.integers(min_value=1, max_value=5),
)
def test_whatever_is_due_the_first_that_may_go_do_and_the_rest_is_known(
    *, troubles, limit, client, make, worker, dates, bells
):
    client.flushall()
    it = _It(client, dates, worker.ledger.now())
    entries = [make.converting() for _ in troubles]
    dates.set(it.now - 5, *_ids(entries))
    dates.past(*_ids(entries))
    trouble_of = {}
    for entry, trouble in zip(entries, troubles, strict=True):
        TROUBLES[trouble](it, entry)
        trouble_of[entry.id] = trouble
    reached, places = [], 0
    for entry in entries:
        if trouble_of[entry.id] != "later" and places < limit:
            reached.append(entry.id)
            places += trouble_of[entry.id] in _TAKES_A_PLACE
    bells.take()
    taken = worker.claims.polls(limit)

    assert [passed.entry.id for passed in taken.passes] == [
        each for each in reached if trouble_of[each] == "none"
    ]
    assert all(passed.entry.turn == 2 for passed in taken.passes)
    for each in reached:
        _check_place(trouble_of[each], dates, each, worker.ledger.now())
    aside = [each for each in reached if trouble_of[each] in ("damaged", "unreadable")]
    assert sorted(worker.ledger.unreadable()) == sorted(aside)
    assert [lost.id for lost in taken.lost] == [
        each for each in reached if trouble_of[each] == "gone"
    ]
    # Nothing that is due and was left behind waits for the sweep.
    left = [each for each in trouble_of if each not in reached and trouble_of[each] != "later"]
    rung = bells.take()
    assert ([0.0] if left else []) == [bell.wait_s for bell in rung if bell.wait_s == 0]
    if "left" in [trouble_of[each] for each in reached]:
        assert any(0 < bell.wait_s <= 4.26 for bell in rung)
