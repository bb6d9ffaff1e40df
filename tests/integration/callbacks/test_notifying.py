"""What a worker does with notices: signed, sent, tried again, and never in a conversion's way."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest

from conveyor.callbacks.posting import Answer
from conveyor.domain.callback import CHANGES, Callback
from conveyor.domain.notice import NoticeStatus, TryReason
from tests.integration.callbacks.conftest import Receiver, served

HOURS = 3600


def test_receiver_that_was_down_for_three_hours_hears_each_event_once(fleet, receiver):
    one = fleet(threads=8, per_receiver=8)
    receiver.status = 503
    for number in range(15):
        one.cancel(f"c{number}", Callback(receiver.url))
    for _ in range(3 * 6):
        one.notify()
        one.step(600)
    assert receiver.heard == []

    receiver.status = 204
    for _ in range(3 * 6):
        one.notify()
        one.step(600)

    assert sorted(heard.said["data"]["id"] for heard in receiver.heard) == sorted(
        f"c{number}" for number in range(15)
    )
    assert len({heard.id for heard in receiver.heard}) == 15
    assert one.ledger.notices.counts().pending == 0


def test_events_of_a_conversion_carry_their_sequence(fleet, receiver):
    one = fleet(threads=1)
    one.cancel("c1", Callback(receiver.url, CHANGES))
    one.notify()

    said = sorted((heard.said["data"]["sequence"], heard.said["type"]) for heard in receiver.heard)
    assert said == [(1, "conversion.queued"), (2, "conversion.cancelled")]


def test_each_try_has_the_same_id_and_the_same_body(fleet, receiver):
    one = fleet()
    one.cancel("c1", Callback(receiver.url))
    one.notify()
    one.ledger.notices.replay("c1", 1)
    one.notify()

    first, second = receiver.heard
    assert first == second


def test_wish_of_the_receiver_is_kept(fleet, receiver):
    one = fleet()
    receiver.status, receiver.headers = 429, {"Retry-After": "1800"}
    one.cancel("c1", Callback(receiver.url))
    one.notify()
    receiver.status = 204
    one.step(1790)
    one.notify()
    assert receiver.heard == []
    one.step(20)
    one.notify()

    assert len(receiver.heard) == 1


def test_410_ends_a_notice(fleet, receiver):
    one = fleet()
    receiver.status = 410
    one.cancel("c1", Callback(receiver.url))
    one.notify()
    one.step(3 * 24 * HOURS)
    one.notify()

    assert receiver.tried == 1
    (notice,) = one.ledger.notices.of("c1")
    assert notice.status is NoticeStatus.GIVEN_UP
    assert [(it.status, it.reason) for it in notice.log] == [(410, TryReason.GONE)]


def test_receiver_that_stays_down_is_given_up_after_three_days(fleet, receiver):
    one = fleet()
    receiver.status = 500
    one.cancel("c1", Callback(receiver.url))
    for _ in range(80):
        one.notify()
        one.step(HOURS)

    (notice,) = one.ledger.notices.of("c1")
    assert notice.status is NoticeStatus.GIVEN_UP
    assert 12 <= notice.tries <= 20
    assert notice.tries == len(notice.log) == receiver.tried


def test_without_a_secret_nothing_is_sent_unsigned(fleet, receiver):
    one = fleet(secret="")
    one.cancel("c1", Callback(receiver.url))
    one.notify()

    (notice,) = one.ledger.notices.of("c1")
    assert receiver.tried == 0
    assert notice.log[0].reason is TryReason.NO_SECRET
    assert notice.status is NoticeStatus.PENDING


def test_log_of_tries_holds_no_secret_address(fleet, receiver, client):
    one = fleet()
    receiver.status = 500
    one.cancel("c1", Callback(f"{receiver.url}?token=hush"))
    one.notify()

    assert "hush" not in str(client.lrange("{conveyor}:tries_of:c1", 0, -1))
    assert "hush" not in str(one.ledger.notices.of("c1"))


class Stuck:
    """Sends nothing to `bad`, as long as a test wishes so; the others answer at once."""

    def __init__(self):
        self.go_on = threading.Event()
        self.sent = []
        self.under_way = self.most = 0
        self._lock = threading.Lock()

    def post(self, url, headers, body):
        with self._lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        if "bad" in url:
            self.go_on.wait(60)
        with self._lock:
            self.under_way -= 1
            self.sent.append(url)
        return Answer(200)


def test_stuck_receiver_holds_up_no_other(fleet):
    posts = Stuck()
    one = fleet(threads=4, per_receiver=2, posts=posts)
    for number in range(50):
        one.cancel(f"b{number}", Callback("https://bad.example/"))
    for number in range(10):
        one.cancel(f"g{number}", Callback("https://good.example/"))
    done = threading.Thread(target=one.notify)
    one.notifier.begin()
    try:
        done.start()
        until = threading.Event()
        for _ in range(500):
            if len(posts.sent) == 10:
                break
            until.wait(0.02)
        assert posts.sent == ["https://good.example/"] * 10
    finally:
        posts.go_on.set()
        done.join()


def test_threads_are_bounded(fleet):
    posts = Stuck()
    one = fleet(threads=3, per_receiver=100, posts=posts)
    for number in range(20):
        one.cancel(f"b{number}", Callback("https://bad.example/"))
    begun = [one.notifier.begin() for _ in range(10)]
    posts.go_on.set()
    assert one.notifier.drain(30)

    assert begun[0] is True
    assert begun[-1] is False
    assert posts.most <= 3


def test_all_that_is_due_is_sent_by_the_threads_that_are_there(fleet):
    with ExitStack() as stack:
        receivers = [stack.enter_context(served(Receiver())) for _ in range(3)]
        one = fleet(threads=2)
        for number in range(60):
            one.cancel(f"c{number}", Callback(receivers[number % 3].url))
        one.notify()

        assert [len(each.heard) for each in receivers] == [20, 20, 20]


@pytest.mark.parametrize("window", ["before the POST", "before the note"])
def test_worker_that_dies_loses_no_notice(fleet, receiver, window):
    """A killed process leaves its claim behind, and nothing else."""
    dying = fleet()
    dying.cancel("c1", Callback(receiver.url))
    (claimed,) = dying.ledger.notices.claim(1, 4, 60.0)
    if window == "before the note":
        assert dying.notifier._post(claimed).status == 204

    other = fleet()
    other.notify()
    other.step(61)
    other.notify()

    assert {heard.said["data"]["id"] for heard in receiver.heard} == {"c1"}
    assert len({heard.id for heard in receiver.heard}) == 1
    assert len(receiver.heard) == (2 if window == "before the note" else 1)
    assert other.ledger.notices.counts().received == 1
