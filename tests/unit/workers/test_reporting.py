"""Each step of a report is done once, noted, and the last one ends the delivery."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from celery.exceptions import Ignore, Retry
from kombu.exceptions import OperationalError

from conveyor.domain.answers import RemoteFile, Result
from conveyor.domain.canvas import Caller
from conveyor.domain.conversion import State
from conveyor.ledger.delivery_lease import Lease
from conveyor.ledger.faults import RedisError
from conveyor.messaging.canvas import Step
from conveyor.messaging.recipient import Recipient
from tests.unit.workers.parts import entry_of
from workers import reporting
from workers.reporting import leave_nothing_to_celery, refuse, report_outcome, revoke


class AwayError(Exception):
    """As a result backend's client names it."""


@pytest.fixture
def steps(rig, monkeypatch):
    """Report an outcome that has three steps; which were done, in their order."""
    done = []
    rig.ledger.answers["sent"] = entry_of()

    def run(entry=None, names=("link:0", "result", "chord"), **broken):
        entry = entry or entry_of(state=State.SUCCEEDED)

        def step(name):
            def do():
                done.append(name)
                if name in broken:
                    raise broken[name]

            return Step(name, do)

        monkeypatch.setattr(reporting, "steps_of", lambda to, told: [step(name) for name in names])
        backend = SimpleNamespace(connection_errors=(AwayError,))
        to = Recipient(None, backend, None)
        try:
            report_outcome(rig.services, to, Lease(entry, "lease", rig.deliveries), entry)
        finally:
            run.entry = entry
        return done

    run.done = done
    return run


def _noted(rig):
    return [(tuple(given["places"]), given["delivery"]) for given in rig.given("ledger.sent")]


def test_each_step_is_noted_and_the_last_one_with_the_end(rig, steps):
    result = Result(1, (RemoteFile("a.pdf", "https://x/d/a"),))
    entry = entry_of(state=State.SUCCEEDED, result=result)

    assert steps(entry) == ["link:0", "result", "chord"]
    # A list that grows is one object: the last note of it holds all but the last step.
    assert len(_noted(rig)) == 2
    assert all(delivery == "lease" for _, delivery in _noted(rig))
    given = rig.the("ledger.delivered")
    assert [leftover.url for leftover in given.pop("leftovers")] == ["https://x/d/a"]
    assert given == {
        "conversion_id": "c1",
        "is_dead": False,
        "delivery": "lease",
        "request": entry.request,
        "keep_files_s": None,
    }


def test_notes_name_the_steps_that_are_done(rig, steps):
    seen = []
    rig.ledger.answers["sent"] = lambda places, **_: seen.append(tuple(places)) or entry_of()
    steps()

    assert seen == [("link:0",), ("link:0", "result")]


@pytest.mark.parametrize("state", [State.FAILED, State.EXPIRED])
def test_dead_letter_is_delivered_as_one(rig, steps, state):
    steps(entry_of(state=state))

    assert rig.the("ledger.delivered")["is_dead"] is True


@pytest.mark.parametrize(
    ("sent", "left"),
    [("link:0", ["result", "chord"]), ("link:0 result", ["chord"]), ("link:0 result chord", [])],
)
def test_step_of_an_earlier_delivery_is_left_out(rig, steps, sent, left):
    seen = []
    rig.ledger.answers["sent"] = lambda places, **_: seen.append(tuple(places)) or entry_of()
    entry = entry_of(state=State.SUCCEEDED, sent=sent)

    assert steps(entry) == left
    assert seen == [("link:0", "result")][: len(left) - 1 if left else 0]
    assert len(rig.given("ledger.delivered")) == 1


def test_delivery_whose_lease_has_lapsed_does_no_more(rig, steps):
    rig.ledger.answers["sent"] = None
    with pytest.raises(Ignore):
        steps()

    assert steps.done == ["link:0"]
    assert rig.given("ledger.delivered") == []


