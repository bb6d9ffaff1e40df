"""The tasks' bodies: what they claim, in which order they do what, and what they let Celery do."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from celery.exceptions import Ignore

from conveyor import ConversionFailed, names
from conveyor.convertapi.errors import Unreachable
from conveyor.diagnosis.checks import Check
from conveyor.domain.answers import Failed, Finished, InProgress, RemoteFile, Result, Started
from conveyor.domain.conversion import Failure, FailureKind, Reason, State
from conveyor.domain.request import ConversionRequest
from conveyor.errors import InvalidRequest, LedgerUnavailable, StorageError
from conveyor.ledger import Tenure
from conveyor.ledger.audit import Lost
from conveyor.ledger.delivery_lease import Lease
from conveyor.ledger.governor import Admission
from conveyor.messaging.recipient import Recipient
from tests.unit.workers.parts import NOW, claimed, entry_of, pass_of

RESULT = Result(1, (RemoteFile("a.pdf", "https://x/d/a", 3),))
NOTED = entry_of(note="noted")
TAKEN = Tenure("taken", 13_000)
LOST = (Lost("c9", undelivered=False),)


@pytest.fixture
def calls(monkeypatch):
    """Stand in for functions of a module: what each is called with; an answer for each name."""
    seen = []

    def watch(module, **answers):
        for name, answer in answers.items():

            def do(*args, name=name, answer=answer, **kwargs):
                seen.append((name, args, kwargs))
                if isinstance(answer, BaseException):
                    raise answer
                return answer(*args, **kwargs) if callable(answer) else answer

            monkeypatch.setattr(module, name, do)
        return seen

    return watch


def _of(seen, name):
    return [args for done, args, _ in seen if done == name]


@pytest.fixture
def lost(monkeypatch):
    """What was reported as lost."""
    seen = []
    monkeypatch.setattr("workers.losses.report", lambda services, found: seen.append(list(found)))
    return seen


# -- poll -----------------------------------------------------------------------------------------


@pytest.fixture
def polls(modules, rig, task_of, calls, lost):
    """Run a poll of one conversion that is answered so."""
    module = modules["tasks.poll"]
    seen = calls(module, record_poll=NOTED, follow=None, leave_if_cancelled=None)
    _, run = task_of("poll")

    def poll(answer, **fields):
        entry = entry_of(
            job_id="ours",
            base_url="https://eu-v2.convertapi.com",
            request=ConversionRequest.build(
                "https://example.com/a.docx", "pdf", params={"Password": "p"}
            ),
            uploads={"0": "f"},
            **fields,
        )
        passed = pass_of(entry)
        rig.claims.answers["polls"] = claimed(passed, lost=LOST)
        rig.api.answers["poll"] = answer
        run(at=7.0)
        return passed, seen

    return poll


def test_poll_claims_what_is_due_and_waits_for_it(rig, polls, lost):
    rig.room = 9
    passed, _ = polls(InProgress())

    assert rig.the("claims.polls") == {"limit": 9, "at": 7.0}
    assert rig.the("heartbeat.renewing")["held"] is passed
    assert rig.the("crew.wait") == {"batch": 1}
    assert lost == [list(LOST)]


def test_poll_asks_for_the_job_where_it_was_begun(rig, polls):
    passed, _ = polls(InProgress())

    given = rig.the("api.poll")
    assert given.pop("keep")
    assert given == {
        "base_url": "https://eu-v2.convertapi.com",
        "dialect": passed.entry.dialect,
        "job_id": "ours",
        "target": "pdf",
        # The answer may repeat them: they are kept out of what is shown.
        "params": {"Password": "p", "0": "f"},
    }


@pytest.mark.parametrize(("answer", "taking"), [(InProgress(), None), (Finished(RESULT), TAKEN)])
def test_answer_is_noted_before_it_is_followed(*, rig, polls, answer, taking):
    passed, seen = polls(answer)

    assert [name for name, *_ in seen] == ["record_poll", "follow"]
    ((services, polled, given),) = _of(seen, "record_poll")
    assert (services, given) == (rig.services, taking)
    assert (polled.passed, polled.answer) == (passed, answer)
    assert 0 <= polled.took_s < 60
    assert _of(seen, "follow") == [(rig.services, NOTED, taking)]
    # The note leaves the turnstile.
    assert rig.given("turnstile.leave") == []


def test_answer_of_a_conversion_that_has_moved_on_may_leave_something(rig, polls, modules, calls):
    seen = calls(modules["tasks.poll"], record_poll=None)
    passed, _ = polls(Finished(RESULT))

    assert _of(seen, "leave_if_cancelled") == [(rig.services, passed.entry, Finished(RESULT))]
    assert _of(seen, "follow") == [(rig.services, None, TAKEN)]


def test_poll_that_raises_leaves_the_turnstile_and_is_counted(rig, polls):
    passed, seen = polls(ZeroDivisionError())

    assert rig.the("turnstile.leave") == {"granted": passed}
    assert rig.the("ledger.find") == {"conversion_id": "c1"}
    assert seen == []


def test_poll_that_redis_breaks_off_is_not_counted(rig, polls):
    passed, seen = polls(LedgerUnavailable("Redis is away."))

    assert rig.the("turnstile.leave") == {"granted": passed}
    assert rig.given("ledger.find") == []
    assert seen == []


# -- submit ---------------------------------------------------------------------------------------


@pytest.fixture
def submits(modules, rig, task_of, calls, lost):
    """Run a submit of what is claimed, with a POST that is answered so."""
    module = modules["tasks.submit"]
    seen = calls(
        module,
        accept_signature=None,
        bring_sources=lambda _, entry: entry,
        tell_governor=None,
        record_submit=NOTED,
        record_without_sources=NOTED,
        leave_if_cancelled=None,
        check_account=None,
        follow=None,
    )
    _, run = task_of("submit")

    def submit(answer, *passes, fields=None, **claim):
        def post(services, passed, admission, work):
            posted = SimpleNamespace(passed=passed, answer=answer)
            return None if answer is None else posted

        calls(module, post=post)
        rig.claims.answers["submits"] = claimed(*passes, **claim)
        run(**(fields or {"at": 7.0}))
        return seen

    return submit


def _queued(**fields):
    return pass_of(entry_of(state=State.QUEUED, **fields), spacing_ms=0, is_poll=False)


def test_submit_claims_what_may_go_and_waits_for_it(rig, submits, lost):
    rig.room = 9
    submits(Started("x"), _queued(), _queued(id="c2"), spent=[_queued(id="c3")], lost=LOST)

    assert rig.the("claims.submits") == {"limit": 9, "at": 7.0}
    assert rig.given("crew.wait") == [{"batch": 2}, {"batch": 1}]
    assert lost == [list(LOST)]


def test_submit_brings_the_sources_posts_and_notes_the_answer(rig, submits, modules, calls):
    brought = entry_of(note="brought")
    passed = _queued()
    calls(modules["tasks.submit"], bring_sources=lambda *_: brought)
    seen = submits(Started("x"), passed, well=True)

    assert [name for name, *_ in seen] == [
        *("bring_sources", "post", "tell_governor", "record_submit", "follow"),
    ]
    admission = Admission(well=True)
    services, begun, given, work = _of(seen, "post")[0]
    assert (services, begun.entry, given) == (rig.services, brought, admission)
    assert begun.token == passed.token
    assert work is rig.works[0]
    assert _of(seen, "tell_governor") == [(rig.services, admission, brought, Started("x"))]
    services, posted, given, taking = _of(seen, "record_submit")[0]
    assert (posted.answer, given, taking) == (Started("x"), admission, None)
    assert _of(seen, "follow") == [(rig.services, NOTED, None)]
    assert rig.given("turnstile.leave") == []


def test_upload_may_take_as_long_as_its_files(rig, submits, modules, calls):
    seen = []
    calls(
        modules["tasks.submit"],
        bring_sources=lambda _, entry: seen.append(rig.works[0]._until) or entry,
    )
    submits(Started("x"), _queued())

    assert seen == [rig.services.most_upload_s(entry_of())]


def test_result_of_a_submit_is_delivered_in_the_same_breath(rig, submits):
    seen = submits(Finished(RESULT), _queued())

    assert _of(seen, "record_submit")[0][-1] == TAKEN
    assert _of(seen, "follow") == [(rig.services, NOTED, TAKEN)]


def test_answer_to_a_post_of_a_conversion_that_has_moved_on(rig, submits, modules, calls):
    calls(modules["tasks.submit"], record_submit=None)
    passed = _queued()
    seen = submits(Started("x"), passed)

    assert _of(seen, "leave_if_cancelled") == [(rig.services, passed.entry, Started("x"))]
    assert _of(seen, "follow") == [(rig.services, None, None)]


def test_submit_that_came_too_late_leaves_the_turnstile(rig, submits):
    passed = _queued()
    seen = submits(None, passed)

    assert rig.the("turnstile.leave")["granted"].entry == passed.entry
    assert [name for name, *_ in seen] == ["bring_sources", "post"]


@pytest.mark.parametrize(
    "error", [InvalidRequest("It is empty."), StorageError("away"), Unreachable("no route")]
)
def test_sources_that_can_not_be_brought_are_noted_and_nothing_is_posted(
    *, rig, submits, modules, calls, error
):
    calls(modules["tasks.submit"], bring_sources=error)
    passed = _queued()
    seen = submits(Started("x"), passed, well=True)

    assert _of(seen, "record_without_sources") == [
        (rig.services, passed, error, Admission(well=True))
    ]
    assert _of(seen, "follow") == [(rig.services, NOTED)]
    assert _of(seen, "post") == []


@pytest.mark.parametrize("must_check", [True, False])
def test_account_is_checked_where_the_claim_says_so(rig, submits, must_check):
    seen = submits(Started("x"), must_check=must_check)

    assert _of(seen, "check_account") == ([(rig.services,)] if must_check else [])


def test_conversion_that_waited_too_long_for_its_account_fails(rig, submits):
    rig.governor.answers["why"] = "the balance is used up"
    rig.governor.answers["because"] = Reason.NO_BALANCE
    rig.ledger.answers["failed"] = NOTED
    spent = _queued(since=NOW - 8 * 24 * 3600)
    seen = submits(None, spent=[spent])

    given = rig.the("ledger.failed")
    failure = given.pop("failure")
    assert (failure.kind, failure.reason) == (FailureKind.ACCOUNT, Reason.NO_BALANCE)
    assert "the balance is used up" in failure.message
    assert given == {"entry": spent.entry, "cost": 0, "leaving": spent.leaving}
    assert _of(seen, "follow") == [(rig.services, NOTED)]


def test_conversion_whose_patience_is_not_over_leaves_the_turnstile(rig, submits):
    rig.governor.answers["why"] = "the balance is used up"
    rig.governor.answers["because"] = Reason.NO_BALANCE
    spent = _queued()
    submits(None, spent=[spent])

    assert rig.the("turnstile.leave") == {"granted": spent}
    assert rig.given("ledger.failed") == []


def test_bell_of_submits_opens_no_entry(submits):
    seen = submits(None)

    assert seen == []


def test_signature_opens_its_entry_and_is_submitted_at_once(rig, submits, modules, calls):
    asked = {
        "source": "https://example.com/a.docx",
        "to": "pdf",
        "from_format": "docx",
        "params": {"A": 1},
        "semi_async_seconds": 20,
        "asked": "1:hash",
        "terms": {"metadata": {"order": 7}},
    }
    seen = submits(None, fields=asked)

    ((task, services, given, call, terms),) = _of(seen, "accept_signature")
    assert (task.name, services, given) == (names.SUBMIT, rig.services, "1:hash")
    assert terms == {"metadata": {"order": 7}}
    assert call == ("https://example.com/a.docx", "pdf", "docx", {"A": 1}, 20)
    # A time that has passed long ago: whatever is due is due by then.
    assert rig.the("claims.submits")["at"] == 0


@pytest.mark.parametrize("canvas", [{"callbacks": ["link"]}, {"chain": ["next"]}])
def test_callbacks_of_a_signature_do_not_run_before_its_delivery(rig, task_of, submits, canvas):
    _, run = task_of("submit")
    rig.claims.answers["submits"] = claimed()
    with pytest.raises(Ignore):
        run(canvas=canvas, at=0)

    assert len(rig.given("claims.submits")) == 1


@pytest.mark.parametrize(("kwargs", "is_it"), [({"to": "pdf"}, True), ({"at": 1.0}, False)])
def test_message_of_a_signature_is_all_that_there_is(task_of, kwargs, is_it):
    task, _ = task_of("submit")

    assert task.is_only_record("a", **kwargs) is is_it


# -- deliver --------------------------------------------------------------------------------------


SUCCEEDED = entry_of(state=State.SUCCEEDED)
FAILED = entry_of(state=State.FAILED, failure=Failure(FailureKind.INPUT, "Damaged.", code=5003))


@pytest.fixture
def delivers(modules, rig, task_of, calls, lost):
    """Run a delivery, after which the conversion is so."""
    module = modules["tasks.deliver"]
    seen = calls(module, follow=None)
    task, run = task_of("deliver")

    def deliver(ended, *args, **fields):
        calls(module, bring=ended)
        return run(*args, **fields), seen

    deliver.task = task
    deliver.seen = seen
    return deliver


def test_delivery_returns_what_the_caller_gets(rig, delivers):
    lease = Lease(SUCCEEDED, "lease", rig.deliveries)
    rig.deliveries.answers["acquire"] = lease
    result, seen = delivers(SUCCEEDED, "c1", canvas={"callbacks": ["link"]})

    assert result == SUCCEEDED.conversion.to_dict()
    assert rig.the("deliveries.acquire") == {"conversion_id": "c1"}
    ((services, held, work, to),) = _of(seen, "bring")
    assert (services, held, work) == (rig.services, lease, rig.works[0])
    assert isinstance(to, Recipient)
    assert (to.app, to.request.id) == (delivers.task.app, "t1")
    assert to.backend is delivers.task.backend


@pytest.mark.parametrize("ended", [SUCCEEDED, FAILED, Ignore()])
def test_delivery_leaves_celery_nothing_to_do(rig, delivers, modules, calls, ended):
    seen = calls(modules["tasks.deliver"], leave_nothing_to_celery=None)
    rig.deliveries.answers["acquire"] = Lease(FAILED, "lease", rig.deliveries)
    try:
        delivers(ended, "c1")
    except (Ignore, ConversionFailed):
        assert ended is not SUCCEEDED

    ((request,),) = _of(seen, "leave_nothing_to_celery")
    assert request.id == "t1"


def test_delivery_of_a_failure_raises_it(rig, delivers):
    rig.deliveries.answers["acquire"] = Lease(FAILED, "lease", rig.deliveries)
    with pytest.raises(ConversionFailed) as raised:
        delivers(FAILED, "c1")

    assert raised.value.code == 5003


def test_delivery_that_another_has_is_left_to_it(rig, delivers):
    with pytest.raises(Ignore):
        delivers(SUCCEEDED, "c1")

    assert delivers.seen == []
    assert rig.given("claims.deliveries") == []


@pytest.fixture
def sent(modules, monkeypatch):
    """The deliveries that were sent as messages."""
    seen = []
    monkeypatch.setattr(modules["tasks.deliver"].bells, "deliver", lambda *it: seen.append(it))
    return seen


def test_bell_of_deliveries_brings_all_that_are_due_on_their_way(rig, delivers, sent, lost):
    rig.room = 9
    plain, called_back = (
        entry_of(id="c1", state=State.FAILED),
        entry_of(
            id="c2", state=State.READY, result=RESULT.__class__(1, (RemoteFile("a", "u", None),))
        ),
    )
    rig.claims.answers["deliveries"] = claimed(pass_of(plain), pass_of(called_back), lost=LOST)
    with pytest.raises(Ignore):
        delivers(None, at=7.0)

    assert rig.the("claims.deliveries") == {"limit": 9, "at": 7.0}
    assert _of(delivers.seen, "follow") == [(rig.services, plain)]
    assert sent == [(rig.publisher, called_back)]
    assert rig.the("crew.wait") == {"batch": 2}
    assert lost == [list(LOST)]
    assert rig.given("deliveries.acquire") == []


def test_bell_of_deliveries_that_names_no_time_claims_what_is_due(rig, delivers):
    rig.claims.answers["deliveries"] = claimed()
    with pytest.raises(Ignore):
        delivers(None)

    assert rig.the("claims.deliveries")["at"] == 0


# -- checkup --------------------------------------------------------------------------------------


@pytest.fixture
def examined(modules, rig, task_of, monkeypatch):
    asked = []

    class Checkup:
        def examine(self, probe, timeout_s):
            asked.append((probe, timeout_s))
            return [
                Check("storage", True, "it works"),
                Check("clock", False, "it is off", warning=True),
            ]

    monkeypatch.setattr(
        modules["tasks.checkup"],
        "checkup_of",
        lambda services: Checkup() if services is rig.services else None,
    )
    _, run = task_of("checkup")
    return asked, run


REPORT = {
    "node": "worker@node",
    "ledger": "the ledger",
    "checks": [
        {"name": "storage", "ok": True, "detail": "it works", "warning": False},
        {"name": "clock", "ok": False, "detail": "it is off", "warning": True},
    ],
}


def test_checkup_answers_as_its_result_and_through_redis(rig, examined):
    asked, run = examined
    rig.ledger.answers["identity"] = "the ledger"

    assert run("file:///probe", of_later="x") == REPORT
    # The doctor waits for five seconds.
    assert asked == [("file:///probe", 4.5)]
    given = rig.the("reports.put")
    assert given["question_id"] == "t1"
    assert json.loads(given["report"]) == REPORT


def test_checkup_answers_where_redis_is_away(rig, examined):
    asked, run = examined
    rig.ledger.answers["identity"] = LedgerUnavailable("away")

    assert run() == {**REPORT, "ledger": ""}
    assert asked == [(None, 4.5)]


def test_failed_answer_is_no_result(rig, polls):
    """A failure has no files, so no lease begins with its note."""
    _, seen = polls(Failed(500, 5003, "Damaged."))

    assert _of(seen, "record_poll")[0][-1] is None


@pytest.mark.parametrize("name", ["submit", "poll", "deliver"])
def test_bell_that_meets_a_busy_crew_is_rung_again_for_its_kind(rig, task_of, name):
    _, run = task_of(name)
    rig.room = 0
    with pytest.raises(Ignore):
        run(at=7.0)

    given = rig.the("claims.put_off")
    assert (given["kind"], given["at"]) == (name, 7.0)


# -- notify ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bell", "at"), [({"at": 7.5}, 7.5), ({}, 0.0), ({"later": 1}, 0.0)])
def test_bell_for_notices_says_when_it_was_to_come(task_of, rig, bell, at):
    rig.notifier.answers["begin"] = True
    _, run = task_of("notify")

    run(**bell)

    assert rig.did == [("notifier.begin", {"at": at})]


def test_bell_for_notices_that_finds_no_thread_leaves_no_result(task_of, rig):
    rig.notifier.answers["begin"] = False
    _, run = task_of("notify")

    with pytest.raises(Ignore):
        run(at=7.5)
