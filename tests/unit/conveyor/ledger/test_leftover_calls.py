"""What is asked of Redis for leftovers, turnstiles, leases and heartbeats; no Redis is there."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from conveyor.domain.dialect import Dialect
from conveyor.domain.request import ConversionRequest
from conveyor.domain.request_json import dump_request
from conveyor.domain.rules import FILE_LIFE_S, JOB_LIFE_S
from conveyor.ledger import Entry, Ledger, Renewal, Tenure, connect, wire
from conveyor.ledger.delivery_lease import DeliveryLeases
from conveyor.ledger.encoding import decode
from conveyor.ledger.keys import Keys
from conveyor.ledger.leftover import Leftover, read_leftover
from conveyor.ledger.leftovers import Leftovers
from conveyor.ledger.turnstile import Turnstile

KEYS = Keys()
FILE = Leftover(url="/d/x")
JOB = Leftover("http://h", Dialect.QUERY, "j1")
BOTH = (KEYS.leftovers, KEYS.leftover_records)
FIELDS = {
    "state": "ready",
    "turn": "1",
    "attempt": "1",
    "request": dump_request(ConversionRequest.build("https://example.com/a.docx", "pdf")),
}


class Script:
    """Answers as it is told, one answer after the other, and notes what it was asked."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def __call__(self, keys, args):
        self.asked.append((tuple(keys), args))
        return self.answers.pop(0) if self.answers else 0


@pytest.fixture
def client():
    with connect("redis://127.0.0.1:1/0") as made:
        yield made


@pytest.fixture
def leftovers(client):
    made = Leftovers(client)
    for name in ("_add", "_claim", "_postpone", "_clear"):
        setattr(made, name, Script())
    return made


# -- one leftover ---------------------------------------------------------------------------------


def test_leftover_is_a_file_unless_it_is_a_job():
    assert (FILE.base_url, FILE.dialect, FILE.job_id, FILE.seen, FILE.failures) == (
        "",
        Dialect.PATH,
        "",
        True,
        0,
    )
    assert (FILE.life_s, JOB.life_s) == (FILE_LIFE_S, JOB_LIFE_S)


@pytest.mark.parametrize(("leftover", "address"), [(FILE, "\0\0/d/x"), (JOB, "http://h\0j1\0")])
def test_id_is_a_hash_of_where_it_lies(leftover, address):
    assert leftover.id == sha256(address.encode()).hexdigest()[:32]


def test_id_of_half_a_character_can_be_made():
    assert Leftover(url="\ud800").id == Leftover(url="?").id


@pytest.mark.parametrize(
    ("leftover", "record"),
    [
        (FILE, {"v": 1, "url": "/d/x"}),
        (JOB, {"v": 1, "base_url": "http://h", "dialect": "query", "job_id": "j1"}),
        (
            Leftover("http://h", Dialect.PATH, "j1", seen=False),
            {"v": 1, "base_url": "http://h", "dialect": "path", "job_id": "j1", "seen": False},
        ),
    ],
)
def test_record_is_read_as_it_was_written(leftover, record):
    row = leftover.row

    assert json.loads(row.pop("record")) == record
    assert row == {"id": leftover.id, "life_s": leftover.life_s, "wait_s": 5.0}
    found = read_leftover("3", json.dumps(record))
    assert found == leftover
    assert found.failures == 3


@pytest.mark.parametrize(
    ("failures", "record"),
    [
        ("3", "{"),
        ("3", "[]"),
        ("3", "{}"),
        ("x", '{"url": "/d/x"}'),
        ("3", '{"v": 2, "url": "/d/x"}'),
        ("3", '{"base_url": "h", "dialect": "later", "job_id": "j"}'),
        ("3", '{"base_url": "h", "dialect": "path"}'),
    ],
)
def test_record_that_can_not_be_read_is_none(failures, record):
    assert read_leftover(failures, record) is None


def test_record_without_a_version_is_read():
    assert read_leftover("0", '{"url": "/d/x"}') == FILE


# -- the list -------------------------------------------------------------------------------------


def test_nothing_is_not_asked_for(leftovers):
    leftovers.add([])
    leftovers.done([])
    leftovers.give_up([])
    leftovers.give_back([])

    assert leftovers._add.asked == leftovers._clear.asked == leftovers._postpone.asked == []


