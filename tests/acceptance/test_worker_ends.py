"""A worker's end: killed, others take up its work within seconds; asked to, it ends its own."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import closing

import pytest
import redis

from chaos.service import Service
from conveyor import State
from conveyor.ledger.keys import Keys
from workers.local.stack import LocalStack

KEYS = Keys()

IN_FLIGHT = 100
LARGE_IN_FLIGHT = 300
WORKED_ON_S = 15.0
# Watched beyond that, so that whoever is late is seen.
WATCHED_S = WORKED_ON_S + 5.0
# What is due for no longer than that is in good time.
LATE_S = 2.0
NOBODY = (None, "left")
HELD = 30
HELD_S = 3


@pytest.fixture
def client(stack):
    with closing(redis.Redis.from_url(stack.valkey.url(), decode_responses=True)) as client:
        yield client


@pytest.fixture
def enqueue(stack, conveyor):
    """Has so many conversions accepted that cost next to nothing and differ."""
    document = Service(stack.sandbox_url, "sandbox").upload("shared.txt", b"a small document\n")

    def enqueue(count):
        names = ({"FileName": f"n{number}"} for number in range(count))
        return [conveyor.convert(document, "zip", "any", params).id for params in names]

    return enqueue


@pytest.fixture
def fields(client):
    """Some fields of each entry."""

    def fields(ids, *names):
        with client.pipeline(transaction=False) as pipeline:
            for each in ids:
                pipeline.hmget(KEYS.conversion(each), names)
            return dict(zip(ids, map(tuple, pipeline.execute()), strict=True))

    return fields


class Dead:
    """What dead workers have left: some had been claimed, and some become due with no bell left."""

    def __init__(self, client, ids, fields):
        self._client = client
        self._fields = fields
        inside = client.mget(map(KEYS.turnstile, ids))
        in_hand = [each for each, token in zip(ids, inside, strict=True) if token not in NOBODY]
        self.in_hand = fields(in_hand, "turn")

    def waiting(self):
        """Which ones nobody works on, although it is time."""
        now, _ = self._client.time()
        dues = (self._client.zrangebyscore(due, "-inf", now - LATE_S) for due in KEYS.all_due)
        claimed = self._fields(self.in_hand, "turn")
        untouched = [each for each, turn in self.in_hand.items() if claimed[each] == turn]
        return {*untouched, *(each for due in dues for each in due)}


class TestKilled:
    @pytest.fixture(scope="class")
    @classmethod
    def stack(cls, large):
        # All are under way before the first has ended, and some still are when others take over.
        duration = "40-50" if large else "25-30"
        options = ("--duration", duration, "--audit-fingerprints")
        with LocalStack(workers=2, concurrency=8, sandbox_options=options) as running:
            yield running

    @pytest.mark.large
    def test_all_in_flight_are_worked_on_again_soon_after_all_workers_were_killed(
        self, *, stack, sandbox_of, enqueue, client, fields, until, large
    ):
        in_flight = LARGE_IN_FLIGHT if large else IN_FLIGHT
        ids = enqueue(in_flight)
        until(lambda: "queued" not in _states(fields, ids), 200)
        for worker in stack.workers:
            worker.kill()
        dead = Dead(client, ids, fields)

        began, took_s = time.monotonic(), 0.0
        for worker in stack.workers:
            worker.start()
        while (passed_s := time.monotonic() - began) < WATCHED_S:
            if dead.waiting():
                took_s = passed_s
            time.sleep(0.05)

        assert took_s <= WORKED_ON_S
        until(lambda: _states(fields, ids) == {State.SUCCEEDED: in_flight}, 300)
        audit = sandbox_of(stack).audit()
        wrong = ("paid_duplicates", "overlapping_polls", "early_polls", "violations")
        assert {name: audit[name] for name in ("paid", *wrong)} == {
            "paid": in_flight,
            **dict.fromkeys(wrong, 0),
        }


class TestAsked:
    @pytest.fixture(scope="class", params=["threads", "prefork"])
    @classmethod
    def stack(cls, request):
        options = ("--duration", "0.5-1.5", "--hold-seconds", str(HELD_S), "--audit-fingerprints")
        with LocalStack(pool=request.param, concurrency=2, sandbox_options=options) as running:
            yield running

    def test_what_it_has_in_hand_is_answered_and_noted_before_it_ends(
        self, *, stack, sandbox_of, enqueue, client, fields, until
    ):
        (worker,) = stack.workers
        with sandbox_of(stack).faults(held_submit=1.0):
            ids = enqueue(HELD)
            until(lambda: "converting" in _states(fields, ids))
            worker.stop(grace_s=60)

        begun = {
            each: confirmed
            for each, (state, confirmed) in fields(ids, "state", "confirmed").items()
            if state != "queued"
        }
        assert worker.exit_status == 0
        assert begun
        assert set(begun.values()) == {"1"}, "the answers were noted"
        inside = [client.get(KEYS.turnstile(each)) for each in ids]
        assert set(inside) <= {None, "left"}, "nobody is in"
        stack.start_worker(worker)
        until(lambda: _states(fields, ids) == {State.SUCCEEDED: HELD})
        audit = sandbox_of(stack).audit()
        assert (audit["paid"], audit["paid_duplicates"], audit["violations"]) == (HELD, 0, 0)


def _states(fields, ids):
    return Counter(state for (state,) in fields(ids, "state").values())
