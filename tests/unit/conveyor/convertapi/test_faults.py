"""What goes wrong on the way, as one of our errors, whatever raised it."""

from __future__ import annotations

import logging
from http.client import HTTPException

import pytest
import requests
import urllib3

from conveyor.convertapi.deadline import Deadline
from conveyor.convertapi.errors import ApiError, Overdue, Refused, Unclear, Unreachable
from conveyor.convertapi.exchange import Exchange
from conveyor.convertapi.faults import translated, where_of
from conveyor.errors import ConveyorError, StorageError


@pytest.fixture
def exchange():
    with Exchange(Deadline.after(3600, "SETTING"), 5.0) as made:
        yield made


def _translated(error, exchange):
    with pytest.raises((ApiError, ConveyorError)) as raised, translated(exchange):
        raise error
    return raised.value


SSL = requests.exceptions.SSLError


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (SSL("CERTIFICATE_VERIFY_FAILED"), "the service's certificate can't be verified"),
        (SSL("WRONG_VERSION"), "no encrypted connection"),
        (
            requests.exceptions.ProxyError("x"),
            "no connection through the proxy (CONVEYOR_API_PROXY)",
        ),
        (requests.ConnectTimeout("x"), "no connection in time"),
        (requests.ConnectionError("x"), "no connection"),
        (OSError("x"), "no connection"),
    ],
    ids=repr,
)
def test_error_before_a_connection_is_unreachable_and_says_why(exchange, error, why):
    found = _translated(error, exchange)

    assert (type(found), str(found)) == (Unreachable, why)
    assert found.__suppress_context__


IN_TIME = "no answer in time (CONVEYOR_READ_TIMEOUT_SECONDS)"


@pytest.mark.parametrize(
    ("error", "why", "at_once"),
    [
        (requests.ReadTimeout("x"), IN_TIME, False),
        (urllib3.exceptions.ReadTimeoutError(None, "/", "x"), IN_TIME, False),
        (requests.ConnectionError("x"), "the connection was lost", True),
        (HTTPException("x"), "the answer was cut or malformed", False),
        (urllib3.exceptions.ProtocolError("x"), "the answer was cut or malformed", False),
    ],
    ids=repr,
)
def test_error_after_the_request_is_unclear_and_says_why(exchange, error, why, at_once):
    exchange.sent()
    found = _translated(error, exchange)

    assert (type(found), str(found), found.closed_at_once) == (Unclear, why, at_once)


def test_error_after_the_deadline_is_overdue(exchange):
    exchange.sent()
    exchange.expire()

    assert isinstance(_translated(OSError("x"), exchange), Overdue)


def test_error_at_the_deadline_is_overdue_before_the_watchdog_was_there():
    with Exchange(Deadline.after(0, "SETTING"), 5.0) as exchange:
        exchange.is_late = False
        exchange.sent()

        assert isinstance(_translated(OSError("x"), exchange), Overdue)


def test_end_that_the_deadline_made_is_overdue_without_any_error(exchange):
    exchange.expire()
    with pytest.raises(Overdue), translated(exchange):
        pass


@pytest.mark.parametrize("error", [Refused(400, 1, "no"), StorageError("full")])
def test_error_of_ours_stays_as_it_is(exchange, error):
    assert _translated(error, exchange) is error


@pytest.mark.parametrize(
    ("error", "is_logged"),
    [
        (KeyError("hush"), True),
        (requests.RequestException("hush"), False),
        (urllib3.exceptions.HTTPError("hush"), False),
        (HTTPException("hush"), False),
        (OSError("hush"), False),
    ],
    ids=repr,
)
def test_mistake_of_ours_alone_is_logged_by_its_place(exchange, caplog, error, is_logged):
    caplog.set_level(logging.DEBUG)
    _translated(error, exchange)

    assert ("unexpected_error kind=KeyError where=_translated:" in caplog.text) is is_logged
    assert "hush" not in caplog.text


def test_place_of_an_error_is_where_it_was_raised():
    def inner():
        raise KeyError("hush")

    with pytest.raises(KeyError) as raised:
        inner()

    assert where_of(raised.value) == f"inner:{raised.traceback[-1].lineno + 1}"
    assert where_of(KeyError()) == ""