def test_leftovers_are_added_by_their_rows(leftovers):
    leftovers.add([FILE, JOB])

    assert leftovers._add.asked == [(BOTH, [json.dumps([FILE.row, JOB.row])])]


def test_claim_reads_what_it_gets(leftovers):
    leftovers._claim = Script(["i1", "2", '{"url": "/d/x"}', "i2", "0", JOB.row["record"]])
    found = leftovers.claim(7, 60.5)

    assert found == [FILE, JOB]
    assert [each.failures for each in found] == [2, 0]
    assert leftovers._claim.asked == [
        ((*BOTH, KEYS.leftovers_pause, KEYS.counts), [7, 60.5]),
    ]
    assert leftovers._postpone.asked == []


def test_unreadable_ones_are_put_off_for_five_minutes_and_the_next_are_claimed(leftovers):
    leftovers._claim = Script(["i1", "0", "odd"], ["i2", "0", "odd", "i3", "0", '{"url": "/d/x"}'])

    assert leftovers.claim(7, 60) == [FILE]
    assert leftovers._postpone.asked == [
        (BOTH, [300.0, 0, "i1"]),
        (BOTH, [300.0, 0, "i2"]),
    ]


def test_claim_ends_where_nothing_is_left_or_nothing_can_be_read(leftovers):
    leftovers._claim = Script([])
    assert leftovers.claim(7, 60) == []
    assert len(leftovers._claim.asked) == 1

    leftovers._claim = Script(*[["i1", "0", "odd"]] * 99)
    assert leftovers.claim(7, 60) == []
    assert len(leftovers._claim.asked) == 50


@pytest.mark.parametrize(
    ("call", "script", "args"),
    [
        (lambda it: it.done([FILE, JOB]), "_clear", ["deleted", FILE.id, JOB.id]),
        (lambda it: it.give_up([FILE]), "_clear", ["not_deleted", FILE.id]),
        (lambda it: it.later(FILE, 30.5), "_postpone", [30.5, 1, FILE.id]),
        (lambda it: it.give_back([FILE, JOB]), "_postpone", [0, 0, FILE.id, JOB.id]),
    ],
)
def test_call_asks_exactly_this(leftovers, call, script, args):
    call(leftovers)
    keys = (*BOTH, KEYS.counts) if script == "_clear" else BOTH

    assert getattr(leftovers, script).asked == [(keys, args)]


@pytest.mark.parametrize(("for_s", "ms"), [(5.0, 5000), (0.0004, 1), (0.0, 1), (1.2346, 1235)])
def test_pause_lasts_for_a_millisecond_at_least(leftovers, client, monkeypatch, for_s, ms):
    asked = []
    monkeypatch.setattr(client, "set", lambda *args, **ways: asked.append((args, ways)))
    leftovers.pause(for_s)

    assert asked == [((KEYS.leftovers_pause, "1"), {"px": ms})]


# -- turnstile and lease --------------------------------------------------------------------------


def _entry():
    return decode("c1", FIELDS, 9.5)


@pytest.mark.parametrize(("answer", "was_ours"), [(1, True), (0, False)])
@pytest.mark.parametrize(("is_poll", "spacing_ms"), [(True, 5020), (False, 0)])
def test_turnstile_is_left_for_the_spacing(*, client, answer, was_ours, is_poll, spacing_ms):
    turnstile = Turnstile(client, 5.0, 15.5)
    turnstile._leave = Script(answer)
    granted = turnstile.passing(_entry(), "t", 100.0, is_poll=is_poll)

    assert turnstile.lease_s == 15.5
    assert turnstile.leave(granted) is was_ours
    assert turnstile._leave.asked == [((KEYS.turnstile("c1"),), ["t", spacing_ms])]


@pytest.fixture
def leases(client):
    made = DeliveryLeases(client, 15.5)
    for name in ("_acquire", "_renew", "_release"):
        setattr(made, name, Script())
    return made


def test_delivery_of_another_is_not_taken(leases):
    leases._acquire = Script([0])

    assert leases.acquire("c1") is None


