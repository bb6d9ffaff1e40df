"""A notice that was claimed is signed, sent and noted, and a failed try is told of."""

from __future__ import annotations

import base64

import pytest
from structlog.testing import capture_logs

from conveyor.callbacks.posting import Answer, Poster
from conveyor.callbacks.signing import is_genuine, keys_of
from conveyor.domain.conversion import State
from conveyor.domain.notice import Notice, TryReason
from conveyor.errors import LedgerUnavailable
from conveyor.ledger.notices import ClaimedNotice, Notices, Outcome
from tests.unit.workers.parts import NOW, Part
from workers.crew import Crew
from workers.notifying import LEASE_S, Notifier

KEYS = keys_of("whsec_" + base64.b64encode(b"n" * 32).decode())
NOTICE = Notice(
    "c1", 1, "msg_1", State.SUCCEEDED, NOW, receiver="shop.example:443", url="https://hush.example/"
)
TOO_LATE = Answer(0, TryReason.TIMED_OUT, "no connection in time")


def claimed(notice=NOTICE, tries=0):
    return ClaimedNotice("c1", 1, tries, notice, NOW)


class Scene:
    """A notifier of which the crew works at once, in the thread of the test."""

    def __init__(self, keys=KEYS):
        self.did = []
        self.notices = Part("notices", Notices, self.did)
        self.poster = Part("poster", Poster, self.did)
        self.crew = Part("crew", Crew, self.did)
        self.notifier = Notifier(self.notices, self.poster, keys, threads=4, per_receiver=2)
        self.notifier._crew = self.crew
        self.crew.answers["begin"] = lambda jobs: [job() for job in jobs]
        self.notices.answers["note"] = Outcome.RECEIVED
        self.poster.answers["post"] = Answer(204)

    def given(self, name):
        return [given for what, given in self.did if what == name]

    def send(self, one, answer=None):
        """What is noted of it, and what is logged."""
        if answer is not None:
            self.poster.answers["post"] = answer
        with capture_logs() as logs:
            self.notifier.send(one)
        (noted,) = self.given("notices.note")
        return noted["noted"], logs


@pytest.fixture
def scene():
    return Scene()


def test_notice_is_signed_at_the_time_of_its_claim(scene):
    noted, logs = scene.send(claimed())
    (posted,) = scene.given("poster.post")

    assert posted["url"] == NOTICE.url
    assert posted["headers"]["webhook-id"] == "msg_1"
    assert posted["headers"]["webhook-timestamp"] == str(int(NOW))
    assert is_genuine(KEYS, posted["headers"], posted["body"], NOW)
    assert (noted.outcome, noted.line.status, noted.slow_s) == (Outcome.RECEIVED, 204, 0.0)
    assert logs == []


@pytest.mark.parametrize(
    ("keys", "notice", "reason"),
    [((), NOTICE, TryReason.NO_SECRET), (KEYS, None, TryReason.UNREADABLE)],
)
def test_what_can_not_be_sent_is_tried_again_later(keys, notice, reason):
    scene = Scene(keys)
    noted, (line,) = scene.send(claimed(notice))

    assert scene.given("poster.post") == []
    assert (noted.outcome, noted.line.reason, noted.wait_s) == (Outcome.AGAIN, reason, 5.0)
    assert line["reason"] == noted.line.error


@pytest.mark.parametrize(("tries", "wait_s"), [(0, 5.0), (2, 120.0), (50, 28_800.0)])
def test_failed_try_comes_again_and_is_logged_without_its_address(scene, tries, wait_s):
    scene.notices.answers["note"] = Outcome.AGAIN
    noted, (line,) = scene.send(claimed(tries=tries), TOO_LATE)

    assert (noted.outcome, noted.wait_s) == (Outcome.AGAIN, wait_s)
    assert line == {
        "event": "callback_failed",
        "log_level": "info",
        "conversion_id": "c1",
        "receiver": "shop.example:443",
        "reason": "no connection in time",
        "tries": tries + 1,
    }


def test_wait_that_the_receiver_asks_for_is_kept(scene):
    noted, _ = scene.send(claimed(), Answer(503, TryReason.STATUS, "no", retry_after_s=900.0))

    assert noted.wait_s == 900.0


@pytest.mark.parametrize("answer", [Answer(410, TryReason.GONE, "gone"), TOO_LATE])
def test_what_is_given_up_is_a_warning(scene, answer):
    scene.notices.answers["note"] = Outcome.GIVEN_UP
    noted, (line,) = scene.send(claimed(), answer)

    assert (line["event"], line["log_level"]) == ("callback_given_up", "warning")
    assert (noted.outcome is Outcome.GIVEN_UP) == (answer.reason is TryReason.GONE)


@pytest.mark.parametrize(("took_s", "slow_s"), [(4.9, 0.0), (5.0, 60.0)])
@pytest.mark.parametrize("reason", [None, TryReason.STATUS])
def test_receiver_that_takes_long_gets_one_at_a_time_for_a_minute(scene, took_s, slow_s, reason):
    noted, _ = scene.send(claimed(), Answer(200, reason, took_s=took_s))

    assert (noted.slow_s, noted.line.took_s) == (slow_s, took_s)


def _room(scene, room):
    class Turn:
        def __enter__(self):
            return room

        def __exit__(self, *_):
            pass

    scene.crew.answers["turn"] = Turn()


def test_as_many_are_claimed_as_there_are_threads_and_each_takes_the_next(scene):
    _room(scene, 3)
    due = [[claimed(), claimed()], [claimed()], [], []]
    scene.notices.answers["claim"] = lambda **_: due.pop(0)

    assert scene.notifier.begin(at=7.0)
    first, *later = scene.given("notices.claim")
    assert first == {
        "limit": 3,
        "per_receiver": 2,
        "lease_s": LEASE_S,
        "rings": True,
        "at": 7.0,
    }
    assert [(given["limit"], given["rings"]) for given in later] == [(1, False)] * 3
    assert len(scene.given("poster.post")) == 3


def test_where_no_thread_is_free_nothing_is_claimed(scene):
    _room(scene, 0)

    assert not scene.notifier.begin()
    assert scene.given("notices.claim") == []


def test_process_that_ends_takes_no_further_notice(scene):
    _room(scene, 1)
    scene.notices.answers["claim"] = lambda **_: [claimed()]
    scene.notifier.stop()
    scene.notifier.begin()

    assert len(scene.given("poster.post")) == 1


def test_what_can_not_be_noted_is_left_to_its_lease(scene):
    _room(scene, 1)
    scene.notices.answers["claim"] = lambda **_: [claimed()]
    scene.notices.answers["note"] = LedgerUnavailable("Redis is away.")
    with capture_logs() as logs:
        scene.notifier.begin()

    assert [(line["event"], line["reason"]) for line in logs] == [("postponed", "Redis is away.")]
    assert len(scene.given("notices.claim")) == 1
