"""Whatever happens in a call becomes an outcome, or one of our errors, and shows no secret."""

from __future__ import annotations

import pytest

from conveyor.convertapi.answer import Answer
from conveyor.convertapi.errors import (
    ComeLater,
    Overdue,
    Refused,
    Unclear,
    Unreachable,
    WrongHost,
)
from conveyor.convertapi.outcomes import outcome_of, typed
from conveyor.domain.answers import InProgress, Lost, Unsent
from conveyor.errors import StorageError

REPORT = "Conveyor could not read the answer (KeyError): please report this with the worker's log"


def _raise(error):
    raise error


def _asking(error):
    return outcome_of(lambda: _raise(error), lambda _: InProgress())


def _reading(error, status=200):
    return outcome_of(lambda: Answer(status), lambda _: _raise(error))


def test_answer_is_read():
    assert outcome_of(lambda: Answer(202), lambda answer: (answer.status, 1)) == (202, 1)


@pytest.mark.parametrize("error", [Unreachable("no way"), WrongHost("no way")])
def test_request_that_was_not_sent_is_unsent(error):
    assert _asking(error) == Unsent("no way")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Unclear("cut"), Lost("cut")),
        (Overdue("late"), Lost("late")),
        (Unclear("cut", closed_at_once=True), Lost("cut", closed_at_once=True)),
        (Unclear("cut", paid=True), Lost("cut", paid=True)),
        (KeyError("hush"), Lost(REPORT)),
    ],
    ids=repr,
)
def test_request_with_an_unclear_end_is_lost(error, outcome):
    assert _asking(error) == outcome


@pytest.mark.parametrize(
    ("error", "status", "outcome"),
    [
        (KeyError("hush"), 200, Lost(REPORT, 200, paid=True)),
        (KeyError("hush"), 202, Lost(REPORT, 202)),
        (StorageError("full"), 202, Lost("the result came, and was not kept: full", paid=True)),
    ],
    ids=repr,
)
def test_answer_that_can_not_be_read_or_kept_is_lost(error, status, outcome):
    assert _reading(error, status) == outcome


@pytest.mark.parametrize(
    "error", [ComeLater(503), Refused(400, 1, "no"), Unreachable("no"), StorageError("full")]
)
def test_errors_of_ours_are_raised_as_they_are(error):
    with pytest.raises(type(error)) as raised, typed():
        raise error

    assert raised.value is error


def test_unexpected_error_is_unclear_and_its_place_is_logged_without_its_text(caplog):
    with pytest.raises(Unclear) as raised, typed():
        _raise(KeyError("hush"))

    assert str(raised.value) == REPORT
    assert raised.value.__suppress_context__
    assert "unexpected_error kind=KeyError where=_raise:" in caplog.text
    assert "hush" not in caplog.text