def test_delivery_is_taken_with_the_entry_as_it_is(leases):
    flat = [text for pair in FIELDS.items() for text in pair]
    leases._acquire = Script([1, "9.5", flat])
    lease = leases.acquire("c1")
    ((keys, (token, *args)),) = leases._acquire.asked

    assert lease.entry == _entry()
    assert isinstance(lease.entry, Entry)
    assert (lease.token, len(token)) == (token, 32)
    assert keys == (KEYS.delivery("c1"), KEYS.conversion("c1"), KEYS.due("deliver"))
    assert args == [15_500, "c1", 1]


@pytest.mark.parametrize(("answer", "is_ours"), [(1, True), (0, False)])
def test_lease_is_renewed_and_released_by_its_token(leases, answer, is_ours):
    taking = leases.taking()
    lease = leases.taken(_entry(), taking)
    leases._renew = Script(answer)

    assert taking == Tenure(lease.token, 15_500)
    assert len(lease.token) == 32
    assert leases.taking().token != lease.token
    assert lease.renew() is is_ours
    lease.release()
    assert leases._renew.asked == [((KEYS.delivery("c1"),), [lease.token, 15_500])]
    assert leases._release.asked == [((KEYS.delivery("c1"),), [lease.token])]


def test_heartbeat_names_each_lease(client):
    ledger = Ledger(client)
    ledger._heartbeat = Script()
    ledger.renew_leases([Renewal("c1", "turnstile", "t"), Renewal("c2", "", "")], 15.5)

    assert ledger._heartbeat.asked == [
        (tuple(KEYS.all_due), [KEYS.prefix, 15_500, "c1", "turnstile", "t", "c2", "", ""]),
    ]


# -- one command of an accepted conversion --------------------------------------------------------


@pytest.mark.parametrize(("answer", "is_there"), [(1, True), (0, False)])
def test_producer_joins_a_conversion_that_is_there(client, answer, is_there):
    ledger = Ledger(client)
    ledger._join = Script(answer)

    assert ledger.join("c1") is is_there
    assert ledger._join.asked == [((KEYS.conversion("c1"),), [1])]


@pytest.mark.parametrize(("answer", "is_noted"), [(1, False), (0, True)])
def test_id_is_revoked_for_a_week_where_it_is_not_known(client, answer, is_noted):
    ledger = Ledger(client)
    ledger._revoke = Script(answer)

    assert ledger.record_revoked("c1") is is_noted
    assert ledger._revoke.asked == [
        ((KEYS.conversion("c1"), KEYS.revoked), ["c1", 7 * 86_400, 50_000])
    ]


def test_old_dead_letters_are_stripped_of_what_the_service_has_forgotten(client):
    ledger = Ledger(client)
    ledger._strip_dead = Script(3)

    assert ledger.strip_dead(100.0, 7) == 3
    assert ledger._strip_dead.asked == [
        (
            (KEYS.dead, KEYS.stripped),
            [
                *(100.0, 7, KEYS.entry_prefix, 1),
                *("job_id", "result", "uploads", "uploaded_at", "uploads_host"),
                "uploads_account",
            ],
        )
    ]


class Bells:
    def __init__(self):
        self.rung = []

    def ring(self, *args):
        self.rung.append(args)


class Together(Script):
    def run(self, script, keys, args):
        return self(keys, args)


@pytest.mark.parametrize(("wait_s", "rung"), [("0.5", [("poll", 0.5, 10.0)]), ("-1", [])])
def test_webhook_rings_for_its_poll(client, wait_s, rung):
    ledger = Ledger(client, bells := Bells())
    ledger._together = together = Together([wait_s, "9.5"])
    ledger.job_ended("c1", "j1")

    assert bells.rung == rung
    assert together.asked == [
        (
            (KEYS.conversion("c1"), KEYS.turnstile("c1"), KEYS.due("poll")),
            ["c1", "j1", KEYS.prefix, 1],
        )
    ]


# -- messages as JSON -----------------------------------------------------------------------------


def test_messages_are_read_by_our_reader_once_it_is_installed(monkeypatch):
    asked = []
    monkeypatch.setattr(wire.registry, "register", lambda *args: asked.append(args))
    wire.install()

    assert asked == [("json", wire.dumps, wire.loads, "application/json", "utf-8")]


def test_value_of_an_unknown_type_stays_as_it_was_written():
    text = '{"a": {"__type__": "later", "__value__": 1}}'

    assert wire.loads(text) == {"a": {"__type__": "later", "__value__": 1}}
