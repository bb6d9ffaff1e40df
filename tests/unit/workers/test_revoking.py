"""What our worker makes of messages that Celery would drop, and of a Redis that is away."""

from __future__ import annotations

from threading import Event
from types import SimpleNamespace

import pytest
from celery import signals
from celery.states import FAILURE, REVOKED, STARTED, SUCCESS
from celery.worker import control
from celery.worker import state as worker_state

from conveyor import names
from conveyor.domain.conversion import State
from conveyor.errors import LedgerUnavailable, UnreadableConversion
from tests.unit.workers.parts import entry_of
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
    worker_state.requests.clear()


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
    one = revoking._on_revoke(None, task_id="a", terminate=True, signal="KILL")
    many = revoking._on_terminate(None, signal="TERM", task_id=["c", "b"])

    assert sorted(added) == ["a", "b", "c"]
    assert one == {"ok": "tasks a flagged as revoked"}
    assert many == {"ok": "tasks b, c flagged as revoked"}
    # Celery's own tasks, and neighbours that start, ask for them.
    assert set(worker_state.revoked) == {"a", "b", "c"}


def test_command_without_an_id_revokes_nothing(monkeypatch):
    added = []
    monkeypatch.setattr(revoking, "_REVOCATIONS", SimpleNamespace(add=added.extend))
    revoking._on_revoke(None, task_id=None)

    assert added == []


def test_message_that_was_dropped_once_stays_dropped():
    request = Request()
    request._already_revoked = True

    assert request.revoked() is True


def test_message_past_its_time_is_expired_and_not_revoked_by_its_stamps():
    worker_state.revoked_stamps.update({"tenant": "a"})

    assert _why_dropped(Request({"tenant": "a"}, expires=1, is_late=True)) == "expired"


def test_message_without_an_end_is_never_expired():
    assert _why_dropped(Request(is_late=True)) is None


@pytest.fixture
def panel(monkeypatch):
    """The commands of a worker whose process has just started."""
    monkeypatch.setattr(signals.worker_init, "receivers", [])
    for name in ("data", "meta"):
        monkeypatch.setattr(control.Panel, name, dict(getattr(control.Panel, name)))
    revoking.install()
    signals.worker_init.send(sender=None)
    return control.Panel


def test_commands_of_celery_are_ours_once_the_worker_starts(panel):
    assert panel.data["revoke"] is revoking._on_revoke
    assert panel.data["terminate"] is revoking._on_terminate
    assert panel.data["revoke_by_stamped_headers"] is revoking._on_revoke_by_stamps


@pytest.mark.parametrize(
    ("name", "variadic", "args"),
    [
        ("revoke", "task_id", None),
        ("terminate", "task_id", [("signal", str)]),
        ("revoke_by_stamped_headers", "headers", None),
    ],
)
def test_commands_take_what_celerys_own_take(panel, name, variadic, args):
    about = panel.meta[name]

    assert (about.type, about.variadic, about.args) == ("control", variadic, args)


def test_revoke_by_stamps_ends_what_waits_here_with_them(monkeypatch):
    added = []
    monkeypatch.setattr(revoking, "_REVOCATIONS", SimpleNamespace(add=added.extend))

    def by_stamps(state, headers):
        worker_state.revoked_stamps.update(headers)
        return {"ok": state}

    monkeypatch.setattr(control, "revoke_by_stamped_headers", by_stamps)
    for task_id, stamps in (("a", {"tenant": "t"}), ("b", {"tenant": "u"}), ("c", {})):
        worker_state.requests[task_id] = SimpleNamespace(id=task_id, stamps=stamps)
    answer = revoking._on_revoke_by_stamps("state", {"tenant": "t"})

    assert answer == {"ok": "state"}
    assert added == ["a"]


@pytest.fixture
def cancelled(rig, monkeypatch):
    """What was cancelled; a worker of parts does it."""
    seen = []

    def cancel(publisher, ledger, entry):
        seen.append((publisher, ledger, entry))
        return entry if entry.state is State.QUEUED else None

    monkeypatch.setattr(revoking, "wired", lambda: rig.services)
    monkeypatch.setattr(revoking, "cancel", cancel)
    rig.ledger.answers["record_revoked"] = False
    return seen


