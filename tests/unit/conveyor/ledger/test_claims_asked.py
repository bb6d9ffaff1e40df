"""What a claim asks of its script, and what it makes of the answer; no Redis is there."""

from __future__ import annotations

import json

import pytest

from conveyor.domain.request import ConversionRequest
from conveyor.domain.request_json import dump_request
from conveyor.domain.rules import JOB_LIFE_S
from conveyor.domain.schedule import JOB_MARGIN_S
from conveyor.ledger import Ledger, Tenure, connect
from conveyor.ledger.claimed import Due
from conveyor.ledger.claims import Claims
from conveyor.ledger.findings import Lost
from conveyor.ledger.governor import Admission, Governor
from conveyor.ledger.keys import Keys
from conveyor.ledger.tenure import Leaving, polls_of, spacing_of, took
from conveyor.ledger.turnstile import Turnstile
from tests import clocks

KEYS = Keys()
NOW = "1700000000.500000"
REQUEST = ConversionRequest.build("https://example.com/a.docx", "pdf")
FIELDS = {"state": "queued", "turn": "1", "attempt": "1", "request": dump_request(REQUEST)}
OF_SUBMITS = {
    "account": "acc",
    "most_jobs": 7,
    "check_s": 30.0,
    "hold_s": 3600,
    "job_life_s": JOB_LIFE_S + JOB_MARGIN_S,
}


def _flat(**fields):
    return [text for pair in {**FIELDS, **fields}.items() for text in pair]


class Bells:
    def __init__(self):
        self.rung = []

    def ring(self, kind, wait_s, at):
        self.rung.append((kind, wait_s, at))


class Scene:
    """Claims with scripts that answer as they are told.

    Attributes:
        asked: What each script was asked: keys and arguments.
        noted: What was noted of entries that can't be read, or are not there.
    """

    def __init__(self, client):
        self.bells, self.asked, self.noted = Bells(), [], []
        self.ledger = Ledger(client, self.bells)
        self.ledger.set_aside = lambda ids: self.noted.append(("aside", list(ids)))
        self.ledger.audit.record_newer = lambda ids: self.noted.append(("newer", list(ids)))
        self.ledger.audit.lose = lambda ids: [Lost(each, undelivered=True) for each in ids]
        turnstile = Turnstile(client, 5.0, 15.5)
        self.governor = Governor(client, "acc", 5.0, 7)
        self.governor.release = lambda *ids: self.noted.append(("release", list(ids)))
        self.claims = Claims(client, self.ledger, turnstile, self.governor, 3600)

    def answer(self, script, answer):
        def run(keys, args):
            self.asked.append((keys, args))
            return answer

        setattr(self.claims, script, run)

    def claim(self, name="submits", *, limit=3, at=0.0, **told):
        parts = {
            "now": NOW,
            "again_s": "-1.000000",
            "later": [],
            "reason": "",
            "must_check": 0,
            "probe": 0,
            "well": 0,
            "foreign_ids": 0,
            "gone": [],
            "damaged": [],
            "newer": [],
            "taken": [],
            "spent": [],
        }
        self.answer("_claim", list({**parts, **told}.values()))
        return getattr(self.claims, name)(limit, at)


@pytest.fixture
def scene():
    with connect("redis://127.0.0.1:1/0") as client:
        yield Scene(client)


@pytest.mark.parametrize(
    ("name", "kind", "asked"),
    [
        ("submits", "submit", {"lease_s": 15.5, **OF_SUBMITS}),
        ("polls", "poll", {"lease_s": 15.5}),
        ("deliveries", "deliver", {"lease_s": 10.0}),
    ],
)
@pytest.mark.parametrize("at", [0.0, 5.5])
def test_claim_asks_exactly_this(*, scene, name, kind, asked, at):
    scene.claim(name, at=at)
    ((keys, (ask, prefix)),) = scene.asked
    told = json.loads(ask)

    assert keys == [KEYS.due(kind), KEYS.account("acc"), KEYS.jobs("acc"), KEYS.accounts]
    assert prefix == KEYS.prefix
    assert len(token := told.pop("token")) == 32
    expected = {"kind": kind, "limit": 3, "version": 1, "leave_s": 30.0, **asked}
    assert told == {**expected, **({"at": 5.5} if at else {})}
    scene.claim(name)
    assert json.loads(scene.asked[1][1][0])["token"] != token


