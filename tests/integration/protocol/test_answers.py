"""Answers that the network spoils, over real sockets."""

from __future__ import annotations

import gzip
import io
import json
import logging
import time
from contextlib import contextmanager
from itertools import repeat

import pytest

from conveyor.convertapi.authorization import Auth
from conveyor.convertapi.errors import ApiError, Refused, Unclear, Unreachable
from conveyor.domain.answers import Failed, Finished, InProgress, Lost, Started, Unsent
from conveyor.domain.dialect import Dialect
from local_stack.ports import free_port

JOB_ID = "0123456789abcdef0123456789j0b1d0"
DIALECT = Dialect.PATH
RESULT = json.dumps(
    {"ConversionCost": 1, "Files": [{"FileName": "a.pdf", "Url": "https://v2.convertapi.com/d/x"}]}
).encode()
STARTED = json.dumps({"JobId": JOB_ID}).encode()
HTML = b"<html>502 Bad Gateway</html>"
HTML_KIND = "text/html"


@pytest.fixture
def start(keep):
    def call(api):
        form = {"File": "https://example.com/a.docx?token=hush"}
        return api.start(DIALECT, ("docx", "pdf"), form, JOB_ID, keep)

    return call


@pytest.fixture
def poll(keep):
    def call(api, base_url=""):
        return api.poll(base_url, DIALECT, JOB_ID, keep)

    return call


@pytest.fixture(params=["start", "poll"])
def ask(request):
    return request.getfixturevalue(request.param)


def _spoilt(say, marks):
    head = say(200, b"", length=1000)
    return {
        "closed before a byte": [b""],
        "reset before a byte": [marks["reset"]],
        "reset within the headers": [b"HTTP/1.1 200 OK\r\nContent-", marks["reset"]],
        "reset within the body": [head + RESULT[:20], marks["reset"]],
        "shorter than its length says": [say(200, RESULT, length=1000)],
        "cut within a chunk": [
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n{"
        ],
        "no HTTP at all": [b"220 mail.example.com ESMTP\r\n"],
        "cut JSON, framed as whole": [say(200, RESULT[:20])],
        "no gzip in spite of the header": [say(200, b"plain", "Content-Encoding: gzip")],
        "never": [marks["hang"]],
        "headers and then never": [head, marks["hang"]],
        "a proxy's 502": [say(502, HTML, kind=HTML_KIND)],
        "a proxy's 504": [say(504, HTML, kind=HTML_KIND)],
        "a redirect": [say(302, b"", "Location: http://127.0.0.1:1/elsewhere")],
    }


SPOILT = (
    *("closed before a byte", "reset before a byte", "reset within the headers"),
    *("reset within the body", "shorter than its length says", "cut within a chunk"),
    *("no HTTP at all", "cut JSON, framed as whole", "no gzip in spite of the header"),
    *("never", "headers and then never", "a proxy's 502", "a proxy's 504", "a redirect"),
)


@pytest.mark.parametrize("how", SPOILT)
def test_request_with_a_lost_answer_is_sent_once(*, server, api_of, ask, say, marks, how):
    """A POST is paid, and a poll must not be repeated within 5 s."""
    server.answer(*_spoilt(say, marks)[how])
    api = api_of(server.url, read=1.0) if "never" in how else api_of(server.url)

    assert isinstance(ask(api), Lost)
    assert len(server.requests) == 1


def _dribble(say, body, *headers, pause_s=0.05):
    """A whole answer byte by byte, each well within the read time-out."""
    yield say(200, b"", *headers, length=len(body))
    for byte in body:
        yield bytes([byte])
        yield pause_s


@pytest.mark.parametrize("slow", ["body", "compressed body"])
def test_a_deadline_bounds_an_answer_that_dribbles(server, api_of, ask, say, slow):
    body = RESULT.ljust(1000)  # 50 s
    packed = gzip.compress(body, compresslevel=0)
    scripts = {
        "body": _dribble(say, body),
        "compressed body": _dribble(say, packed, "Content-Encoding: gzip"),
    }
    server.answer(*scripts[slow])
    begun = time.monotonic()

    assert isinstance(ask(api_of(server.url, total=2.0)), Lost)
    # The whole may take 2 s, and the last read 10 s more.
    assert time.monotonic() - begun < 30
    assert len(server.requests) == 1


def test_closed_port_is_explained(api_of, ask):
    assert isinstance(ask(api_of(f"http://127.0.0.1:{free_port()}")), Unsent)


def test_no_such_host(api_of, ask):
    assert isinstance(ask(api_of("http://nowhere.invalid")), Unsent)


def test_a_whole_answer_in_pieces_is_whole(server, api, poll, say):
    server.answer(say(200, b"", length=len(RESULT)), 0.05, RESULT[:10], 0.05, RESULT[10:])

    assert isinstance(poll(api), Finished)


def test_a_compressed_answer_is_read(server, api, poll, say):
    server.answer(say(200, gzip.compress(RESULT), "Content-Encoding: gzip"))

    assert isinstance(poll(api), Finished)


def test_an_answer_larger_than_one_can_be_is_refused(server, api_of, poll, say):
    head = say(200, b"", length=1 << 40)
    server.answer(head, *repeat(bytes(4 * 1024 * 1024), 40))

    outcome = poll(api_of(server.url, total=60.0))
    assert isinstance(outcome, Lost)
    assert "larger" in outcome.reason


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, STARTED, Started(JOB_ID)),
        (400, b'{"Code": 4000, "Message": "Wrong."}', Failed(400, 4000, "Wrong.")),
    ],
)
def test_a_submit_over_the_wire(*, server, api, start, say, secret, status, body, outcome):
    server.answer(say(status, body))

    assert start(api) == outcome
    (request,) = server.requests
    assert request.line == f"POST /async/convert/docx/to/pdf?JobId={JOB_ID} HTTP/1.1"
    assert request.headers["authorization"] == f"Bearer {secret}"
    assert b"StoreFile=true" in request.body


