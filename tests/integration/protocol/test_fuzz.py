"""Answers that nobody would write: none makes the client raise, and none is paid for twice.

5,000 by default; ``CONVEYOR_FUZZ_ANSWERS=1000000`` asks for more. Each goes over a real connection
through the real parsers.
"""

from __future__ import annotations

import http.client
import io
import json
import logging
import os
import re
import socket
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tenacity import Retrying, stop_after_attempt

from conveyor.convertapi import client, file_calls
from conveyor.convertapi.account import Account
from conveyor.convertapi.client import ConvertApi
from conveyor.convertapi.credentials import FixedCredentials
from conveyor.convertapi.errors import ApiError
from conveyor.convertapi.timeouts import Timeouts
from conveyor.convertapi.transport import Transport
from conveyor.domain.answers import (
    Busy,
    Failed,
    Finished,
    InProgress,
    Lost,
    NotFound,
    Started,
    Throttled,
    Unreadable,
    Unsent,
)
from conveyor.domain.conversion import StoredFile
from conveyor.domain.dialect import Dialect

SECRET = "5ecr3t-of-the-account"
JOB_ID = "0123456789abcdef0123456789abcdef"
AT_ONCE = 25
DEFAULT = 5_000
TOTAL = int(os.environ.get("CONVEYOR_FUZZ_ANSWERS", DEFAULT))

SUBMIT = Started | Finished | Unreadable | Throttled | NotFound | Failed | Lost | Unsent
POLL = Finished | Unreadable | InProgress | Busy | NotFound | Failed | Lost | Unsent

FILE = '{"FileName": "a.pdf", "FileExt": "pdf", "FileSize": 3, "FileId": "f", "Url": "%s"}'
RESULT = f'{{"ConversionCost": 1, "Files": [{FILE % "https://v2.convertapi.com/d/x"}]}}'
INLINE = '{"ConversionCost": 1, "Files": [{"FileName": "a.pdf", "FileData": "JVBERg=="}]}'
ERROR = '{"Code": 5001, "Message": "No: %s", "InvalidParameters": {"A": ["b"]}}'

