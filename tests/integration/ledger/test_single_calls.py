"""Calls of a command or two: what they leave in Redis, and what they tell."""

from __future__ import annotations

import pytest

from conveyor.domain.conversion import Failure, FailureKind, State
from conveyor.domain.dialect import Dialect
from conveyor.domain.progress import Event
from conveyor.errors import InvalidRequest
from conveyor.ledger.audit import Audited
from conveyor.ledger.claimed import Due
from conveyor.ledger.index import Index, Reading
from conveyor.ledger.keys import Keys
from conveyor.ledger.reservations import KEEP_SIGNED_S, KEEP_STAGED_S, Reservations
from conveyor.ledger.storage_mark import StorageMark

KEYS = Keys()
SECOND = 1_700_000_000
NOW = SECOND + 0.25
FAILURE = Failure(FailureKind.SERVICE, "Broken.")


@pytest.fixture
def moment(client, monkeypatch):
    """Have Redis tell this time to whoever asks for nothing else."""
    monkeypatch.setattr(client, "time", lambda: (SECOND, 250_000))


# -- the indexes ----------------------------------------------------------------------------------


@pytest.fixture
def index(client, ledger):
    return Index(client, ledger.find_many)


def test_empty_ledger_counts_nothing(index):
    found = index.read()

    assert found == Reading(
        states=dict.fromkeys(State, 0),
        dead={kind: 0 for kind in FailureKind if kind is not FailureKind.CANCELLED},
        throughput=(0,) * 30,
        oldest_overdue_s=0.0,
        oldest_submit_s=0.0,
        counts={},
        unreadable=0,
        leftovers=0,
        lost=0,
        newer=0,
    )