@pytest.mark.parametrize(
    ("name", "spacing_ms"), [("submits", 0), ("polls", 5020), ("deliveries", 0)]
)
def test_what_was_taken_has_a_pass(scene, name, spacing_ms):
    claimed = scene.claim(name, taken=["c1", _flat(), "c2", _flat(turn="4")], spent=["c3", _flat()])
    token = json.loads(scene.asked[0][1][0])["token"]

    assert [(it.entry.id, it.entry.turn, it.token) for it in claimed.passes] == [
        ("c1", 1, token),
        ("c2", 4, token),
    ]
    assert [it.entry.id for it in claimed.spent] == ["c3"]
    passed = claimed.passes[0]
    assert passed.entry.seen_at == float(NOW)
    assert passed.entering == Tenure(token, 15_500)
    assert passed.leaving == Leaving(token, spacing_ms, is_poll=name == "polls")
    assert passed.leaving_for(7.5).for_ms == 7500
    assert passed.leaving_for(0.001).for_ms == max(spacing_ms, 1)


def test_pass_is_good_for_two_thirds_of_its_lease(scene, monkeypatch):
    clock = [100.0]
    clocks.put(monkeypatch, "monotonic", lambda: clock[0])
    (passed,) = scene.claim(taken=["c1", _flat()]).passes

    assert passed.good_until == pytest.approx(100 + 15.5 * 2 / 3)
    clock[0] = passed.good_until
    assert not passed.is_late
    clock[0] += 0.001
    assert passed.is_late


def test_how_the_account_stands_is_told(scene):
    assert scene.claim().admission == Admission() == Admission("", must_check=False, probe=False)
    for name in ("must_check", "probe", "well", "foreign_ids"):
        told = scene.claim(reason="held", **{name: 1}).admission
        assert told == Admission("held", **{name: True})


def test_bells_that_are_asked_for_are_rung(scene):
    scene.claim("polls", again_s="0.250000", later=["1.5", "2.5"])
    now = float(NOW)

    assert scene.bells.rung == [
        ("poll", 0.25, now + 0.25),
        ("poll", 1.5, now + 1.5),
        ("poll", 2.5, now + 2.5),
    ]
    assert scene.noted == [("aside", []), ("newer", [])]


def test_missing_ones_are_lost(scene):
    assert scene.claim(gone=["c1"]).lost == [Lost("c1", undelivered=True)]


@pytest.mark.parametrize(("name", "frees"), [("submits", True), ("polls", False)])
def test_damaged_ones_are_put_aside_and_a_submits_place_is_free(scene, name, frees):
    taken = ["c1", _flat(turn="odd"), "c2", _flat(v="2"), "c3", _flat()]
    claimed = scene.claim(name, damaged=["c0"], newer=["n0"], taken=taken)

    assert [it.entry.id for it in claimed.passes] == ["c3"]
    assert scene.noted == [
        *([("release", ["c0", "c1"])] if frees else []),
        ("aside", ["c0", "c1"]),
        ("newer", ["n0", "c2"]),
    ]
    kind = name.removesuffix("s")
    assert scene.bells.rung == ([(kind, 0.0, float(NOW))] if frees else [])


def test_bell_that_is_put_off_is_rung_when_the_script_says(scene):
    scene.answer("_put_off", ["1.250", NOW])
    scene.claims.put_off("poll", 1.0, 5.5)

    assert scene.asked == [([KEYS.due("poll")], [KEYS.prefix, "poll", 1.0, 5.5])]
    assert scene.bells.rung == [("poll", 1.25, float(NOW) + 1.25)]


def test_kinds_that_are_overdue_are_told_with_their_number(scene):
    scene.answer("_overdue", ["submit", 2, "deliver", 1])

    assert scene.claims.overdue() == [Due("submit", 2), Due("deliver", 1)]
    assert scene.asked == [
        (
            [*KEYS.all_due, KEYS.due("notify")],
            [KEYS.prefix, 0.5, "submit", "poll", "deliver", "notify"],
        )
    ]


# -- what a transition needs to know of it --------------------------------------------------------

POLL, POST = Leaving("t", 5020, is_poll=True), Leaving("t", 0, is_poll=False)


@pytest.mark.parametrize(
    ("leaving", "polls", "is_taken", "spacing_s"),
    [(POLL, 1, None, 5.02), (POST, 0, True, 0.0), (None, 0, None, 0.0)],
)
def test_request_counts_as_a_poll_or_as_a_submit(leaving, polls, is_taken, spacing_s):
    assert (polls_of(leaving), took(leaving), spacing_of(leaving)) == (polls, is_taken, spacing_s)
