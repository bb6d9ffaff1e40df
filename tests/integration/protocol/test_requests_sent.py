"""What each request says of itself: its line, its fields, and whose credentials it carries."""

from __future__ import annotations

import io
from contextlib import nullcontext
from urllib.parse import parse_qs

import pytest

from conveyor.convertapi.authorization import Auth
from conveyor.convertapi.client import ConvertApi
from conveyor.convertapi.credentials import FixedCredentials
from conveyor.convertapi.timeouts import Timeouts
from conveyor.convertapi.transport import Transport
from conveyor.domain.dialect import Dialect

JOB = "0" * 32
BOUNDS = Timeouts(connect=5.0, read=15.0, total=30.0, transfer=900.0)


@pytest.fixture
def asked(server, say):
    """The one request that a call has sent."""
    server.answer(say(200, b"{}"))

    def by(call):
        call()
        (request,) = server.requests
        return request

    return by


def _fields(request):
    names = ("accept", "accept-encoding", "user-agent", "content-type")
    return {name: request.headers.get(name) for name in names}


PLAIN = {
    "accept": "application/json",
    "accept-encoding": "gzip, deflate",
    "user-agent": "conveyor",
    "content-type": None,
}
FORM = {**PLAIN, "content-type": "application/x-www-form-urlencoded"}


def test_poll_carries_no_credentials(server, api, asked, keep, secret):
    request = asked(lambda: api.poll(server.url, Dialect.PATH, JOB, keep))

    assert request.line.startswith("GET /")
    assert JOB in request.line
    assert _fields(request) == PLAIN
    assert "authorization" not in request.headers
    assert secret not in request.line


def test_submit_carries_the_accounts_credentials_and_a_form(api, asked, keep, secret):
    form = {"Url": "https://e.com/a b.docx", "Ünlaut": "ß"}
    request = asked(lambda: api.start(Dialect.PATH, ("docx", "pdf"), form, JOB, keep))

    assert request.line.startswith("POST /")
    assert _fields(request) == FORM
    assert request.headers["authorization"] == f"Bearer {secret}"
    assert parse_qs(request.body.decode()) == {
        "Url": ["https://e.com/a b.docx"],
        "Ünlaut": ["ß"],
        "StoreFile": ["true"],
    }


@pytest.mark.parametrize("dialect", list(Dialect))
def test_delete_of_a_job_carries_the_accounts_credentials(server, api, asked, secret, dialect):
    request = asked(lambda: api.delete_job(server.url, dialect, JOB))

    assert request.line.startswith("DELETE /")
    assert _fields(request) == PLAIN
    assert request.headers["authorization"] == f"Bearer {secret}"


def test_delete_of_a_file_carries_none_for_its_address_opens_it(server, api, asked):
    request = asked(lambda: api.delete_file(f"{server.url}/d/token"))

    assert request.line == "DELETE /d/token HTTP/1.1"
    assert "authorization" not in request.headers


def test_download_asks_for_plain_bytes_and_carries_no_credentials(server, api, asked):
    def call():
        with api.download(f"{server.url}/d/token", 5, '"v1"') as file:
            assert file.start == 0

    request = asked(call)

    assert _fields(request) == {**PLAIN, "accept": "*/*", "accept-encoding": "identity"}
    assert (request.headers["range"], request.headers["if-range"]) == ("bytes=5-", '"v1"')
    assert "authorization" not in request.headers


def test_upload_streams_bytes_under_the_accounts_credentials(server, api, say, secret):
    server.answer(say(200, b'{"FileId": "f1"}'))
    api.upload("a.docx", lambda: nullcontext(io.BytesIO(b"bytes")))
    (request,) = server.requests

    assert _fields(request) == {**PLAIN, "content-type": "application/octet-stream"}
    assert request.headers["authorization"] == f"Bearer {secret}"
    assert request.body == b"bytes"


def test_account_is_read_by_its_owner(server, say):
    server.answer(say(200, b'{"Active": true}'))
    account, owner = FixedCredentials("account"), FixedCredentials("owner")
    ConvertApi(Transport(server.url, account, timeouts=BOUNDS, owner=owner)).user()
    (request,) = server.requests

    assert request.line == "GET /user HTTP/1.1"
    assert request.headers["authorization"] == "Bearer owner"


def test_secret_goes_into_the_query_where_it_is_set_so(server, api_of, say, keep, secret):
    server.answer(say(200, b"{}"))
    api_of(server.url, auth=Auth.QUERY).start(Dialect.PATH, ("docx", "pdf"), {}, JOB, keep)
    (request,) = server.requests

    assert f"Secret={secret}" in request.line
    assert "authorization" not in request.headers