@pytest.mark.parametrize("error", [AwayError(), RedisError(), ConnectionResetError()])
@pytest.mark.parametrize(("undelivered", "delay_s"), [(0, 1), (3, 8), (9, 30)])
def test_result_backend_that_is_away_is_tried_later(*, rig, steps, error, undelivered, delay_s):
    entry = entry_of(state=State.SUCCEEDED, undelivered=undelivered)
    with pytest.raises(Ignore):
        steps(entry, result=error)

    assert steps.done == ["link:0", "result"]
    assert rig.the("ledger.undelivered") == {"entry": entry, "delay_s": delay_s}
    assert rig.given("ledger.delivered") == []


def test_broker_that_is_away_is_for_the_caller_to_see(rig, steps):
    with pytest.raises(OperationalError):
        steps(result=OperationalError())

    assert rig.given("ledger.undelivered") == []
    assert rig.given("ledger.delivered") == []


@pytest.mark.parametrize("broken", ["link:0", "result", "chord"])
def test_step_that_can_not_be_done_keeps_no_other(rig, steps, broken):
    """The others are noted, the last one too, so that a repetition tries the broken one alone."""
    seen = []
    rig.ledger.answers["sent"] = lambda places, **_: seen.append(tuple(places)) or entry_of()
    with pytest.raises(ZeroDivisionError):
        steps(**{broken: ZeroDivisionError()})

    others = [name for name in ("link:0", "result", "chord") if name != broken]
    assert steps.done == ["link:0", "result", "chord"]
    assert seen == [tuple(others[:1]), tuple(others)]
    assert rig.given("ledger.delivered") == []


def test_task_that_has_told_its_caller_leaves_celery_nothing_to_do():
    request = SimpleNamespace(
        callbacks=[1], errbacks=[2], chain=[3], chord={4: 5}, ignore_result=False, id="c1"
    )
    leave_nothing_to_celery(request)

    assert vars(request) == {
        "callbacks": None,
        "errbacks": None,
        "chain": None,
        "chord": None,
        "ignore_result": True,
        "id": "c1",
    }


class Task:
    """Of a message, with a result backend that notes what it is told."""

    def __init__(self, error=None):
        self.told = []
        self.error = error
        self.request = SimpleNamespace(id="c1", retries=2)
        self.backend = SimpleNamespace(
            mark_as_failure=self._mark, mark_as_revoked=self._mark, connection_errors=(AwayError,)
        )

    def _mark(self, *args, **kwargs):
        if self.error is not None:
            raise self.error
        self.told.append((args, kwargs))

    def retry(self, countdown):
        return Retry(when=countdown)


def test_caller_of_a_request_that_can_not_be_right_gets_its_error():
    task, error = Task(), ValueError("no such format")
    with pytest.raises(Ignore):
        refuse(task, error)

    assert task.told == [(("c1", error), {"request": task.request})]


def test_caller_of_a_revoked_request_learns_of_it():
    task = Task()
    with pytest.raises(Ignore):
        revoke(task, "expired")

    assert task.told == [(("c1", "expired"), {"request": task.request})]


@pytest.mark.parametrize("error", [AwayError(), RedisError(), OSError(), OperationalError()])
@pytest.mark.parametrize(
    "tell", [lambda task: refuse(task, ValueError()), lambda task: revoke(task, "revoked")]
)
def test_message_comes_back_while_the_result_backend_is_away(error, tell):
    task = Task(error)
    with pytest.raises(Retry) as raised:
        tell(task)

    assert raised.value.when == 4


def test_error_of_another_kind_is_not_taken_for_an_absent_backend():
    with pytest.raises(ZeroDivisionError):
        refuse(Task(ZeroDivisionError()), ValueError())


def test_recipient_is_the_caller_as_the_ledger_knows_it(rig):
    caller = Caller(
        callbacks=[1],
        errbacks=[2],
        chain=[3],
        chord={"a": 4},
        group="g",
        group_index=5,
        root_id="r",
        parent_id="p",
        reply_to="q",
    )
    to = Recipient.of(rig.services.publisher.app, rig.services.backend, entry_of(caller=caller))

    assert (to.app, to.backend) == (rig.publisher.app, rig.backend)
    request = to.request
    assert (request.id, request.group, request.group_index) == ("c1", "g", 5)
    assert (request.callbacks, request.errbacks, request.chain) == ([1], [2], [3])
    assert (request.chord, request.root_id, request.parent_id) == ({"a": 4}, "r", "p")
    assert (request.reply_to, request.children) == ("q", [])
