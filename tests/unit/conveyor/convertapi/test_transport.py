"""Calls, uploads and downloads: what each sends, how long it may take, what becomes of it."""

from __future__ import annotations

import io
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
import requests
import urllib3

from conveyor.convertapi.answer import Answer
from conveyor.convertapi.authorization import Auth, Sender
from conveyor.convertapi.bodies import Download
from conveyor.convertapi.credentials import FixedCredentials
from conveyor.convertapi.deadline import Deadline
from conveyor.convertapi.origins import Gate
from conveyor.convertapi.timeouts import Timeouts
from conveyor.convertapi.transport import Transport

HOST = "http://127.0.0.1:8090"
ANSWER = "CONVEYOR_ANSWER_TIMEOUT_SECONDS"
BOUNDS = Timeouts(connect=5.0, read=15.0, total=30.0, transfer=900.0)
FORM_TYPE = "application/x-www-form-urlencoded"


@dataclass
class Sent:
    """A request, and how long it might take."""

    request: object
    read_s: float
    pause_s: float
    deadline: Deadline
    stream: bytes


class FakeRequester:
    """Answers without a network."""

    def __init__(self):
        self.sent = []
        self.status = 200

    def address(self, path, base_url=""):
        return Gate(HOST).below(base_url or HOST, path)

    def send(self, request, exchange, read_s):
        body = request.body
        stream = body.read() if hasattr(body, "read") else body
        self.sent.append(Sent(request, read_s, exchange.pause_s, exchange.deadline, stream))
        exchange.sent()
        raw = urllib3.HTTPResponse(io.BytesIO(b"{}"), {}, self.status, preload_content=False)
        response = requests.Response()
        response.status_code, response.headers, response.raw = self.status, raw.headers, raw
        return response

    def follow(self, url, fields, exchange):
        request = requests.Request("GET", url, headers=fields).prepare()
        return self.send(request, exchange, 0)


@pytest.fixture
def requester():
    return FakeRequester()


@pytest.fixture
def transport_of(requester):
    def make(**options):
        made = Transport(f"{HOST}/", FixedCredentials("account"), **{"timeouts": BOUNDS, **options})
        made._requester = requester
        return made

    return make


@pytest.fixture
def transport(transport_of):
    return transport_of(timeouts=BOUNDS)


def test_host_has_no_slash_at_its_end(transport):
    assert transport.base_url == HOST


def test_connections_are_as_many_as_are_set_and_go_through_the_proxy():
    options = {"timeouts": BOUNDS, "pool_size": 7, "proxy": "http://p.example"}
    requester = Transport(HOST, FixedCredentials("account"), **options)._requester
    adapter = requester._adapter

    assert requester.address("/a").url == f"{HOST}/a"
    assert requester._timeouts == BOUNDS
    assert (adapter._pool_maxsize, adapter._proxies["http"]) == (7, "http://p.example")


def test_secrets_are_those_of_the_account_and_of_its_owner(transport_of):
    transport = transport_of(owner=FixedCredentials("owner"))

    assert transport.secrets == ("account", "owner")


def test_secret_goes_into_the_header_unless_set_otherwise(transport_of, requester):
    transport_of().call("GET", "/x", sender=Sender.ACCOUNT)
    transport_of(auth=Auth.QUERY).call("GET", "/x", sender=Sender.ACCOUNT)
    header, query = (sent.request for sent in requester.sent)

    assert (header.target, header.headers["Authorization"]) == ("/x", "Bearer account")
    assert query.target == "/x?Secret=account"
    assert "Authorization" not in query.headers


def test_call_of_nobody_sends_its_query_and_no_body(transport, requester):
    answer = transport.call("DELETE", "/x", query={"a": "b"})
    (sent,) = requester.sent

    assert (answer.status, answer.body) == (200, b"{}")
    assert (sent.request.method, sent.request.url) == ("DELETE", f"{HOST}/x?a=b")
    assert (sent.stream, "Content-Type" in sent.request.headers) == (None, False)
    assert "Authorization" not in sent.request.headers


@pytest.mark.parametrize(
    ("form", "body"),
    [({}, b""), ({"a": "ü &"}, b"a=%C3%BC+%26"), ({"a": "\ud800"}, b"a=%3F")],
    ids=ascii,
)
def test_form_is_sent_as_one_whatever_it_holds(transport, requester, form, body):
    transport.call("POST", "/x", form=form)
    (sent,) = requester.sent

    assert (sent.stream, sent.request.headers["Content-Type"]) == (body, FORM_TYPE)


@pytest.mark.parametrize(
    ("wait_s", "read_s", "total_s"), [(0, 15.0, 30.0), (5, 15.0, 35.0), (20, 20, 50.0)]
)
def test_call_may_take_longer_by_what_the_service_waits(
    *, transport, requester, wait_s, read_s, total_s
):
    transport.call("GET", "/x", wait_s=wait_s)
    (sent,) = requester.sent

    assert (sent.read_s, sent.pause_s, sent.deadline.total_s) == (read_s, 15.0, total_s)


def test_call_that_waits_for_nothing_names_the_answers_setting(transport, requester):
    transport.call("GET", "/x")

    assert requester.sent[0].deadline.setting == ANSWER


def test_call_has_the_deadline_that_it_is_given(transport, requester):
    bound = Deadline.after(7, "SETTING")
    transport.call("GET", "/x", deadline=bound)

    assert requester.sent[0].deadline is bound


@contextmanager
def _words():
    yield io.BytesIO(b"words")


@pytest.mark.parametrize(("read_s", "pause_s"), [(15.0, 60.0), (90.0, 90.0)])
def test_upload_is_streamed_and_its_pauses_may_last_a_minute(
    transport_of, requester, read_s, pause_s
):
    transport, bound = (
        transport_of(timeouts=replace(BOUNDS, read=read_s)),
        Deadline.after(7, "SETTING"),
    )
    answer = transport.upload("/upload", _words, "attachment", bound)
    (sent,) = requester.sent

    assert (answer.status, sent.stream, sent.deadline) == (200, b"words", bound)
    assert (sent.request.method, sent.request.url) == ("POST", f"{HOST}/upload")
    assert sent.request.headers["Content-Disposition"] == "attachment"
    assert sent.request.headers["Authorization"] == "Bearer account"
    assert (sent.read_s, sent.pause_s) == (pause_s, pause_s)


def test_upload_carries_the_secret_in_its_query_where_it_is_set_so(transport_of, requester):
    bound = Deadline.after(7, "SETTING")
    transport_of(auth=Auth.QUERY).upload("/upload", _words, "attachment", bound)

    assert requester.sent[0].request.target == "/upload?Secret=account"


def test_download_begins_at_0_and_has_the_transfers_time(transport, requester):
    with transport.download(f"{HOST}/d/x") as came:
        assert isinstance(came, Download)
        assert b"".join(came.chunks) == b"{}"
    (sent,) = requester.sent

    assert (sent.deadline.total_s, sent.pause_s) == (900.0, 15.0)
    assert "Range" not in sent.request.headers
    assert "Authorization" not in sent.request.headers


def test_download_goes_on_from_where_it_broke_off(transport, requester):
    with transport.download(f"{HOST}/d/x", 5, '"v1"'):
        pass
    headers = requester.sent[0].request.headers

    assert (headers["Range"], headers["If-Range"]) == ("bytes=5-", '"v1"')


def test_download_that_is_no_file_is_an_answer(transport, requester):
    requester.status = 404
    with transport.download(f"{HOST}/d/x") as came:
        assert isinstance(came, Answer)
        assert (came.status, came.body) == (404, b"{}")