def test_a_poll_tells_no_password_that_the_conversion_was_started_with(server, api, keep, say):
    server.answer(say(500, b'{"Code": 5003, "Message": "The password hush-hush is wrong."}'))
    outcome = api.poll("", Dialect.PATH, JOB_ID, keep, params={"UserPassword": "hush-hush"})

    assert "hush-hush" not in outcome.message


def test_a_poll_carries_no_credentials(server, api, poll, say, secret):
    server.answer(say(202))

    assert poll(api) == InProgress()
    (request,) = server.requests
    assert secret not in request.line + str(request.headers)


def test_poll_at_host_on_record_is_sent_there(server, api, poll, say):
    server.answer(say(202))

    assert poll(api, server.url) == InProgress()


def test_poll_at_foreign_host_on_record_sends_nothing(server, api_of, poll, say):
    server.answer(say(202))
    outcome = poll(api_of("http://127.0.0.1:1"), server.url)

    assert isinstance(outcome, Unsent)
    assert "CONVEYOR_API_URL" in outcome.reason
    assert server.requests == []


def test_the_secret_can_go_into_the_query(server, api_of, start, say, secret):
    server.answer(say(200, STARTED))
    start(api_of(server.url, auth=Auth.QUERY))

    assert f"Secret={secret}" in server.requests[0].line
    assert "authorization" not in server.requests[0].headers


def test_cookies_are_not_kept(server, api, poll, say):
    server.answer(say(202, b"", "Set-Cookie: who=me; Path=/"))
    poll(api)
    poll(api)

    assert "cookie" not in server.requests[1].headers


# -- what may be repeated -----------------------------------------------------------------------


@contextmanager
def _stream():
    yield io.BytesIO(b"words")


SAFE = {
    "user": lambda api: api.user(),
    "delete_job": lambda api: api.delete_job("", DIALECT, JOB_ID),
    "upload": lambda api: api.upload("ä.docx", _stream),
}


@pytest.mark.parametrize("name", SAFE)
def test_harmless_requests_are_tried_three_times(server, api, marks, name):
    server.answer(marks["reset"])
    with pytest.raises(Unclear):
        SAFE[name](api)

    assert len(server.requests) == 3


@pytest.mark.parametrize("name", SAFE)
def test_a_second_try_may_succeed(server, api, say, marks, name):
    server.answer(marks["reset"])
    server.answer(say(200, b'{"FileId": "f", "Active": true}'))

    assert SAFE[name](api)
    assert len(server.requests) == 2


