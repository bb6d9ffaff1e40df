"""No bytes make a run raise, and none hold it up."""

from __future__ import annotations

import threading

import pytest

from conveyor.live.answers import Answer, Silence
from conveyor.live.wire import Request, Wire

from .conftest import run


def get(url, exchange_s=0.5):
    request = Request(method="GET", url=url, query={}, headers={})
    return Wire(exchange_s).send(request)


def say(content):
    return lambda connection: connection.sendall(content)


def head(status="200 OK", *lines, body=b""):
    return "\r\n".join((f"HTTP/1.1 {status}", *lines, "", "")).encode() + body


def dribble(what):
    """Send it again and again, until nobody listens or the test is over."""

    def answer(connection):
        connection.sendall(what[0])
        while not threading.Event().wait(0.01):
            connection.sendall(what[1])

    return answer


ODD = {
    "nothing": b"",
    "not an http": b"hello\r\n\r\n",
    "a status that is none": b"HTTP/1.1 2000 OK\r\n\r\n",
    "a body that is cut": head("200 OK", "Content-Length: 10", body=b"{}"),
    "a chunk that is none": head("200 OK", "Transfer-Encoding: chunked", body=b"zz\r\n"),
    "gzip that is none": head("200 OK", "Content-Encoding: gzip", "Content-Length: 2", body=b"{}"),
    "too many lines": head("200 OK", *[f"x{number}: y" for number in range(200)]),
    "a line too long": head("200 OK", "x: " + "y" * 100_000),
}


@pytest.mark.parametrize("odd", ODD)
def test_invalid_answer_counts_as_silence(rude, odd):
    with rude(say(ODD[odd])) as service:
        assert isinstance(get(service.url), Silence)


SLOW = {
    "a head": (b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"),
    "a head without lines": (b"HTTP/1.1 200 OK\r\nx: ", b"y"),
    "continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body": (head("200 OK", "Content-Length: 1000000"), b"x"),
    "chunks": (head("200 OK", "Transfer-Encoding: chunked"), b"1\r\nx\r\n"),
    "trailers": (head("200 OK", "Transfer-Encoding: chunked", body=b"0\r\n"), b"x: y\r\n"),
}


@pytest.mark.parametrize("slow", SLOW)
def test_an_answer_that_dribbles_is_given_up(rude, slow):
    with rude(dribble(SLOW[slow])) as service:
        assert isinstance(get(service.url), Silence)


def test_an_answer_without_end_is_given_up_by_its_size(rude):
    flood = (head("200 OK"), b"x" * 1_000_000)
    with rude(dribble(flood)) as service:
        reply = get(service.url, exchange_s=60)
    assert reply == Silence("the answer was larger than any answer of ConvertAPI")


@pytest.mark.parametrize(
    "location", ["http://[x", "https://evil.example/", "/\r\nx", "http://127.0.0.1:1/", ""]
)
def test_a_redirect_is_an_answer_and_leads_nowhere(rude, location):
    with rude(say(head("302 Found", f"Location: {location}", "Content-Length: 0"))) as service:
        reply = get(service.url)
    assert isinstance(reply, Answer)
    assert reply.status == 302


@pytest.mark.parametrize("url", ["https://evil.example/", "http://v2.convertapi.com/"])
def test_no_other_host_is_asked(url):
    with pytest.raises(ValueError, match="only ConvertAPI"):
        get(url)


BODIES = {
    "null": b"null",
    "deep": b"[" * 100_000,
    "surrogate": b'{"Code": 5001, "Message": "\\ud800", "JobId": "\\ud800", "FileId": "\\ud800"}',
    "odd ids": b'{"JobId": ["x"], "FileId": {"x": 1}, "Files": {"Url": 1}, "Code": 1e999}',
    "elsewhere": b'{"FileId": "' + b"a" * 32 + b'", "JobId": "../../user", '
    b'"Files": [{"Url": "https://evil.example/"}, {"Url": "http://[x"}, 3, null]}',
    "page": b"<html>login</html>",
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("status", ["200 OK", "202 Accepted", "404 Not Found", "500 Broken"])
def test_whatever_the_service_says_a_report_comes_of_it(rude, body, status):
    content = BODIES[body]
    lines = ("Content-Type: application/json", f"Content-Length: {len(content)}")
    with rude(say(head(status, *lines, body=content))) as service:
        report = run(service.url, 3, job_s=0.3)
        posts = [one for one in service.requests if b"File=" in one]
    assert len(posts) <= report.spent <= 4
    assert report.recording.to_text().isascii()
