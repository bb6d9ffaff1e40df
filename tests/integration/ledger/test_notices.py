"""Notices: written with the change that they tell of, and kept until their receiver has them."""

from __future__ import annotations

from contextlib import closing

import pytest

from conveyor.domain.callback import CHANGES, Callback
from conveyor.domain.conversion import Failure, FailureKind, StoredFile
from conveyor.domain.notice import NoticeStatus, Try, TryReason
from conveyor.domain.terms import Terms
from conveyor.ledger import Ledger, connect
from conveyor.ledger.in_memory import Clock, MemoryServer, in_memory_client
from conveyor.ledger.keys import Keys
from conveyor.ledger.notices import Noted, Outcome
from tests.integration.conftest import Make

KEYS = Keys()
HOOK = Callback("https://shop.example/hooks?token=hush")
ALL = Callback("https://shop.example/hooks", CHANGES)
OTHER = Callback("https://other.example/hooks")
OK = Noted(Outcome.RECEIVED, Try(0, 1, 204))
DOWN = Noted(Outcome.AGAIN, Try(0, 1, 503, TryReason.STATUS, "down"), wait_s=30)
LEASE_S = 60.0


class Scene:
    """A ledger whose bells are noted, and claims by a few words."""

    def __init__(self, client, bells):
        self.client, self.bells = client, bells
        self.ledger = Ledger(client, bells)
        self.notices = self.ledger.notices
        self._make = Make(self.ledger)

    def open(self, conversion_id, callback=HOOK):
        return self.ledger.open(conversion_id, self._make.request, terms=Terms(callback=callback))

    def cancelled(self, *ids, callback=HOOK):
        """Conversions that have ended, each with one notice."""
        for each in ids:
            self.ledger.cancelled(self.open(each, callback))

    def claim(self, limit=100, per_receiver=100, **more):
        return self.notices.claim(limit, per_receiver, LEASE_S, **more)

    def ids(self, *args, **more):
        return [claimed.conversion_id for claimed in self.claim(*args, **more)]

    def note(self, claimed, noted, per_receiver=100):
        return self.notices.note(claimed, noted, per_receiver)

    def step(self, seconds):
        """Let so much time pass, by moving every date of notices back."""
        for key in self.client.scan_iter("{conveyor}:notices*"):
            if self.client.type(key) == "zset":
                for member, at in self.client.zrange(key, 0, -1, withscores=True):
                    self.client.zadd(key, {member: at - seconds})
            elif self.client.type(key) == "hash":
                moved = {
                    name: float(text) - seconds
                    for name, text in self.client.hgetall(key).items()
                    if name.endswith((":at", ":since"))
                }
                self.client.hset(key, mapping=moved)
        due = KEYS.due("notify")
        for member, at in self.client.zrange(due, 0, -1, withscores=True):
            self.client.zadd(due, {member: at - seconds})


@pytest.fixture(params=["valkey", "in memory"])
def client(request):
    """A real one, and the one that `conveyor.testing` runs the same scripts in."""
    if request.param == "in memory":
        return in_memory_client(MemoryServer(Clock()), "conveyor")
    return request.getfixturevalue("valkey_client")


@pytest.fixture
def valkey_client(redis_url):
    with closing(connect(redis_url)) as made:
        yield made


@pytest.fixture
def scene(client, bells):
    return Scene(client, bells)


def test_end_of_a_conversion_with_a_callback_is_one_notice(scene):
    scene.cancelled("c1")
    (claimed,) = scene.claim()
    notice = claimed.notice

    assert (notice.conversion_id, notice.number, notice.type) == ("c1", 1, "conversion.cancelled")
    assert notice.id.startswith("msg_")
    assert notice.url == HOOK.url
    assert notice.receiver == "shop.example:443"
    assert notice.failure.kind is FailureKind.CANCELLED


def test_conversion_without_a_callback_has_no_notice(scene):
    scene.cancelled("c1", callback=None)

    assert scene.claim() == []
    assert scene.notices.of("c1") == []


def test_every_change_of_state_is_a_notice_where_that_was_asked(scene, make):
    entry = scene.open("c1", ALL)
    begun = make.submitting(entry)
    started = scene.ledger.started(begun, "0" * 32, 1.0)
    ready = scene.ledger.ready(started, make.result)
    scene.ledger.succeeded(ready, [StoredFile("a.pdf", "file:///a.pdf", 3, "00")])
    notices = scene.notices.of("c1")

    states = ["queued", "converting", "ready", "succeeded"]
    assert [(it.number, it.state.value) for it in notices] == list(enumerate(states, 1))
    assert len({notice.id for notice in notices}) == 4
    assert [len(notice.files) for notice in notices] == [0, 0, 0, 1]
    assert notices[-1].cost == 1