BODIES = [
    b"",
    RESULT.encode(),
    INLINE.encode(),
    RESULT.encode("utf-16"),
    b'{"ConversionCost": 1e19, "Files": []}',
    b'{"ConversionCost": 1, "Files": null}',
    b'{"Files": [{"Url": "http://[x"}, {"FileData": "data:;base64,A"}]}',
    b'{"Files": [{"FileName": "\\ud800", "FileSize": 1e999, "Url": "https://x/\\ud800"}]}',
    b'{"Files": [null, 7, [], {"FileName": {}}], "ConversionCost": "free"}',
    b'{"Files": ' + b"[" * 3000 + b"]" * 3000 + b"}",
    b'{"a":' * 3000,
    b'{"JobId": "%s"}' % JOB_ID.encode(),
    b'{"JobId": "../../user", "Files": null}',
    b'{"JobId": %s}' % (b"9" * 5000),
    (ERROR % f"{JOB_ID} {SECRET} http://[x https://x.example/{JOB_ID} \\ud83d").encode(),
    b'{"Code": 503, "Message": "The service is overloaded."}',
    b'{"Code": 1e400, "Message": 7}',
    b'{"Message": "An error has occurred."}',
    b'{"FileId": "%s"}' % JOB_ID.encode(),
    b'{"FileId": "a/../b"}',
    b'{"Active": 1, "ConversionsTotal": "1e3", "ConversionsConsumed": -1e400, "Secret": "x"}',
    b"<!DOCTYPE html><html><body>Log in</body></html>",
    b"Access denied by proxy",
    b"null",
    b'"text"',
    b"[]",
    b"%PDF-1.4\x00\xff",
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
]
HEADERS = [
    b"Content-Type: application/json",
    b"Content-Type: application/pdf",
    b"Content-Type: text/html; charset=\xff",
    b"Content-Type: ;;;",
    b"Content-Disposition: attachment; filename*;filename*1",
    b"Content-Disposition: attachment; filename=\"=?utf-8?B?w4QucGRm?=\"; filename*=utf-8''%C3%84",
    b"Content-Disposition: attachment; filename*=nonsense''%FF%00",
    b"Content-Disposition: attachment; filename=a.pdf",
    b"Content-Encoding: gzip",
    b"Content-Encoding: deflate, gzip, br, nonsense",
    b"Content-Length: -1",
    b"Content-Length: 9" + b"9" * 5000,
    b"Content-Length: 3, 4",
    b"Content-Range: bytes 5-/x",
    b"Content-Range: bytes 0-99999999999999999999999/*",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: nonsense",
    b"Connection: close",
    b"Location: http://[x",
    b"Location: https://evil.example\\@v2.convertapi.com/",
    b"Location: /again",
    b"Retry-After: 7",
    b"Retry-After: NaN",
    b"Retry-After: Tue, 99 Foo 99999999 25:61:61 GMT",
    b"Date: \xff\xfe",
    b"Set-Cookie: a=b; expires=Tue, 99 Foo 99999999 25:61:61 GMT; domain=[x",
    b'ETag: "a"',
    b": nameless",
    b"no colon",
    b" folded: on",
    b"X" * 70_000,
    b"\x00\xff: \x00",
]
STATUSES = (
    *(200, 200, 200, 201, 202, 204, 206, 301, 302, 307, 304, 400, 401, 402, 403, 404, 405, 407),
    *(408, 409, 410, 415, 416, 418, 423, 425, 429, 451, 500, 502, 503, 504, 511, 599, 600, 999),
)
LINES = (
    *(b"HTTP/1.1 %d It" % status for status in STATUSES),
    *(b"HTTP/1.1 200", b"HTTP/1.0 200 OK", b"HTTP/2 200", b"HTTP/1.1 20", b"HTTP/1.1 abc"),
    *(b"HTTP/1.1 100 Continue", b"HTTP/1.1 101 Switching", b"HTTP/1.1 103 Hints", b"ICY 200 OK"),
    *(b"", b"220 mail.example ESMTP", b"\x16\x03\x03", b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200"),
)


@st.composite
def _framed(draw):
    """A head and a body, and mostly a length that is right."""
    line, body = draw(st.sampled_from(LINES)), draw(st.sampled_from(BODIES))
    headers = draw(st.lists(st.sampled_from(HEADERS), max_size=4))
    framing = draw(st.integers(0, 9))
    if framing < 6:
        headers.append(b"Content-Length: %d" % len(body))
    elif framing == 6:
        headers.append(b"Content-Length: %d" % (len(body) + 7))
    elif framing == 7:
        headers.append(b"Transfer-Encoding: chunked")
        body = b"%x;a=b\r\n%s\r\n0\r\nX: y\r\n\r\n" % (len(body), body)
    interim = draw(st.sampled_from((b"", b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 3)))
    return interim + b"\r\n".join([line, *headers]) + b"\r\n\r\n" + body


def _cut(raw, at, length, junk):
    return raw[:at] + raw[at + length :]


def _insert(raw, at, length, junk):
    return raw[:at] + junk + raw[at:]


def _overwrite(raw, at, length, junk):
    return raw[:at] + junk + raw[at + len(junk) :]


def _repeat(raw, at, length, junk):
    return raw[: at + length] + raw[at:]


def _end(raw, at, length, junk):
    return raw[:at]


JUNK = st.binary(max_size=6) | st.sampled_from(
    [b"\r\n", b"\xff", b"\\ud800", b'"', b"{", b"}", b"9" * 20, b"null", b"-", b"http://[x", b"0"]
)
MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from([_cut, _insert, _overwrite, _repeat, _end]),
        st.floats(0, 1),
        st.integers(1, 40),
        JUNK,
    ),
    max_size=3,
)


def _mutated(raw, mutations):
    for mutate, place, length, junk in mutations:
        raw = mutate(raw, int(place * len(raw)), length, junk)
    return raw


ANSWERS = st.builds(_mutated, _framed(), MUTATIONS) | _framed() | st.binary(max_size=200)


