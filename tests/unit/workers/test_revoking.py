"""What our worker makes of messages that Celery would drop, and of a Redis that is away."""

from __future__ import annotations

from threading import Event
from types import SimpleNamespace

import pytest
from celery.worker import state as worker_state

from conveyor.errors import LedgerUnavailable
from workers import revoking


class Request(revoking.Request):
    """Of a message, without a worker."""

    def __init__(self, stamps=None, expires=None, *, is_late=False):
        self.id = "x"
        self._already_revoked = False
        self._request_dict = {"stamped_headers": list(stamps or {}), "stamps": stamps or {}}
        self._expires = expires
        self.maybe_expire = lambda: is_late

    @property
    def expires(self):
        return self._expires


@pytest.fixture(autouse=True)
def forget():
    yield
    worker_state.revoked.clear()
    worker_state.revoked_stamps.clear()


def _why_dropped(request):
    assert request.revoked() is False
    return request._request_dict.get(revoking.DROPPED)


def test_revoked_id_drops_no_message():
    worker_state.revoked.add("x")

    assert _why_dropped(Request()) is None


@pytest.mark.parametrize(
    ("stamps", "revoked", "why"),
    [
        ({"tenant": "a"}, {"tenant": ["a", "b"]}, "revoked"),
        ({"tenant": ["a", "c"]}, {"tenant": "c"}, "revoked"),
        ({"tenant": "a"}, {"tenant": "b"}, None),
        ({"tenant": "a"}, {"order": "a"}, None),
        ({}, {"tenant": "a"}, None),
    ],
)
def test_revoked_stamp_is_told_to_the_task(stamps, revoked, why):
    worker_state.revoked_stamps.update(revoked)

    assert _why_dropped(Request(stamps)) == why


@pytest.mark.parametrize(("is_late", "why"), [(True, "expired"), (False, None)])
def test_message_past_its_time_is_told_to_the_task(is_late, why):
    assert _why_dropped(Request(expires=1, is_late=is_late)) == why


def test_revoke_is_tried_again_until_redis_is_back(monkeypatch):
    tried, done = [], Event()

    def away_at_first(task_id):
        tried.append(task_id)
        if len(tried) < 4:
            raise LedgerUnavailable("Redis is away.")
        if set(tried[3:]) == {"a", "b"}:
            done.set()

    monkeypatch.setattr(revoking, "_revoke", away_at_first)
    monkeypatch.setattr(revoking, "_FIRST_WAIT_S", 0.01)
    revoking._Revocations().add(["a", "b"])

    assert done.wait(30)


def test_one_id_that_can_not_be_revoked_keeps_no_other(monkeypatch):
    done = Event()

    def revoke(task_id):
        if task_id == "bad":
            raise ValueError(task_id)
        done.set()

    monkeypatch.setattr(revoking, "_revoke", revoke)
    revoking._Revocations().add(["bad", "good"])

    assert done.wait(30)


def test_commands_take_one_id_or_many(monkeypatch):
    added = []
    monkeypatch.setattr(revoking, "_REVOCATIONS", SimpleNamespace(add=added.extend))
    revoking._on_revoke(None, task_id="a", terminate=True, signal="KILL")
    revoking._on_terminate(None, signal="TERM", task_id=["b", "c"])

    assert sorted(added) == ["a", "b", "c"]
