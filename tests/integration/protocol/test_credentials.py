"""Which credentials go where, and what a refusal of them leads to."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager

import pytest

from conveyor.convertapi.authorization import Auth
from conveyor.convertapi.client import ConvertApi
from conveyor.convertapi.credentials import FixedCredentials
from conveyor.convertapi.errors import ComeLater, Refused, Unreachable, WrongHost
from conveyor.convertapi.timeouts import Timeouts
from conveyor.convertapi.transport import Transport
from conveyor.domain.answers import Failed, Started, Unsent
from conveyor.domain.dialect import Dialect
from tests.credentials import Broken, Rotating

JOB_ID = "0123456789abcdef0123456789abcdef"
PATH = Dialect.PATH
BOUNDS = Timeouts(connect=5.0, read=15.0, total=30.0, transfer=900.0)
STARTED = b'{"JobId": "j"}'
REFUSAL = b'{"Code": 4013, "Message": "Who?"}'


@contextmanager
def _words():
    yield io.BytesIO(b"words")


@pytest.fixture
def api_with(server):
    def make(credentials, **options):
        return ConvertApi(Transport(server.url, credentials, timeouts=BOUNDS, **options))

    return make


@pytest.fixture
def start(keep):
    def call(api, **options):
        return api.start(PATH, ("docx", "pdf"), {"File": "x"}, JOB_ID, keep, **options)

    return call


def _sent(server):
    return [request.headers.get("authorization") for request in server.requests]


@pytest.mark.parametrize(
    ("status", "body"),
    [(401, REFUSAL), (401, b""), (403, b"<html>"), (400, REFUSAL)],
    ids=str,
)
def test_refused_submit_is_repeated_once_with_newer_credentials(
    *, server, api_with, start, say, status, body
):
    server.answer(say(status, body))
    server.answer(say(200, STARTED))
    credentials = Rotating("old", "new", "newest")

    assert start(api_with(credentials)) == Started("j")
    assert _sent(server) == ["Bearer old", "Bearer new"]
    assert credentials.refused == ["old"]


def test_refused_submit_is_repeated_once_and_not_twice(server, api_with, start, say):
    server.answer(say(401, REFUSAL))
    outcome = start(api_with(Rotating("old", "new", "newest")))

    assert outcome == Failed(401, 4013, "Who?")
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (402, REFUSAL),
        (400, b'{"Code": 4014, "Message": "The balance is used up."}'),
        (400, b'{"Code": 4000, "Message": "Wrong."}'),
        (500, b'{"Code": 4013, "Message": "Who?"}'),
        (409, REFUSAL[:-1]),
    ],
    ids=str,
)
def test_other_refusals_of_a_submit_are_not_repeated(*, server, api_with, start, say, status, body):
    server.answer(say(status, body))
    credentials = Rotating("old", "new")
    start(api_with(credentials))

    assert len(server.requests) == 1
    assert credentials.refused == []


def test_credentials_without_a_newer_one_are_refused(server, api_with, start, say):
    server.answer(say(401, REFUSAL))

    assert isinstance(start(api_with(FixedCredentials("old"))), Failed)
    assert len(server.requests) == 1


def test_refused_upload_is_sent_again_whole(server, api_with, say):
    server.answer(say(401, REFUSAL))
    server.answer(say(200, b'{"FileId": "f1"}'))

    assert api_with(Rotating("old", "new")).upload("a.md", _words) == "f1"
    assert [request.body for request in server.requests] == [b"words"] * 2


def test_account_is_read_with_its_owners_credentials(server, api_with, say):
    server.answer(say(200, b"{}"))
    api_with(FixedCredentials("token"), owner=FixedCredentials("master")).user()

    assert _sent(server) == ["Bearer master"]


def test_account_is_read_with_the_only_credentials_there_are(server, api_with, say):
    server.answer(say(200, b"{}"))
    api_with(FixedCredentials("token")).user()

    assert _sent(server) == ["Bearer token"]


def test_owners_credentials_start_nothing(server, api_with, start, say):
    server.answer(say(200, STARTED))
    start(api_with(FixedCredentials("token"), owner=FixedCredentials("master")))

    assert _sent(server) == ["Bearer token"]


def test_credentials_that_can_not_be_read_send_nothing(server, api_with, start, caplog):
    outcome = start(api_with(Broken()))

    assert isinstance(outcome, Unsent)
    assert "credentials" in outcome.reason
    assert "hush" not in outcome.reason
    with pytest.raises(Unreachable):
        api_with(Broken()).user()
    assert server.requests == []
    assert "hush" not in caplog.text


def test_credentials_that_no_header_can_carry_send_nothing(server, api_with, start):
    assert isinstance(start(api_with(FixedCredentials("a\nHost: b"))), Unsent)
    assert server.requests == []


# -- where they go ------------------------------------------------------------

ELSEWHERE = ("http://127.0.0.1:1", "https://evil.example", r"http://127.0.0.1:1\@x", "http://[x")


@pytest.mark.parametrize("base_url", ELSEWHERE)
def test_record_that_names_another_host_gets_no_deletion(server, api_with, base_url):
    api = api_with(FixedCredentials("secret"))
    with pytest.raises(WrongHost, match="CONVEYOR_API_URL") as raised:
        api.delete_job(base_url, PATH, JOB_ID)

    assert JOB_ID not in str(raised.value)
    with pytest.raises(WrongHost):
        api.delete_file(f"{base_url}/d/x")
    with pytest.raises(WrongHost), api.download(f"{base_url}/d/x"):
        pass


def test_another_port_of_this_machine_hears_nothing(server, other_server, api_with, say, keep):
    other_server.answer(say(200))
    api = api_with(FixedCredentials("secret"))
    with pytest.raises(WrongHost):
        api.delete_job(other_server.url, PATH, JOB_ID)
    with pytest.raises(WrongHost):
        api.delete_file(f"{other_server.url}/d/x")
    api.poll(other_server.url, PATH, JOB_ID, keep)

    assert other_server.requests == []


def test_api_url_that_is_none_is_reported(keep):
    api = ConvertApi(Transport("v2.convertapi.com", FixedCredentials("secret"), timeouts=BOUNDS))
    outcome = api.start(PATH, ("a", "b"), {}, JOB_ID, keep)

    assert isinstance(outcome, Unsent)
    assert "CONVEYOR_API_URL" in outcome.reason


# -- the webhook ------------------------------------------------------------

WEBHOOK = "https://app.example/webhooks/c1/S1gnature-0f-1t?a=b&c=ä"
QUOTED = "WebHook=https%3A%2F%2Fapp.example%2Fwebhooks%2Fc1%2FS1gnature-0f-1t%3Fa%3Db%26c%3D%C3%A4"


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("auth", Auth)
def test_webhook_goes_into_the_query(*, server, api_with, keep, say, dialect, auth):
    server.answer(say(200, STARTED))
    api = api_with(FixedCredentials("secret"), auth=auth)
    api.start(dialect, ("docx", "pdf"), {"File": "x"}, JOB_ID, keep, webhook=WEBHOOK)

    (request,) = server.requests
    assert QUOTED in request.line
    assert f"JobId={JOB_ID}" in request.line
    assert request.body == b"File=x&StoreFile=true"


def test_without_a_webhook_none_is_asked_for(server, api_with, start, say):
    server.answer(say(200, STARTED))
    start(api_with(FixedCredentials("secret")))

    assert "WebHook" not in server.requests[0].line


def test_services_words_hold_no_signature_and_no_password(server, api_with, keep, say):
    body = b'{"Code": 4000, "Message": "WebHook S1gnature-0f-1t of hush-hush, secret-secret"}'
    server.answer(say(400, body))
    api = api_with(FixedCredentials("secret-secret"))
    form = {"File": "x", "UserPassword": "hush-hush"}
    webhook = "https://app.example/webhooks/c1/S1gnature-0f-1t"
    outcome = api.start(PATH, ("docx", "pdf"), form, JOB_ID, keep, webhook=webhook)

    assert outcome == Failed(400, 4000, "WebHook … of …, …")


# -- who asks for patience ------------------------------------------------------------

CALLS = {
    "user": lambda api, url: api.user(),
    "delete_job": lambda api, url: api.delete_job("", PATH, JOB_ID),
    "delete_file": lambda api, url: api.delete_file(f"{url}/d/x"),
    "upload": lambda api, url: api.upload("a.md", _words),
    "download": lambda api, url: api.download(f"{url}/d/x").__enter__(),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [503, 408, 409, 423, 425, 429])
def test_throttled_call_is_to_come_later_and_is_not_repeated(
    *, server, api_with, say, call, status
):
    body = b'{"Code": 503, "Message": "The service is overloaded."}'
    server.answer(say(status, body, "Retry-After: 7"))
    with pytest.raises(ComeLater) as raised:
        CALLS[call](api_with(FixedCredentials("secret")), server.url)

    assert (raised.value.status, raised.value.retry_after_s) == (status, 7.0)
    assert len(server.requests) == 1


@pytest.mark.parametrize("call", CALLS)
def test_refused_call_says_why_without_secrets(*, server, api_with, say, call):
    body = f'{{"Code": 5009, "Message": "{JOB_ID} of secret-secret at http://[x"}}'.encode()
    server.answer(say(400, body))
    with pytest.raises(Refused) as raised:
        CALLS[call](api_with(FixedCredentials("secret-secret")), server.url)

    assert (raised.value.status, raised.value.code) == (400, 5009)
    assert "http://…" in raised.value.message
    if call != "download":
        assert "secret-secret" not in str(raised.value)
    if call == "delete_job":
        assert JOB_ID not in str(raised.value)


@pytest.mark.parametrize("file_id", ["../user", "", None, {}, "a b", "x" * 200])
def test_file_id_that_can_be_none_is_refused(server, api_with, say, file_id):
    server.answer(say(200, json.dumps({"FileId": file_id}).encode()))
    with pytest.raises(Exception, match="without a FileId"):
        api_with(FixedCredentials("secret")).upload("a.md", _words)
