"""Bells: few messages for many conversions, none left over, and none that is missing."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
import redis
from celery import Signature

from chaos.service import Service
from conveyor import State
from conveyor.ledger.keys import Keys
from conveyor.names import Queues
from local_stack.environment import ROOT
from local_stack.process import Child
from local_stack.stack import LocalStack, consumes

KEYS = Keys()

HERE = Path(__file__).parent
MANY = 300
MESSAGES_A_CONVERSION = 1.3
# The date of a poll has one of so many slots at most: they were submitted within seconds.
SLOTS = 60


@pytest.fixture
def client(stack):
    with closing(redis.Redis.from_url(stack.valkey.url(), decode_responses=True)) as client:
        yield client


@pytest.fixture
def enqueue(stack, conveyor):
    """Has so many conversions accepted that cost next to nothing and differ."""
    service = Service(stack.sandbox_url, "sandbox")
    document = service.upload("shared.txt", b"a small document\n")

    def enqueue(count):
        names = ({"FileName": f"n{number}"} for number in range(count))
        return [conveyor.convert(document, "zip", "any", params).id for params in names]

    return enqueue


@pytest.fixture
def states(client):
    """How many stand where."""

    def states(ids):
        with client.pipeline(transaction=False) as pipeline:
            for each in ids:
                pipeline.hget(KEYS.conversion(each), "state")
            return Counter(pipeline.execute())

    return states


def _published(client):
    """Messages that were put into a queue so far."""
    return client.info("commandstats").get("cmdstat_lpush", {"calls": 0})["calls"]


def _in_hand(client):
    return client.hlen("conveyor:unacked")


class TestBurst:
    """All at once; polled."""

    @pytest.fixture(scope="class")
    @classmethod
    def stack(cls):
        with LocalStack(workers=0, concurrency=4, sandbox_options=("--duration", "3-6")) as running:
            yield running

    @pytest.fixture
    def workers(self, stack):
        """Started by the test: how fast this machine enqueues is no matter."""
        workers = [_worker(stack, "workers.app", number) for number in (1, 2)]
        yield lambda: [_start(stack, worker) for worker in workers]
        for worker in workers:
            worker.stop()

    def test_conversion_costs_few_messages_and_waits_without_one(
        self, *, enqueue, workers, client, states, until
    ):
        before = _published(client)
        ids = enqueue(MANY)
        workers()
        most = 0

        def have_ended():
            nonlocal most
            most = max(most, _in_hand(client))
            return states(ids) == {State.SUCCEEDED: MANY}

        until(have_ended, 200)
        assert _published(client) - before <= MESSAGES_A_CONVERSION * MANY
        assert most <= SLOTS
        until(lambda: _in_hand(client) == 0)


class TestWebhooks:
    @pytest.fixture(scope="class")
    @classmethod
    def stack(cls):
        with LocalStack(
            web=True, webhooks=True, sandbox_options=("--duration", "0.5-1.5")
        ) as running:
            yield running

    def test_nothing_is_left_where_the_webhook_was_faster_than_the_poll(
        self, *, enqueue, client, conveyor, states, until
    ):
        ids = enqueue(50)

        until(lambda: states(ids) == {State.SUCCEEDED: 50})
        polls = sum(conveyor.get(each).polls for each in ids)
        assert polls < 2 * len(ids), "or the webhooks brought nothing"
        left = lambda: {  # noqa: E731 - of this test alone
            **{queue: client.llen(queue) for queue in Queues().names},
            **{due: client.zcard(due) for due in KEYS.all_due},
            "in hand": _in_hand(client),
        }
        # Far below the wait of a fallback poll.
        until(lambda: not any(left().values()), 20)


class TestWithoutSweep:
    @pytest.fixture(scope="class", params=[False, True], ids=["polled", "webhooks"])
    @classmethod
    def stack(cls, request):
        options = ("--duration", "0.2-1.5")
        with LocalStack(
            workers=0, web=request.param, webhooks=request.param, sandbox_options=options
        ) as running:
            workers = [_worker(running, "sweepless_app", number) for number in (1, 2)]
            for worker in workers:
                _start(running, worker)
            yield running
            for worker in workers:
                worker.stop()

    def test_lone_conversion_ends_by_its_own_bells(
        self, *, stack, conveyor, document, tmp_path, client, until
    ):
        damaged = tmp_path / "damaged.pdf"
        damaged.write_text("This is no PDF.")
        signature = conveyor.signature(document, to="html")
        signature.link(Signature("web.note", queue="nobody", app=conveyor.celery_app))

        ways = [
            (lambda: conveyor.convert(document, to="pdf").id, State.SUCCEEDED),
            (lambda: signature.apply_async().id, State.SUCCEEDED),
        ]
        if "CONVEYOR_WEBHOOK_URL" not in stack.environment():
            # The service calls for successes alone. The sweep rings for the rest.
            ways.append((lambda: conveyor.convert(damaged, to="split").id, State.FAILED))
        for begin, end in ways:
            conversion_id = begin()
            until(lambda: _ended(conveyor, conversion_id) is end)  # noqa: B023 - used at once
            until(lambda: not any(map(client.zcard, KEYS.all_due)))

    def test_many_end_by_their_bells(self, *, enqueue, client, states, until):
        ids = enqueue(MANY)

        until(lambda: states(ids) == {State.SUCCEEDED: MANY}, 200)
        until(lambda: not any(map(client.zcard, KEYS.all_due)))


def _ended(conveyor, conversion_id):
    try:
        state = conveyor.get(conversion_id).state
    except LookupError:
        return None
    return state if state.is_final else None


def _worker(stack, app, number):
    return Child(
        f"worker-{number}",
        [
            *(sys.executable, "-m", "celery", "-A", app, "worker"),
            *("-n", f"worker-{number}@localhost"),
        ],
        log=stack.directory / f"worker-{number}.log",
        env={**stack.environment(), "PYTHONPATH": f"{HERE}:{ROOT}"},
        cwd=ROOT,
    )


def _start(stack, worker):
    worker.start()
    with closing(stack.conveyor()) as conveyor:
        worker.wait_ready(consumes(conveyor, f"{worker.name}@localhost"))