@pytest.mark.parametrize("name", SAFE)
def test_other_closed_ports_are_explained(api_of, name):
    with pytest.raises(Unreachable):
        SAFE[name](api_of(f"http://127.0.0.1:{free_port()}"))


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, b'{"Code": 4013, "Message": "Who?"}', Refused),
        (415, b"", Refused),
        (500, b'{"Code": 5001, "Message": "Broken."}', Refused),
        (502, HTML, Unclear),
        (200, b"[]", Unclear),
        (200, HTML, Unclear),
        (404, b'{"Code": 0, "Message": "No such address."}', ApiError),
        (404, HTML, ApiError),
    ],
    ids=lambda value: str(value)[:30],
)
def test_an_account_is_known_only_by_its_own_answer(*, server, api, say, status, body, error):
    server.answer(say(status, body))
    with pytest.raises(error):
        api.user()

    assert len(server.requests) == 1


@pytest.mark.parametrize(("status", "was_there"), [(200, True), (404, False)])
def test_deleting_a_missing_file_succeeds(server, api, say, status, was_there):
    server.answer(say(status))

    assert api.delete_job("", DIALECT, JOB_ID) is was_there
    assert api.delete_file(f"{server.url}/d/x") is was_there
    assert [request.line.split()[:2] for request in server.requests] == [
        ["DELETE", f"/async/job/{JOB_ID}"],
        ["DELETE", "/d/x"],
    ]


# -- secrets ------------------------------------------------------------------------------------


@pytest.mark.parametrize("auth", Auth)
def test_log_without_listener_shows_no_secret_and_no_job_id(
    *, api_of, start, poll, auth, caplog, secret
):
    """Of all errors of `requests` this is the one that holds the whole URL in its text."""
    caplog.set_level(logging.DEBUG)
    api = api_of(f"http://127.0.0.1:{free_port()}", auth=auth)
    said = [repr(start(api)), repr(poll(api))]
    with pytest.raises(Unreachable) as raised:
        api.delete_job("", DIALECT, JOB_ID)
    said += _texts(raised.value)
    said += [it.getMessage() for it in caplog.records if not it.name.startswith("urllib3")]

    for text in said:
        assert secret not in text
        assert JOB_ID not in text


def _texts(error):
    while error is not None:
        yield f"{error!r} {error}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.parametrize("how", [how for how in SPOILT if "never" not in how])
@pytest.mark.parametrize("auth", Auth)
def test_no_secret_and_no_job_id_in_any_text(
    *, server, api_of, start, poll, say, marks, how, auth, caplog, secret
):
    """Not in what is said, not in what hangs on it, not in what we log (invariant I5)."""
    caplog.set_level(logging.DEBUG)
    server.answer(*_spoilt(say, marks)[how])
    api = api_of(server.url, auth=auth)
    said = [repr(start(api)), repr(poll(api))]
    try:
        api.delete_job("", DIALECT, JOB_ID)
    except ApiError as error:
        said += _texts(error)
    # urllib3's own lines hold whole URLs; `workers.logs` keeps them out (its own test).
    said += [it.getMessage() for it in caplog.records if not it.name.startswith("urllib3")]

    for text in said:
        assert secret not in text
        assert JOB_ID not in text
        assert "hush" not in text


FILE_ID = "f11e1d0123456789f11e1d0123456789"


def test_an_address_that_opens_a_file_is_hidden_where_an_error_quotes_it(server, api, say):
    message = f"There is no file {FILE_ID} with the key 5ignature-of-the-url."
    server.answer(say(500, json.dumps({"Code": 5001, "Message": message}).encode()))
    url = f"{server.url}/d/{FILE_ID}/a.pdf?key=5ignature-of-the-url"
    said = []
    for ask in (api.delete_file, lambda url: api.download(url).__enter__()):
        with pytest.raises(Refused) as raised:
            ask(url)
        said += _texts(raised.value)

    for text in said:
        assert "There is no file … with the key …." in text


def test_the_file_id_of_an_upload_is_hidden_where_a_refusal_quotes_it(server, api, say, keep):
    message = f"File id {FILE_ID} is invalid."
    server.answer(say(400, json.dumps({"Code": 5009, "Message": message}).encode()))
    form = {"Files[0]": FILE_ID}
    outcome = api.start(DIALECT, ("docx", "pdf"), form, JOB_ID, keep)
    assert outcome == Failed(400, 5009, "File id … is invalid.")
