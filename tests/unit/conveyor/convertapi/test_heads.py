"""Heads, compared with those who read them else: http.client and urllib3."""

from __future__ import annotations

import http.client
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3 import HTTPHeaderDict
from urllib3.connection import _normalize_header_values

from conveyor.convertapi.deadline import Deadline
from conveyor.convertapi.exchange import CURRENT, Exchange
from conveyor.convertapi.heads import Head, fields_of

ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n"])
NAMES = st.sampled_from(
    [
        b"Content-Length",
        b"content-length",
        b"Transfer-Encoding",
        b"Connection",
        b"Keep-Alive",
        b"X-Any",
        b"From",
    ]
)
VALUES = st.sampled_from(
    [b"0", b"5", b"-5", b"5, 5", b" 1_0", b"x", b"chunked", b"gzip, chunked", b"close", b""]
)
FIELDS = st.builds(lambda *parts: b"".join(parts), NAMES, st.just(b": "), VALUES, ENDS)
# Lone carriage returns, folds, empty names, lines without a colon, and any bytes.
ODD = st.sampled_from(
    [
        b" folded\r\n",
        b"\tfolded\n",
        b"no colon\r\n",
        b": no name\r\n",
        b"From me\r\n",
        b"X: a\rY: b\r\n",
        b"X : a\r\n",
        b"X:\xff\xe9\r\n",
        b"X: a\x0bb\x85c  \r\n",
        b"\xff: x\r\n",
    ]
) | st.builds(
    lambda data, end: data.replace(b"\n", b"") + end, st.binary(min_size=2, max_size=20), ENDS
)
HEADS = st.lists(FIELDS | ODD, max_size=6)
STATUSES = st.sampled_from(
    [b"HTTP/1.1 200 OK", b"HTTP/1.0 200", b"HTTP/1.1 204 No", b"HTTP/1.1 304 No", b"HTTP/2 200"]
)


@given(HEADS)
@example([b"X: a\r\n", b"x: b\r\n", b"Y: c\r\n"])
@example([b"X: a\r\n", b" b\r\n"])
def test_fields_are_those_that_urllib3_reads(lines):
    message = http.client.parse_headers(io.BytesIO(b"".join([*lines, b"\r\n"])))
    seen = HTTPHeaderDict(_normalize_header_values(message))

    assert list(fields_of(lines).items()) == list(seen.items())


class _Socket:
    def __init__(self, raw):
        self._raw = raw

    def makefile(self, mode):
        return io.BufferedReader(io.BytesIO(self._raw))


def _read(kind, raw):
    head = kind(_Socket(raw), method="GET")
    try:
        head.begin()
    except http.client.HTTPException as error:
        return type(error)
    return (
        head.status,
        head.reason,
        head.version,
        head.length,
        head.chunked,
        head.will_close or _says_close(head),
        head.fp.read(),
    )


def _says_close(head):
    """What http.client does not see: it looks at the first of several fields alone."""
    if isinstance(head, Head):
        return False
    return any("close" in value.lower() for value in head.headers.get_all("Connection", []))


@given(STATUSES, HEADS, st.binary(max_size=10))
@example(b"HTTP/1.1 200 OK", [b"Content-Length: 5\r\n", b"Content-Length: 6\r\n"], b"")
@example(b"HTTP/1.1 204 No", [b"Connection: 0\r\n", b"Connection: close\r\n"], b"")
@example(b"HTTP/1.0 204 No", [b"Connection: close\r\n", b"Keep-Alive: 5\r\n"], b"")
@example(b"HTTP/1.0 204 No", [b"Keep-Alive: \r\n", b"Keep-Alive: 5\r\n"], b"")
@example(b"HTTP/1.1 200 OK", [b"X: y\r\n"] * 100, b"")
@example(b"HTTP/1.1 200 OK", [b"X: y\r\n"] * 99, b"")
@example(b"HTTP/1.1 200 OK", [b"X: " + b"y" * 65536 + b"\r\n"], b"")
@example(b"HTTP/1.1 200 OK", [b"X: " + b"y" * 65531 + b"\r\n"], b"")
@example(b"HTTP/1.1 200 OK", [b"X: " + b"y" * 65532 + b"\r\n"], b"")
@example(b"HTTP/1.1 200 OK", [b"Transfer-Encoding: Chunked\r\n"], b"0\r\n\r\n")
@example(b"HTTP/1.1 200 OK", [b"Content-Length: 0\r\n"], b"")
@example(b"HTTP/1.1 200 OK", [b"Content-Length: 1\r\n"], b"x")
@example(b"HTTP/1.1 200 OK", [b"Content-Length: -1\r\n"], b"x")
@example(b"HTTP/1.1 200 OK", [b"Content-Length: x\r\n"], b"x")
@example(b"HTTP/1.0 200 OK", [b"Content-Length: 1\r\n"], b"x")
@example(b"HTTP/1.0 200 OK", [b"Content-Length: 1\r\n", b"Connection: Keep-Alive\r\n"], b"x")
@example(b"HTTP/1.0 200 OK", [b"Content-Length: 1\r\n", b"Keep-Alive: 5\r\n"], b"x")
def test_answer_is_framed_as_http_client_frames_it(status, lines, body):
    raw = b"".join([status, b"\r\n", *lines, b"\r\n", body])

    assert _read(Head, raw) == _read(http.client.HTTPResponse, raw)


@pytest.mark.parametrize("interim", [100, 102, 103, 199])
def test_interim_answer_is_passed_over(interim):
    raw = f"HTTP/1.1 {interim} Wait\r\nX: y\r\n\r\nHTTP/1.1 202 Yes\r\n\r\n".encode()

    assert _read(Head, raw)[0] == 202


def test_switch_of_protocols_is_an_answer():
    assert _read(Head, b"HTTP/1.1 101 Switching\r\n\r\n")[0] == 101


def test_interim_answer_with_a_line_without_end_is_refused():
    raw = b"HTTP/1.1 103 Wait\r\nX: " + b"y" * 65536 + b"\r\n\r\nHTTP/1.1 202 Yes\r\n\r\n"

    assert _read(Head, raw) is http.client.LineTooLong


@pytest.mark.parametrize(
    ("head", "body"),
    [(b"Transfer-Encoding: chunked", b"5\r\nwords\r\n0\r\n\r\n"), (b"Content-Length: 5", b"words")],
)
def test_body_is_read_to_its_end_and_no_further(head, body):
    raw = b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + body
    answer = Head(_Socket(raw), method="GET")
    answer.begin()

    assert answer.read() == b"words"


def test_head_is_read_once():
    answer = Head(_Socket(b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nHTTP/1.1 500 No\r\n\r\n"), method="GET")
    answer.begin()
    answer.begin()

    assert (answer.status, answer.code, dict(answer.fields)) == (200, 200, {"X": "y"})


@pytest.mark.parametrize(("raw", "is_answered"), [(b"H", True), (b"", False)])
def test_exchange_knows_that_a_byte_of_an_answer_came(raw, is_answered):
    with Exchange(Deadline.after(3600, "SETTING"), 5.0) as exchange:
        token = CURRENT.set(exchange)
        try:
            with pytest.raises(http.client.HTTPException):
                Head(_Socket(raw), method="GET").begin()
        finally:
            CURRENT.reset(token)

    assert exchange.is_answered is is_answered