def test_all_that_is_there_is_counted(index, client, moment):
    for number, state in enumerate(State, 1):
        client.zadd(KEYS.state(state.value), {f"c{each}": each for each in range(number)})
    kinds = [kind for kind in FailureKind if kind is not FailureKind.CANCELLED]
    for number, kind in enumerate(kinds, 1):
        client.zadd(KEYS.dead_of(kind.value), {f"d{each}": each for each in range(number)})
    for back in range(31):
        client.set(KEYS.minute(SECOND // 60 - back), 100 + back)
    client.set(KEYS.minute(SECOND // 60 - 3), "odd")
    client.zadd(KEYS.due("submit"), {"a": NOW - 7, "b": NOW - 2})
    client.zadd(KEYS.due("poll"), {"a": NOW - 3, "b": NOW - 2})
    client.zadd(KEYS.due("deliver"), {"a": NOW - 5, "b": NOW + 2})
    client.hset(KEYS.counts, mapping={"polls": 4, "odd": "x"})
    client.zadd(KEYS.unreadable, {"a": 1})
    client.zadd(KEYS.leftovers, {"a": 1, "b": 1})
    client.zadd(KEYS.lost, {"a": 1, "b": 1, "c": 1})
    client.zadd(KEYS.newer, {"a": 1, "b": 1, "c": 1, "d": 1})

    assert index.read() == Reading(
        states={state: number for number, state in enumerate(State, 1)},
        dead={kind: number for number, kind in enumerate(kinds, 1)},
        throughput=tuple(0 if back == 3 else 100 + back for back in reversed(range(30))),
        oldest_overdue_s=5.0,
        oldest_submit_s=7.0,
        counts={"polls": 4, "odd": 0},
        unreadable=1,
        leftovers=2,
        lost=3,
        newer=4,
    )


def test_what_is_due_later_is_not_overdue(index, client, moment):
    for kind in ("submit", "poll", "deliver"):
        client.zadd(KEYS.due(kind), {"a": NOW + 5})
    found = index.read()

    assert (found.oldest_overdue_s, found.oldest_submit_s) == (0.0, 0.0)


@pytest.mark.parametrize("state", [None, State.QUEUED])
@pytest.mark.parametrize("same", [False, True], ids=["each at its time", "all at one time"])
def test_pages_show_each_once_the_last_first(*, index, client, make, state, same):
    ids = [make.queued(f"c{number}").id for number in range(5)]
    client.zadd(KEYS.state("queued"), {each: 1 if same else n for n, each in enumerate(ids)})
    pages, cursor = [], ""
    while True:
        entries, cursor = index.page(state, 2, cursor)
        pages.append([entry.id for entry in entries])
        if not cursor:
            break

    assert pages == [["c4", "c3"], ["c2", "c1"], ["c0"]]


@pytest.mark.parametrize("kind", [None, FailureKind.SERVICE])
def test_full_page_of_dead_letters_is_the_last_where_no_other_is(index, ledger, make, kind):
    ids = [ledger.failed(make.converting(), FAILURE).id for _ in range(2)]
    entries, cursor = index.dead_page(kind, 2, "")

    assert {entry.id for entry in entries} == set(ids)
    assert cursor == ""
    assert index.dead_page(FailureKind.INPUT, 2, "") == ([], "")


@pytest.mark.parametrize("cursor", ["x", "_", "x_a", "1.5", "nan_a", "1_" + "a" * 299])
def test_cursor_that_was_not_told_is_refused(index, cursor):
    with pytest.raises(InvalidRequest, match="Use `next` from the previous page"):
        index.page(None, 2, cursor)


@pytest.mark.parametrize("cursor", ["1_", "1.5_a_b", "-inf_a", "1_" + "a" * 298])
def test_cursor_that_could_have_been_told_is_taken(index, cursor):
    assert index.page(None, 2, cursor) == ([], "")


# -- the audit ------------------------------------------------------------------------------------


def test_audit_of_an_empty_ledger_finds_nothing(ledger):
    assert ledger.audit.step() == Audited(forgotten=0, awaited=0, lost=()) == Audited()


def test_audit_looks_at_each_index_by_its_name(ledger, client):
    client.sadd(KEYS.accounts, "b", "a")
    asked = []
    ledger.audit._audit = lambda keys, args: (asked.append((keys, args)), [0, 0, [], []])[1]
    ledger.audit.step(7)
    week = 7 * 24 * 3600
    states = {
        "queued": ("submit", 0),
        "converting": ("poll", 0),
        "ready": ("deliver", 0),
        "succeeded": ("deliver", week),
        "failed": ("deliver", 0),
        "expired": ("deliver", 0),
        "cancelled": ("deliver", week),
    }

    def row(name, key, kind="submit", keep_s=0, *, state="", account=""):
        keys = [key, KEYS.audited, KEYS.due(kind), KEYS.unreadable]
        return keys, [name, 7, KEYS.entry_prefix, 1, keep_s, state, account, KEYS.prefix]

    assert sorted(asked) == sorted(
        [
            *(
                row(f"state:{name}", KEYS.state(name), kind, keep_s, state=name)
                for name, (kind, keep_s) in states.items()
            ),
            row("dead", KEYS.dead),
            *(row(f"dead:{kind.value}", KEYS.dead_of(kind.value)) for kind in FailureKind),
            *(row(f"jobs:{name}", KEYS.jobs(name), account=name) for name in ("a", "b")),
        ]
    )
    assert [args[0] for _, args in asked][-2:] == ["jobs:a", "jobs:b"]


def test_findings_of_all_indexes_are_added_up(ledger, monkeypatch):
    ledger.audit._audit = lambda keys, args: [1, 2, [args[0]], []]
    noted = []
    monkeypatch.setattr(ledger.audit, "lose", lambda ids: noted.extend(ids) or [])
    count = len(State) + 1 + len(FailureKind)

    assert ledger.audit.step() == Audited(count, 2 * count, ())
    assert len(noted) == count


def test_lost_ones_are_noted_by_hundreds_and_each_once(ledger, client):
    ids = [f"c{number}" for number in range(450)]
    calls = []
    lose = ledger.audit._lose
    ledger.audit._lose = lambda keys, args: (calls.append(len(args)), lose(keys, args))[1]
    lost = ledger.audit.lose([*ids, *ids])

    assert [each.id for each in lost] == ids
    assert not any(each.undelivered for each in lost)
    assert calls == [202, 202, 52]
    assert ledger.audit.lost().keys() == set(ids)
    assert ledger.audit.lose(ids) == []


def test_lost_one_leaves_every_index(ledger, client):
    keys = [KEYS.dead, *(KEYS.state(state.value) for state in State)]
    keys += [KEYS.dead_of(kind.value) for kind in FailureKind]
    for key in (*keys, *KEYS.all_due):
        client.zadd(key, {"c1": 1, "other": 1})
    (lost,) = ledger.audit.lose(["c1"])

    assert lost.undelivered
    assert [client.zrange(key, 0, -1) for key in (*keys, *KEYS.all_due)] == [["other"]] * (
        len(keys) + 3
    )
    assert ledger.audit.is_lost("c1")
    assert not ledger.audit.is_lost("other")
    assert client.hget(KEYS.counts, "lost") == "1"


def test_lost_one_is_forgotten_once(ledger):
    ledger.audit.lose(["c1"])

    assert ledger.audit.forget_lost("c1")
    assert not ledger.audit.forget_lost("c1")
    assert ledger.audit.lost() == {}


def test_newer_ones_are_noted_with_their_time(ledger, client, moment):
    ledger.audit.record_newer([])
    assert not client.exists(KEYS.newer)
    ledger.audit.record_newer(["a", "b"])

    assert client.zrange(KEYS.newer, 0, -1, withscores=True) == [("a", SECOND), ("b", SECOND)]


def test_latest_ten_thousand_newer_ones_are_noted(ledger, client):
    client.zadd(KEYS.newer, {f"old{number}": number for number in range(10_000)})
    ledger.audit.record_newer(["new"])

    assert client.zcard(KEYS.newer) == 10_000
    assert client.zscore(KEYS.newer, "old0") is None
    assert client.zscore(KEYS.newer, "new")


@pytest.mark.parametrize(
    ("fields", "is_newer"),
    [
        ({"v": "2", "state": "queued"}, True),
        ({"v": "1", "state": "queued"}, False),
        ({"v": "1", "state": "paused"}, True),
        ({"state": "paused"}, True),
        ({"v": "odd", "state": "queued"}, False),
        ({"v": "²", "state": "queued"}, False),
        ({"v": "9"}, False),
        ({}, False),
        ("text", False),
    ],
)
def test_newer_one_is_told_for_as_long_as_it_is(ledger, client, fields, is_newer):
    if isinstance(fields, str):
        client.set(KEYS.conversion("c1"), fields)
    elif fields:
        client.hset(KEYS.conversion("c1"), mapping=fields)
    ledger.audit.record_newer(["c1"])

    assert ledger.audit.newer() == (["c1"] if is_newer else [])
    assert client.exists(KEYS.newer) == is_newer


# -- entries --------------------------------------------------------------------------------------


def test_nothing_that_is_put_aside_is_no_call(ledger, everything):
    assert ledger.set_aside([]) == 0
    assert everything() == {}


def test_what_is_put_aside_is_told_with_its_time(ledger, client):
    client.zadd(KEYS.due("poll"), {"c1": 1})

    assert (ledger.set_aside(["c1", "c2"]), ledger.set_aside(["c1"])) == (2, 0)
    assert ledger.unreadable().keys() == {"c1", "c2"}
    assert all(at == pytest.approx(ledger.now(), abs=60) for at in ledger.unreadable().values())
    assert client.zcard(KEYS.due("poll")) == 0


def test_time_is_that_of_redis(ledger, moment):
    assert ledger.now() == NOW


def test_what_was_put_aside_is_discarded_from_everywhere(ledger, make, client, everything):
    entry = ledger.failed(make.converting(), FAILURE)
    client.flushall()
    client.hset(KEYS.conversion(entry.id), "state", "odd")
    client.rpush(KEYS.events(entry.id), "x")
    keys = [KEYS.dead, *(KEYS.state(state.value) for state in State)]
    keys += [KEYS.dead_of(kind.value) for kind in FailureKind]
    for key in (*keys, KEYS.unreadable):
        client.zadd(key, {entry.id: 1})
    client.sadd(KEYS.accounts, "acc")
    client.sadd(KEYS.jobs("acc"), entry.id)
    client.set(KEYS.bell("submit"), 1)

    assert ledger.discard(entry.id)
    assert everything() == {KEYS.accounts: {"acc"}}
    assert not ledger.discard(entry.id)


def test_what_is_read_well_is_not_discarded(ledger, make):
    entry = make.queued()

    assert not ledger.discard(entry.id)
    assert ledger.get(entry.id) == entry


def test_all_dead_letters_are_read_so_that_damaged_ones_are_put_aside(ledger, client, make):
    ids = [ledger.failed(make.converting(), FAILURE).id for _ in range(3)]
    client.hset(KEYS.conversion(ids[2]), "polls", "odd")
    read = []
    find_many = ledger.find_many
    ledger.find_many = lambda some: (read.append(some), find_many(some))[1]
    ledger.look_at_dead()

    assert sorted(each for some in read for each in some) == sorted(ids)
    assert list(ledger.unreadable()) == [ids[2]]


def test_dead_letters_are_read_by_two_hundreds(ledger, client):
    client.zadd(KEYS.dead, {f"c{number}": number for number in range(450)})
    read = []
    ledger.find_many = lambda some: read.append(len(some))
    ledger.look_at_dead()

    assert read == [200, 200, 50]


# -- history --------------------------------------------------------------------------------------


def test_events_are_told_in_their_order_and_damaged_ones_are_passed_over(ledger, client):
    lines = ["1500-0 queued ", "odd", "x-0 queued ", "2000-1 paused ", "2000-2 ready a note"]
    client.rpush(KEYS.events("c1"), *lines)
    events = [
        Event("1500-0", "c1", State.QUEUED, 1.5, ""),
        Event("2000-2", "c1", State.READY, 2.0, "a note"),
    ]

    assert ledger.events("c1") == events
    assert ledger.events("c1", after="1500-0") == events[1:]
    assert ledger.events("c1", after="2000-1") == events[1:]
    assert ledger.events("c1", after="2000-2") == []
    assert ledger.last_event_id("c1") == "2000-2"
    assert (ledger.events("c2"), ledger.last_event_id("c2")) == ([], "")


# -- what the fleet remembers ---------------------------------------------------------------------


def test_what_is_remembered_stays(ledger, client):
    key, identity = ledger.job_key(), ledger.identity()

    assert (len(key), len(identity)) == (64, 16)
    assert (ledger.job_key(), ledger.identity()) == (key, identity)
    assert (client.get(KEYS.job_key), client.get(KEYS.identity)) == (key, identity)


def test_dialect_of_a_later_release_is_not_known(ledger, client):
    client.set(KEYS.dialect("acc"), "later")
    assert ledger.recall_dialect("acc") is None
    ledger.remember_dialect("acc", Dialect.QUERY)

    assert ledger.recall_dialect("acc") is Dialect.QUERY


def test_report_is_kept_for_a_minute(ledger, client):
    assert ledger.reports.get("q1") is None
    ledger.reports.put("q1", "{}")

    assert ledger.reports.get("q1") == "{}"
    assert 0 < client.ttl(KEYS.report("q1")) <= 60


def test_check_writes_a_key_for_a_minute(ledger, client):
    ledger.check()

    assert client.get(KEYS.check) == "ok"
    assert 0 < client.ttl(KEYS.check) <= 60


# -- the storage in use ---------------------------------------------------------------------------


@pytest.fixture
def mark(client):
    return StorageMark(client)


def test_first_mark_is_the_storage_in_use_until_another_is_adopted(mark, client):
    assert mark.known() == ""
    assert mark.claim()
    assert not mark.claim()
    assert 0 < client.ttl(KEYS.storage_claim) <= 30
    assert mark.settle("one") == "one"
    assert mark.claim()
    assert mark.settle("other") == "one"
    assert mark.known() == "one"
    mark.adopt("other")
    assert mark.known() == "other"


def test_process_with_another_storage_is_told_for_a_minute_and_a_half(mark, client, moment):
    mark.stands_apart("w1", apart=True)
    assert mark.strangers() == ["w1"]
    assert client.zscore(KEYS.strangers, "w1") == SECOND + 90
    assert 0 < client.ttl(KEYS.strangers) <= 90
    mark.stands_apart("w1", apart=False)
    assert mark.strangers() == []
    client.zadd(KEYS.strangers, {"w2": SECOND - 1, "w3": SECOND})
    assert mark.strangers() == ["w3"]


# -- staged folders -------------------------------------------------------------------------------


@pytest.fixture
def reservations(client):
    return Reservations(client)


def _dates(client):
    return dict(client.zrange(KEYS.staging, 0, -1, withscores=True))


def test_staged_folder_is_kept_for_an_hour_and_a_signatures_for_a_month():
    assert (KEEP_STAGED_S, KEEP_SIGNED_S) == (3600, 30 * 24 * 3600)


def test_folder_is_reserved_for_an_hour_and_renewed(reservations, client):
    token = reservations.make()
    now = client.time()[0]
    assert len(token) == 32
    assert 3600 - 60 <= _dates(client)[token] - now <= 3600
    assert reservations.renew(token, 100)
    assert 100 - 60 <= _dates(client)[token] - now <= 100 + 60
    assert reservations.renew(token)
    assert 3600 - 60 <= _dates(client)[token] - now <= 3600 + 60
    assert not reservations.renew("another")


def test_folder_of_a_signature_is_kept_for_a_month_until_it_is_unsigned(reservations, client):
    token = reservations.make()
    assert reservations.sign(token)
    assert not reservations.sign("another")
    assert client.smembers(KEYS.signed) == {token}
    assert _dates(client)[token] - client.time()[0] == pytest.approx(KEEP_SIGNED_S, abs=60)
    assert reservations.doom([token]) == []
    reservations.unsign([])
    reservations.unsign([token])
    assert reservations.doom([token]) == [token]


def test_folders_that_are_given_back_are_doomed_next(reservations, client):
    token = reservations.make()
    assert reservations.doomed() == []
    reservations.give_back([])
    reservations.give_back([token])
    client.sadd(KEYS.doomed, "../planted", token[:-1])
    assert reservations.doomed() == [token]
    assert reservations.doomed() == [token]
    reservations.removed([])
    reservations.removed([token])
    assert reservations.doomed() == []


def test_nothing_that_is_doomed_is_no_call(reservations):
    assert reservations.doom([]) == []


def test_a_hundred_are_doomed_at_once(reservations, client):
    client.zadd(KEYS.staging, {f"{number:032x}": 0 for number in range(150)})

    assert len(reservations.doomed()) == 100
    assert client.zcard(KEYS.staging) == 50


# -- what is due ----------------------------------------------------------------------------------


def test_bell_that_is_put_off_comes_later(make, worker, bells, client):
    make.queued()
    bells.take()
    for key in client.scan_iter(f"{KEYS.prefix}bell:*"):
        client.delete(key)
    begun = worker.ledger.now()
    worker.claims.put_off("submit", 1.0)
    (rung,) = bells.take()

    assert rung.kind == "submit"
    assert begun + 1 <= rung.at <= worker.ledger.now() + 1.25
    worker.claims.put_off("poll", 1.0)
    assert bells.take() == []


def test_bell_that_came_too_early_comes_when_it_was_to_come(worker, bells):
    at = worker.ledger.now() + 30
    worker.claims.put_off("submit", 1.0, at)
    (rung,) = bells.take()

    assert rung.at == pytest.approx(at, abs=0.01)


def test_each_kind_that_is_overdue_is_told_with_its_number(worker, client):
    late = worker.ledger.now() - 3
    client.zadd(KEYS.due("submit"), {"a": late, "b": late})
    client.zadd(KEYS.due("deliver"), {"c": late})

    assert worker.claims.overdue() == [Due("submit", 2), Due("deliver", 1)]