def test_notice_of_a_failure_keeps_what_it_told_when_the_conversion_is_replayed(scene):
    entry = scene.open("c1", ALL)
    failed = scene.ledger.failed(entry, Failure(FailureKind.INPUT, "It is damaged."))
    scene.ledger.replay(failed)

    notices = scene.notices.of("c1")
    assert [notice.state.value for notice in notices] == ["queued", "failed", "queued"]
    assert [notice.failure is not None for notice in notices] == [False, True, False]


def test_new_notice_rings_once(scene):
    scene.cancelled("c1", "c2")

    assert len([rung for rung in scene.bells.take() if rung.kind == "notify"]) == 1


def test_conversion_that_is_taken_back_leaves_no_notice(scene, everything):
    before = everything()
    scene.open("c1", ALL)
    scene.ledger.forget("c1")

    assert scene.claim() == []
    assert scene.notices.of("c1") == []
    assert {key for key in everything() if "notice" in key or "tries" in key} == set(before)


def test_claimed_notice_is_nobody_elses_until_its_lease_ends(scene):
    scene.cancelled("c1")

    assert scene.ids() == ["c1"]
    assert scene.ids() == []
    scene.step(LEASE_S + 1)
    assert scene.ids() == ["c1"]


def test_received_notice_is_never_sent_again(scene):
    scene.cancelled("c1")
    (claimed,) = scene.claim()

    assert scene.note(claimed, OK) == "received"
    scene.step(LEASE_S + 1)
    assert scene.claim() == []
    (notice,) = scene.notices.of("c1")
    assert (notice.status, notice.tries) == (NoticeStatus.RECEIVED, 1)
    assert [line.status for line in notice.log] == [204]


def test_failed_try_comes_again_after_its_wait(scene):
    scene.cancelled("c1")
    (claimed,) = scene.claim()
    scene.note(claimed, DOWN)

    scene.step(29)
    assert scene.claim() == []
    scene.step(2)
    (again,) = scene.claim()
    assert (again.tries, again.notice.id) == (1, claimed.notice.id)


def test_tries_are_counted_by_how_they_ended(scene):
    scene.cancelled("c1")
    for noted in (DOWN, DOWN, OK):
        (claimed,) = scene.claim()
        scene.note(claimed, noted)
        scene.step(31)
    scene.cancelled("c2")
    scene.step(3 * 24 * 3600 + 1)
    (late,) = scene.claim()
    scene.note(late, DOWN)

    counted = ("notices_again", "notices_received", "notices_given_up")
    assert scene.client.hmget(KEYS.counts, *counted) == ["2", "1", "1"]


def test_notice_is_given_up_three_days_after_its_event(scene):
    scene.cancelled("c1")
    scene.step(3 * 24 * 3600 + 1)
    (claimed,) = scene.claim()

    assert scene.note(claimed, DOWN) == "given_up"
    assert scene.notices.counts().given_up == 1


def test_last_try_comes_at_the_end_of_the_three_days(scene):
    scene.cancelled("c1")
    (claimed,) = scene.claim()
    scene.step(3 * 24 * 3600 - 10)
    scene.note(claimed, DOWN)

    scene.step(11)
    (last,) = scene.claim()
    assert scene.note(last, DOWN) == "given_up"


def test_late_note_of_another_try_changes_nothing(scene):
    scene.cancelled("c1")
    (stopped,) = scene.claim()
    scene.step(LEASE_S + 1)
    (claimed,) = scene.claim()
    scene.note(claimed, DOWN)
    scene.note(stopped, DOWN)

    (notice,) = scene.notices.of("c1")
    assert (notice.tries, len(notice.log)) == (1, 1)


def test_late_note_that_it_was_received_counts(scene):
    scene.cancelled("c1")
    (stopped,) = scene.claim()
    scene.step(LEASE_S + 1)
    (claimed,) = scene.claim()
    scene.note(claimed, DOWN)

    assert scene.note(stopped, OK) == "received"


def test_receivers_take_turns_and_none_starves_another(scene):
    scene.cancelled(*(f"a{number}" for number in range(50)))
    scene.cancelled("b0", "b1", callback=OTHER)

    assert sorted(scene.ids(4)) == ["a0", "a1", "b0", "b1"]


def test_one_by_one_receivers_take_turns_too(scene):
    scene.cancelled(*(f"a{number}" for number in range(50)))
    scene.cancelled("b0", "b1", callback=OTHER)
    taken = [each for _ in range(4) for each in scene.ids(1)]

    assert {"b0", "b1"} <= set(taken)


def test_receiver_has_so_many_under_way_and_no_more(scene):
    scene.cancelled(*(f"a{number}" for number in range(10)))
    first = scene.claim(100, 3)

    assert len(first) == 3
    assert scene.claim(100, 3) == []
    scene.note(first[0], OK, 3)
    assert len(scene.claim(100, 3)) == 1


