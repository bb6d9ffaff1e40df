"""What every task does around its body: log context, faults, messages of later releases."""

from __future__ import annotations

import pytest
from celery import Celery
from celery.exceptions import Ignore, Reject, Retry
from kombu.exceptions import OperationalError
from structlog.contextvars import get_contextvars

from conveyor import names
from conveyor.errors import ConversionFailed, LedgerUnavailable, UnreadableConversion
from tests.unit.workers.parts import entry_of
from workers import base
from workers.base import ConversionTask

AWAY = LedgerUnavailable("Redis is away.")


class OnlyRecord(ConversionTask):
    """A task whose message is all that there is."""

    def is_only_record(self, *_args, to="", **_kwargs):
        return bool(to)


@pytest.fixture
def task_of(rig, monkeypatch):
    """A task by its name and its body; it comes back by `Retry`, and refuses by what `told` has."""
    monkeypatch.setattr(base, "wired", lambda: rig.services)
    with Celery(set_as_current=False, broker="memory://") as app:

        def make(body, name=names.SUBMIT, *, headers=None, kind=OnlyRecord):
            def run(_, *args, **kwargs):
                return body(*args, **kwargs)

            # Not shared: it would join every other application of this process.
            task = app.task(bind=True, shared=False, base=kind, name=name)(run)
            task.told = []
            task.retry = lambda countdown: Retry(when=countdown)
            task.push_request(id="t1", headers=headers, retries=1)
            return task

        yield make


def _raising(error):
    def body(*_args, **_kwargs):
        raise error

    return body


def test_body_is_given_its_arguments_and_its_result_is_returned(task_of):
    assert task_of(lambda *args, **kwargs: (args, kwargs))(1, to="pdf") == ((1,), {"to": "pdf"})


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "conversion_id"),
    [
        (names.DELIVER, ("c1",), {}, "c1"),
        (names.DELIVER, (), {"conversion_id": "c1"}, "c1"),
        (names.DELIVER, (), {}, "t1"),
        (names.DELIVER, (5,), {}, "t1"),
        (names.SUBMIT, ("https://example.com/a.docx",), {}, "t1"),
    ],
)
def test_lines_of_its_log_name_conversion_and_task(*, task_of, name, args, kwargs, conversion_id):
    task = task_of(lambda *_, **__: get_contextvars(), name)

    assert task(*args, **kwargs) == {"conversion_id": conversion_id, "task": name}
    assert get_contextvars() == {}


@pytest.mark.parametrize("error", [AWAY, OperationalError()])
def test_redis_that_is_away_leaves_a_bell_to_the_sweep(rig, task_of, error):
    with pytest.raises(Ignore):
        task_of(_raising(error))(at=0)

    assert rig.did == []


@pytest.mark.parametrize("error", [AWAY, OperationalError()])
def test_signature_comes_back_when_redis_is_away(task_of, error):
    with pytest.raises(Retry) as raised:
        task_of(_raising(error))("a", to="pdf")

    assert raised.value.when == 2


@pytest.mark.parametrize(
    "error", [Ignore(), Reject("no"), Retry(), ConversionFailed("No.", kind="input")]
)
def test_end_that_was_meant_is_passed_on(rig, task_of, error):
    with pytest.raises(type(error)) as raised:
        task_of(_raising(error))(to="pdf")

    assert raised.value is error
    assert rig.did == []


def test_unreadable_entry_is_put_aside(rig, task_of):
    with pytest.raises(Ignore):
        task_of(_raising(UnreadableConversion("c9")))(to="pdf")

    assert rig.did == [("ledger.set_aside", {"conversion_ids": ["c9"]})]


def test_unexpected_error_is_counted_on_the_conversion(rig, task_of):
    rig.ledger.answers["find"] = entry_of()
    with pytest.raises(Ignore):
        task_of(_raising(ZeroDivisionError()), names.DELIVER)("c1")

    assert rig.the("ledger.find") == {"conversion_id": "c1"}
    assert len(rig.given("ledger.stumbled")) == 1


def test_unexpected_error_of_no_conversion_is_celerys(task_of):
    error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError) as raised:
        task_of(_raising(error))(at=0)

    assert raised.value is error


def test_signature_that_could_not_be_opened_is_refused(task_of, monkeypatch):
    told = []

    def refuse(task, error):
        told.append((task, error))
        raise Ignore

    monkeypatch.setattr(base, "refuse", refuse)
    task = task_of(_raising(ZeroDivisionError()))
    with pytest.raises(Ignore):
        task("a", to="pdf")

    ((refused, error),) = told
    assert refused == task
    assert error.kind == "internal"
    assert "Nothing was paid." in str(error)


@pytest.mark.parametrize("away", [AWAY, OperationalError()])
def test_signature_comes_back_when_its_stumble_can_not_be_counted(rig, task_of, away):
    rig.ledger.answers["find"] = away
    with pytest.raises(Retry):
        task_of(_raising(ZeroDivisionError()))("a", to="pdf")


def test_entry_that_can_not_be_read_is_no_stumble(rig, task_of):
    rig.ledger.answers["find"] = UnreadableConversion("c1")
    with pytest.raises(UnreadableConversion):
        task_of(_raising(ZeroDivisionError()))("a", to="pdf")


@pytest.mark.parametrize(("kwargs", "end"), [({"to": "pdf"}, Retry), ({"at": 0}, Ignore)])
def test_worker_whose_parts_can_not_be_made_loses_no_signature(task_of, monkeypatch, kwargs, end):
    def wired():
        raise ZeroDivisionError

    monkeypatch.setattr(base, "wired", wired)
    with pytest.raises(end):
        task_of(_raising(ZeroDivisionError()))(**kwargs)


LATER = {names.VERSION_HEADER: names.MESSAGE_VERSION + 1}


@pytest.mark.parametrize(
    ("name", "kwargs", "end"),
    [
        (names.POLL, {"at": 0}, Ignore),
        (names.POLL, {}, Ignore),
        (names.SUBMIT, {"at": 0}, Ignore),
        (names.SUBMIT, {"to": "pdf"}, Retry),
        # What a later release asks for may have other names.
        (names.SUBMIT, {"target": "pdf"}, Retry),
        (names.SUBMIT, {"to": "pdf", "at": 0}, Retry),
    ],
)
@pytest.mark.parametrize("version", [names.MESSAGE_VERSION + 1, "2.0", None])
def test_message_of_a_later_release_is_left_to_its_workers(*, task_of, name, kwargs, end, version):
    ran = []
    headers = {names.VERSION_HEADER: version}
    with pytest.raises(end):
        task_of(lambda *_, **__: ran.append(1), name, headers=headers)(**kwargs)

    assert ran == []


@pytest.mark.parametrize(
    "headers",
    [None, {}, {names.VERSION_HEADER: names.MESSAGE_VERSION}, {names.VERSION_HEADER: 0}],
)
def test_message_that_we_can_read_is_run(task_of, headers):
    assert task_of(lambda **_: "ran", headers=headers)(at=0) == "ran"


def test_tasks_message_is_a_hint_unless_it_says_otherwise(task_of):
    with pytest.raises(Ignore):
        task_of(_raising(AWAY), kind=ConversionTask)(to="pdf")


def test_task_takes_whatever_arguments_a_later_release_sends(task_of):
    task = task_of(lambda **later: later)

    assert task(of_later=1) == {"of_later": 1}
    assert (task.typing, task.max_retries) == (False, None)
    assert task.Request == "workers.revoking:Request"
