"""A throttled submit waits for itself alone: its steps, or as long as the service asks for."""

from __future__ import annotations

import pytest

from conveyor import State, names
from conveyor.convertapi.client import ConvertApi
from conveyor.domain.answers import Throttled
from conveyor.ledger.keys import Keys

KEYS = Keys()

# The steps are 5, 10, 15 s at the service's spacing of 5 s; a tenth and a margin of jitter.
STEP_S = 0.2


@pytest.fixture
def throttle(monkeypatch):
    """Answer every POST with a throttle; returns how often that was done."""
    throttled = []

    def by(retry_after_s):
        def start(*_args, **_options):
            throttled.append(retry_after_s)
            return Throttled(retry_after_s)

        monkeypatch.setattr(ConvertApi, "start", start)
        return throttled

    return by


@pytest.fixture
def handle(conveyor, document):
    return conveyor.convert(document, to="html")


def now_of(client):
    """The time by the server's clock."""
    seconds, microseconds = client.time()
    return seconds + microseconds / 1e6


@pytest.mark.parametrize(
    ("retry_after_s", "bounds_s"),
    [
        (None, (STEP_S, 1.2 * STEP_S + 0.1)),
        (0.0, (STEP_S, 1.2 * STEP_S + 0.1)),
        (STEP_S / 2, (STEP_S, 1.2 * STEP_S + 0.1)),
        (40.0, (40.0, 40.1)),
        (1e9, (3600.0, 3600.1)),
    ],
)
def test_a_throttled_submit_waits_its_step_or_longer_if_retry_after_asks_for_that(
    worker, handle, throttle, retry_after_s, bounds_s
):
    throttle(retry_after_s)
    least_s, most_s = bounds_s
    client = worker.services.ledger.client
    begun = now_of(client)
    worker.run(worker.waiting()[0])
    due = client.zscore(KEYS.due("submit"), handle.id)

    assert begun + least_s <= due <= now_of(client) + most_s
    assert handle.progress().note == "ConvertAPI is throttling"


def test_repeated_throttles_wait_longer_each_time(worker, handle, throttle, client):
    throttle(None)
    begun = now_of(client)
    worker.run(worker.waiting()[0])
    waits = []
    for _ in range(4):
        due = client.zscore(KEYS.due("submit"), handle.id)
        waits.append((due - begun, due - now_of(client)))
        begun = now_of(client)
        client.zadd(KEYS.due("submit"), {handle.id: 1})
        client.delete(KEYS.turnstile(handle.id), *client.keys(f"{KEYS.prefix}bell:*"))
        # The account's own rate is not asked for here.
        client.delete(KEYS.account(worker.services.governor.account))
        worker.drop()
        worker.ring(names.SUBMIT)

    for steps, (most_s, least_s) in zip((1, 2, 3, 3), waits, strict=True):
        assert most_s >= steps * STEP_S
        assert least_s <= 1.2 * steps * STEP_S + 0.1
    assert worker.services.ledger.get(handle.id).consecutive_failures == 5


def test_while_one_waits_for_an_hour_others_are_submitted(
    worker, conveyor, sandbox, document, monkeypatch
):
    start, throttled = ConvertApi.start, []

    def first_is_throttled(*args, **options):
        if not throttled:
            throttled.append(True)
            return Throttled(3600.0)
        return start(*args, **options)

    monkeypatch.setattr(ConvertApi, "start", first_is_throttled)
    waits = conveyor.convert(document, to="html")
    worker.run(worker.waiting()[0])
    others = [conveyor.convert(document, to="html") for _ in range(3)]
    worker.work()

    assert [it.state for it in others] == [State.SUCCEEDED] * 3
    assert waits.state is State.QUEUED