def test_slow_receiver_gets_one_at_a_time(scene):
    scene.cancelled(*(f"a{number}" for number in range(10)))
    first = scene.claim(1)
    scene.note(first[0], Noted(Outcome.RECEIVED, Try(0, 1, 200), slow_s=60))

    assert len(scene.claim(100)) == 1


def test_what_is_left_of_a_claim_rings(scene):
    scene.cancelled("a0", "a1", "a2")
    scene.bells.take()
    scene.claim(2, rings=True)

    assert [rung.wait_s for rung in scene.bells.take("notify")] == [0]


def test_claim_that_takes_all_rings_for_nothing_due_now(scene):
    scene.cancelled("a0")
    scene.bells.take()
    scene.claim(2, rings=True)

    assert all(rung.wait_s > 1 for rung in scene.bells.take("notify"))


def test_replay_sends_a_received_notice_again_under_its_id(scene):
    scene.cancelled("c1")
    (claimed,) = scene.claim()
    scene.note(claimed, OK)

    assert scene.notices.replay("c1", 1)
    (again,) = scene.claim()
    assert again.notice.id == claimed.notice.id
    assert scene.notices.counts().pending == 1
    scene.note(again, OK)
    assert scene.notices.counts().received == 1


def test_replay_of_a_notice_under_way_sends_no_second_one(scene):
    scene.cancelled("c1")
    scene.claim()

    assert scene.notices.replay("c1", 1)
    assert scene.claim() == []


def test_replay_of_none_says_so(scene):
    assert not scene.notices.replay("nobody", 1)


def test_erased_notices_leave_nothing_behind(scene, everything):
    scene.cancelled("c1")
    (claimed,) = scene.claim()
    scene.note(claimed, DOWN)

    assert scene.notices.erase("c1") == 1
    assert scene.note(claimed, OK) == ""
    assert not [key for key in everything() if "notice" in key or "tries" in key]


def test_pages_show_the_latest_events_first(scene):
    scene.cancelled("c1", "c2", "c3")
    (claimed, *_) = scene.claim(1)
    scene.note(claimed, OK)

    everybody, following = scene.notices.page(None, 0, float("inf"), 2)
    rest, last = scene.notices.page(None, 0, following, 2)
    pending, _ = scene.notices.page(NoticeStatus.PENDING, 0, float("inf"), 10)
    assert [notice.conversion_id for notice in (*everybody, *rest)] == ["c3", "c2", "c1"]
    assert last is None
    assert {notice.conversion_id for notice in pending} == {"c1", "c2", "c3"} - {
        claimed.conversion_id
    }


def test_ended_notices_go_after_ten_days_and_pending_ones_stay(scene, client):
    scene.cancelled("c1", "c2")
    (claimed, *_) = scene.claim(1)
    scene.note(claimed, OK)
    pending = ({"c1", "c2"} - {claimed.conversion_id}).pop()

    assert 0 < client.ttl(KEYS.notices_of(claimed.conversion_id)) <= 10 * 24 * 3600
    assert client.ttl(KEYS.notices_of(pending)) == -1


def test_notice_of_a_later_release_is_claimed_unread(scene, client):
    scene.cancelled("c1")
    client.hset(KEYS.notices_of("c1"), "1:v", "2")

    assert [(claimed.notice, claimed.tries) for claimed in scene.claim()] == [(None, 0)]


def test_lost_record_is_counted_and_passed_over(scene, client):
    scene.cancelled("c1", "c2")
    client.delete(KEYS.notices_of("c1"))

    assert scene.ids() == ["c2"]
    assert client.hget(KEYS.counts, "notices_lost") == "1"


@pytest.mark.parametrize("kind", ["string", "list"])
def test_record_of_a_wrong_type_stops_no_transition(scene, client, kind):
    client.set(KEYS.notices_of("c1"), "x") if kind == "string" else client.rpush(
        KEYS.notices_of("c1"), "x"
    )
    scene.cancelled("c1")

    assert scene.ids() == ["c1"]


def test_overdue_notices_are_rung_for_by_the_sweep(claiming, scene):
    scene.cancelled("c1")
    scene.step(2)
    scene.client.delete(KEYS.bell("notify"))

    overdue = claiming().claims.overdue()
    assert ("notify", 1) in [(due.kind, due.count) for due in overdue]


@pytest.mark.parametrize(
    "gone", ["{conveyor}:due:notify", "{conveyor}:notices:lane:shop.example:443"]
)
def test_notice_without_a_date_is_made_due(scene, client, gone):
    scene.cancelled("c1")
    client.delete(gone)

    assert scene.ids() == []
    assert scene.notices.audit(100) == 1
    assert scene.notices.audit(100) == 0
    assert scene.ids() == ["c1"]


def test_audit_takes_out_a_notice_without_its_record(scene, client):
    scene.cancelled("c1")
    client.delete(KEYS.notices_of("c1"))

    assert scene.notices.audit(100) == 0
    assert scene.notices.counts().pending == 0
