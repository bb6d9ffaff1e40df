"""Requests on their way through the gate, within the bounds of their exchange."""

from __future__ import annotations

import pytest
import requests

from conveyor.convertapi.deadline import Deadline
from conveyor.convertapi.errors import Overdue, Unclear, Unreachable, WrongHost
from conveyor.convertapi.exchange import CURRENT, Exchange
from conveyor.convertapi.request_fields import file_fields
from conveyor.convertapi.requester import Requester
from conveyor.convertapi.timeouts import Timeouts

HOST = "http://127.0.0.1:8090"
BOUNDS = Timeouts(connect=5.0, read=15.0, total=30.0, transfer=900.0)
FIELDS = file_fields(0, "")


class FakeAdapter:
    """Answers without a network.

    Attributes:
        asked: The requests.
        timeouts: The time-out of each.
        exchanges: The exchange that was under way at each.
    """

    def __init__(self):
        self.answers = []
        self.asked = []
        self.timeouts = []
        self.exchanges = []

    def answer(self, status, location=None):
        response = requests.Response()
        response.status_code = status
        response.closed = False
        response.close = lambda: setattr(response, "closed", True)
        if location is not None:
            response.headers["Location"] = location
        self.answers.append(response)
        return response

    def send(self, request, timeout):
        self.asked.append(f"{request.method} {request.url}")
        self.timeouts.append(timeout)
        self.exchanges.append(CURRENT.get())
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def adapter():
    return FakeAdapter()


@pytest.fixture
def requester(adapter):
    return Requester(HOST, BOUNDS, adapter)


@pytest.fixture
def exchange():
    with Exchange(Deadline.after(3600, "SETTING"), 5.0) as made:
        yield made


@pytest.mark.parametrize("base_url", ["", HOST])
def test_path_is_on_the_configured_host_or_on_the_recorded_one(requester, base_url):
    address = requester.address("/job/1", base_url)

    assert (address.url, address.target) == (f"{HOST}/job/1", "/job/1")


def test_recorded_host_of_somebody_else_is_refused_with_what_to_do(requester):
    with pytest.raises(WrongHost, match="the recorded address is neither CONVEYOR_API_URL nor"):
        requester.address("/job/1", "http://127.0.0.1:1")


def test_configured_address_that_is_none_is_refused_with_what_it_must_be(adapter):
    requester = Requester("v2.convertapi.com", BOUNDS, adapter)
    with pytest.raises(WrongHost, match=r"CONVEYOR_API_URL must be http\(s\) and a host"):
        requester.address("/job/1")


@pytest.mark.parametrize(
    ("left_s", "read_s", "bounds"),
    [(3600, 15.0, (5.0, 15.0)), (3600, 60.0, (5.0, 60.0)), (10, 15.0, (5.0, 10)), (2, 1, (2, 1))],
)
def test_connection_and_reads_wait_no_longer_than_the_exchange(
    *, requester, adapter, left_s, read_s, bounds
):
    adapter.answer(200)
    with Exchange(Deadline.after(left_s, "SETTING"), 5.0) as exchange:
        _get(requester, exchange, read_s)

    assert adapter.timeouts == [pytest.approx(bounds, abs=0.9)]


def _get(requester, exchange, read_s=15.0):
    request = requests.Request("GET", f"{HOST}/x").prepare()
    return requester.send(request, exchange, read_s)


def test_exchange_is_known_to_its_connections_while_it_is_under_way(requester, adapter, exchange):
    response = adapter.answer(200)

    assert _get(requester, exchange) is response
    assert adapter.exchanges == [exchange]
    assert CURRENT.get() is None


def test_exchange_is_forgotten_after_an_error_which_is_ours(requester, adapter, exchange):
    adapter.answers.append(requests.ConnectionError("x"))
    with pytest.raises(Unreachable):
        _get(requester, exchange)

    assert CURRENT.get() is None


def test_answer_after_the_deadline_is_overdue(requester, adapter, exchange):
    adapter.answer(200)
    exchange.expire()
    with pytest.raises(Overdue):
        _get(requester, exchange)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_within_the_host_is_followed_and_its_answer_closed(
    requester, adapter, exchange, status
):
    first, last = adapter.answer(status, "../b?c=d"), adapter.answer(200)

    assert requester.follow(f"{HOST}/x/a", FIELDS, exchange) is last
    assert adapter.asked == [f"GET {HOST}/x/a", f"GET {HOST}/b?c=d"]
    assert (first.closed, last.closed) == (True, False)
    assert [timeout[1] for timeout in adapter.timeouts] == [15.0, 15.0]


@pytest.mark.parametrize(
    ("status", "location"),
    [(200, None), (200, "/b"), (304, "/b"), (300, "/b"), (302, None), (302, "")],
)
def test_answer_that_leads_nowhere_is_the_answer(requester, adapter, exchange, status, location):
    only = adapter.answer(status, location)

    assert requester.follow(f"{HOST}/a", FIELDS, exchange) is only


def test_third_redirect_is_not_followed(requester, adapter, exchange):
    for _ in range(4):
        adapter.answer(302, "/again")
    with pytest.raises(Unclear, match="redirected too often"):
        requester.follow(f"{HOST}/a", FIELDS, exchange)

    assert len(adapter.asked) == 3


@pytest.mark.parametrize("location", ["http://127.0.0.1:1/x", "//evil.example/x", "http://[x"])
def test_redirect_to_another_host_is_not_followed(requester, adapter, exchange, location):
    adapter.answer(302, location)
    with pytest.raises(WrongHost, match="on a host that is not ConvertAPI's"):
        requester.follow(f"{HOST}/a", FIELDS, exchange)

    assert len(adapter.asked) == 1