class Speaker:
    """Says one answer on each connection, whatever was asked."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.raw = b""
        self.asked = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self._listener.close()

    def _serve(self):
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.asked += 1
                threading.Thread(target=_say, args=(near, self.raw), daemon=True).start()


def _say(near, raw):
    with near, suppress(OSError):
        _hear(near)
        near.sendall(raw)
        near.shutdown(socket.SHUT_WR)
        # Whoever closes with something unread resets what is still on its way.
        while near.recv(65536):
            pass


def _hear(near):
    """Read a request whole."""
    head = b""
    while b"\r\n\r\n" not in head:
        head += near.recv(65536) or b"\r\n\r\n"
    head, _, body = head.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    missing = int(length[1]) - len(body) if length else 0
    while missing > 0:
        missing -= len(near.recv(65536)) or missing


@pytest.fixture(scope="module")
def speaker():
    with closing(Speaker()) as made:
        yield made


@pytest.fixture(scope="module")
def api(speaker):
    """A client that sends each request once."""
    timeouts = Timeouts(connect=30.0, read=60.0, total=60.0, transfer=60.0)
    once = Retrying(stop=stop_after_attempt(1), reraise=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "RETRY_SAFE", once)
        patch.setattr(client, "RETRY_UNSENT", once)
        patch.setattr(file_calls, "RETRY_SAFE", once)
        yield ConvertApi(Transport(speaker.url, FixedCredentials(SECRET), timeouts=timeouts))


@pytest.fixture(scope="module")
def complaints():
    """What the client logged: nothing was meant to be unexpected."""
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logger = logging.getLogger("conveyor.convertapi")
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


def _keep(name, chunks):
    size = sum(map(len, chunks))
    return StoredFile(name, "memory://kept", size, "00")


@contextmanager
def _words():
    yield io.BytesIO(b"words")


def _start(api, url):
    return api.start(Dialect.PATH, ("docx", "pdf"), {"File": "x"}, JOB_ID, _keep)


def _poll(api, url):
    return api.poll("", Dialect.PATH, JOB_ID, _keep, target="pdf")


def _upload(api, url):
    return api.upload("a.md", _words)


def _download(api, url):
    with api.download(f"{url}/d/x", 5, '"a"') as file:
        return b"".join(file.chunks)


CALLS = {
    _start: SUBMIT,
    _poll: POLL,
    _upload: str | ApiError,
    _download: bytes | ApiError,
    lambda api, url: api.delete_job("", Dialect.PATH, JOB_ID): bool | ApiError,
    lambda api, url: api.delete_file(f"{url}/d/x"): bool | ApiError,
    lambda api, url: api.user(): Account | ApiError,
}
OUTCOMES = (_start, _poll)


def _said_of_a_result(raw):
    """By another reader than the client's: a whole 200 that speaks of a result, and is no page."""
    try:
        answer = http.client.HTTPResponse(_Socket(raw))
        answer.begin()
        body = answer.read()
    except (http.client.HTTPException, MemoryError, OSError, OverflowError, ValueError):
        return False
    lengths = set(answer.headers.get_all("Content-Length") or ["0"])
    if answer.status != 200 or answer.getheader("Content-Encoding"):
        return False
    if len(lengths) > 1 or not lengths.pop().strip().isdigit():
        return False  # nobody can tell where it ends, so it is not whole
    is_page = b"<html" in body.lower()[:200]
    return not is_page and bool(re.search(rb'"(Files|ConversionCost)"\s*:', body))


class _Socket:
    def __init__(self, raw):
        self._raw = raw

    def makefile(self, mode):
        return io.BytesIO(self._raw)


def _permits_another_submit(outcome):
    """After these a conversion may be submitted again, at once or when the job is not found."""
    if isinstance(outcome, Lost):
        return not outcome.paid
    return isinstance(outcome, Throttled | NotFound | Failed | Unsent)


def _check_texts(outcome):
    """It can be kept, sent on and shown."""
    if isinstance(outcome, Finished):
        assert 0 <= outcome.result.cost <= 10**9
        outcome = replace(
            outcome,
            result=replace(
                outcome.result,
                files=tuple(replace(file, url="") for file in outcome.result.files),
            ),
        )
    plain = json.dumps(asdict(outcome), ensure_ascii=False, allow_nan=False)
    plain.encode()
    if not isinstance(outcome, Started):
        assert JOB_ID not in plain
        assert SECRET not in plain
        assert len(plain) < 30_000


@pytest.mark.large
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@given(st.lists(ANSWERS, min_size=AT_ONCE, max_size=AT_ONCE), st.integers(0, len(CALLS) - 1))
@settings(
    max_examples=max(1, TOTAL // AT_ONCE),
    deadline=None,
    database=None,
    # The same answers each time. More of them, and others, by the option above.
    derandomize=TOTAL == DEFAULT,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_no_answer_raises_and_none_is_paid_for_twice(speaker, api, complaints, answers, turn):
    calls = list(CALLS.items())
    for place, raw in enumerate(answers, turn):
        call, expected = calls[place % len(calls)]
        speaker.raw = raw
        outcome = _outcome(call, api, speaker.url)
        # Each answer ends its connection, so that none is taken for the next request's.
        api._transport._requester._adapter.close()
        if call in OUTCOMES:
            _check_texts(outcome)
        elif isinstance(outcome, ApiError):
            assert SECRET not in str(outcome)
        assert isinstance(outcome, expected), ascii(raw[:500])
        if call is _start and _said_of_a_result(raw):
            assert not _permits_another_submit(outcome), ascii(raw[:500])
        assert complaints == [], ascii(raw[:500])


def _outcome(call, api, url):
    try:
        return call(api, url)
    except ApiError as error:
        return error


def test_fuzz_was_heard(speaker):
    """The answers went over the wire, as many as were asked for."""
    assert speaker.asked >= min(TOTAL, DEFAULT)
