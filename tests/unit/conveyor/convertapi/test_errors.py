from __future__ import annotations

import pickle

import pytest

from conveyor.convertapi.errors import (
    ApiError,
    ComeLater,
    Overdue,
    Refused,
    Unclear,
    Unreachable,
    WrongHost,
)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ComeLater(503), "the service asked to wait (HTTP 503)"),
        (ComeLater(429, 9.0), "the service asked to wait (HTTP 429)"),
        (Refused(400, 4000, "No such format."), "No such format. (HTTP 400, code 4000)"),
        (Unclear("the answer was cut"), "the answer was cut"),
        (Overdue("too long"), "too long"),
        (WrongHost("not ConvertAPI's"), "not ConvertAPI's"),
        (Unreachable("no connection"), "no connection"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_error_says_what_has_happened(error, text):
    assert str(error) == text
    assert isinstance(error, ApiError)


def test_error_keeps_what_decides_what_comes_next():
    later, refused, unclear = ComeLater(503, 9.0), Refused(400, 4000, "No."), Unclear("cut")

    assert (later.status, later.retry_after_s, ComeLater(503).retry_after_s) == (503, 9.0, None)
    assert (refused.status, refused.code, refused.message) == (400, 4000, "No.")
    assert (unclear.closed_at_once, unclear.paid) == (False, False)
    assert Unclear("x", closed_at_once=True).closed_at_once
    assert Unclear("x", paid=True).paid


@pytest.mark.parametrize("kind", [Overdue, WrongHost])
def test_what_is_unclear_in_a_known_way_is_unclear_all_the_same(kind):
    assert issubclass(kind, Unclear)


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        (ComeLater, (503, 9.0)),
        (Refused, (400, 4000, "No.")),
        (Unclear, ("cut",)),
        (Overdue, ("too long",)),
    ],
)
def test_error_can_be_sent_to_another_process(kind, args):
    error = kind(*args)
    came = pickle.loads(pickle.dumps(error))

    assert (type(came), str(came), vars(came)) == (kind, str(error), vars(error))
    # What its repr shows.
    assert error.args == came.args == args
