"""When a conversion is due next after each kind of answer, by its age and by what failed before."""

from __future__ import annotations

import pytest

from conveyor import State, names
from conveyor.convertapi.client import ConvertApi
from conveyor.domain.answers import Busy, InProgress, Lost, Unsent
from conveyor.ledger.keys import Keys

KEYS = Keys()

OLD_S = 100.0


@pytest.fixture
def worker(request, worker_of, sandbox):
    """A worker; with a webhook, where the test says so."""
    asked = getattr(request, "param", {})
    with worker_of(sandbox.url, **asked) as made:
        yield made


@pytest.fixture
def old(worker, conveyor, document, client):
    """A job that the service has had for a while, and that has failed to answer so often."""

    def make(failures=0):
        handle = conveyor.convert(document, to="html")
        worker.run(worker.waiting()[0])
        assert handle.get().state is State.CONVERTING
        key = KEYS.conversion(handle.id)
        client.hincrbyfloat(key, "submitted_at", -OLD_S)
        client.hset(key, "consecutive_failures", failures)
        client.delete(KEYS.turnstile(handle.id))
        client.zadd(KEYS.due("poll"), {handle.id: 1})
        worker.drop()
        return handle

    return make


@pytest.fixture
def poll(worker, client, monkeypatch):
    """Poll once, with this answer; the least and the most seconds until the next poll."""

    def once(handle, answer):
        with monkeypatch.context() as patch:
            patch.setattr(ConvertApi, "poll", lambda *_args, **_options: answer)
            began = _now(client)
            worker.ring(names.POLL)
        due = client.zscore(KEYS.due("poll"), handle.id)
        return due - _now(client), due - began

    return once


def _now(client):
    seconds, microseconds = client.time()
    return seconds + microseconds / 1e6


WEBHOOK = {"webhook_url": "http://127.0.0.1:9/webhooks/", "webhook_key": "k" * 32}


@pytest.mark.parametrize(
    ("worker", "answer", "failures", "wait_s"),
    [
        # A fifth of its age, and never more than a minute.
        ({}, InProgress(), 0, 20.0),
        ({}, InProgress(), 4, 20.0),
        # Doubled by each answer that says nothing: 0.2, 0.4 … s, where that is longer.
        ({}, Lost("cut"), 0, 20.0),
        ({}, Lost("cut"), 7, 51.2),
        ({}, Unsent("no connection"), 7, 51.2),
        # To be asked for patience is no failure, and a longer wait is kept.
        ({}, Busy(45.0), 7, 45.0),
        # Half of its age, where the service calls.
        (WEBHOOK, InProgress(), 0, 50.0),
        # But after a failure as ever: the call may have come, and its answer was lost.
        (WEBHOOK, Lost("cut"), 0, 20.0),
        (WEBHOOK, Lost("cut"), 7, 51.2),
    ],
    indirect=["worker"],
    ids=str,
)
def test_next_poll_comes_after_this_wait(*, old, poll, client, answer, failures, wait_s):
    made = _now(client)
    least_s, most_s = poll(old(failures), answer)
    # By so much it may have grown older than it was made, on a slow machine.
    slow_s = _now(client) - made

    assert 0.85 * wait_s <= most_s
    assert least_s <= 1.15 * (wait_s + slow_s)