@pytest.mark.parametrize(("state", "events"), [(State.QUEUED, ["cancelled"]), (State.FAILED, [])])
def test_revoked_conversion_is_cancelled(*, rig, cancelled, logged, state, events):
    entry = entry_of(state=state)
    rig.ledger.answers["find"] = entry
    revoking._revoke("c1")

    assert cancelled == [(rig.publisher, rig.ledger, entry)]
    assert rig.did == [
        ("ledger.record_revoked", {"conversion_id": "c1"}),
        ("ledger.find", {"conversion_id": "c1"}),
    ]
    assert [line["event"] for line in logged] == events


def test_revoked_conversion_that_is_gone_is_left_alone(cancelled):
    revoking._revoke("c1")

    assert cancelled == []


def _waiting(name=names.SUBMIT, state="PENDING"):
    """A request that waits here for its time; what its result backend is told."""
    told = []

    def get_state(task_id):
        assert task_id == "c1"
        if isinstance(state, Exception):
            raise state
        return state

    backend = SimpleNamespace(get_state=get_state, mark_as_revoked=lambda *it: told.append(it))
    task = SimpleNamespace(backend=backend)
    worker_state.requests["c1"] = SimpleNamespace(id="c1", name=name, task=task)
    return told


@pytest.mark.parametrize("state", ["PENDING", STARTED])
def test_caller_of_a_signature_that_waits_here_learns_at_once(rig, cancelled, state):
    rig.ledger.answers["record_revoked"] = True
    told = _waiting(state=state)
    revoking._revoke("c1")

    assert told == [("c1", "revoked")]
    assert rig.given("ledger.find") == []


@pytest.mark.parametrize("state", [SUCCESS, FAILURE, REVOKED, OSError("away")])
def test_result_that_is_there_or_can_not_be_read_is_left_alone(rig, cancelled, state):
    rig.ledger.answers["record_revoked"] = True
    told = _waiting(state=state)
    revoking._revoke("c1")

    assert told == []


def test_waiting_task_of_another_name_is_told_when_its_time_comes(rig, cancelled):
    rig.ledger.answers["record_revoked"] = True
    told = _waiting(name=names.DELIVER)
    revoking._revoke("c1")

    assert told == []


def test_id_that_does_not_wait_here_is_noted_alone(rig, cancelled):
    rig.ledger.answers["record_revoked"] = True
    revoking._revoke("c1")

    assert rig.names() == ["ledger.record_revoked"]


def _run(ids, monkeypatch, answers):
    """Run the thread's work, in this one, until nothing is left; the waits that it made."""
    revocations, waits = revoking._Revocations(), []
    revocations._ids = dict.fromkeys(ids)

    def wait(timeout=None):
        if timeout is None:
            raise SystemExit
        waits.append(timeout)

    monkeypatch.setattr(revocations._changed, "wait", wait)
    left = iter(answers)

    def revoke(task_id):
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer

    monkeypatch.setattr(revoking, "_revoke", revoke)
    with pytest.raises(SystemExit):
        revocations._run()
    return waits


def test_wait_for_redis_doubles_up_to_ten_seconds_and_begins_anew(monkeypatch):
    away = LedgerUnavailable("Redis is away.")
    answers = [*[away] * 6, None, away, None]

    assert _run(["a", "b"], monkeypatch, answers) == [0.5, 1, 2, 4, 8, 10, 0.5]


def test_unreadable_entry_that_is_revoked_is_put_aside(rig, cancelled, monkeypatch):
    _run(["a", "b"], monkeypatch, [UnreadableConversion("c9"), None])

    assert rig.the("ledger.set_aside") == {"conversion_ids": ["c9"]}


def test_unreadable_entry_that_can_not_be_put_aside_keeps_no_other(rig, cancelled, monkeypatch):
    rig.ledger.answers["set_aside"] = LedgerUnavailable("Redis is away.")

    assert _run(["a", "b"], monkeypatch, [UnreadableConversion("c9"), None]) == []


def test_revocations_have_one_thread_which_ends_with_its_process(threads_of, monkeypatch):
    made = threads_of(revoking)
    revocations, told = revoking._Revocations(), []
    monkeypatch.setattr(revocations._changed, "notify", lambda: told.append(1))
    revocations.add(["a"])
    revocations.add(["b"])

    assert told == [1, 1]
    options, started = made
    assert (options["daemon"], options["name"]) == (True, "conveyor-revoke")
    assert started == "started"
    assert list(revocations._ids) == ["a", "b"]
