from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from conveyor import BrokerUnavailable
from conveyor.webhooks import address_of
from web import webhooks
from web.webhooks import Webhooks

KEY = "key-of-the-webhooks"
JOB = "0123456789abcdef"


class Library:
    """Takes hints as `conveyor.Conveyor` does."""

    def __init__(self, error=None):
        self.hints = []
        self._error = error

    def job_ended(self, conversion_id, job_id):
        if self._error:
            raise self._error
        self.hints.append((conversion_id, job_id))


async def _elsewhere(scope, receive, send):
    await send({"type": "http.response.start", "status": 418, "headers": []})


def _app(library, key=KEY):
    return Webhooks(_elsewhere, conveyor=library, key=key)


@pytest.fixture
def library():
    return Library()


@pytest.fixture
def address():
    return address_of("http://host/webhooks", KEY, "6f1c").removeprefix("http://host")


def test_a_call_by_get_is_a_hint(ask, library, address):
    assert ask(_app(library), "GET", f"{address}?JobId={JOB}").status == 204
    assert library.hints == [("6f1c", JOB)]


def test_a_call_by_post_is_a_hint(ask, library, address):
    body = f'{{"JobId": "{JOB}", "More": [1]}}'.encode()

    assert ask(_app(library), "POST", address, body=body).status == 204
    assert library.hints == [("6f1c", JOB)]


@pytest.mark.parametrize(
    "change",
    [
        lambda address: address[:-1],
        lambda address: address + "0",
        lambda address: address.replace("6f1c", "6f1d"),
        lambda address: "/webhooks/6f1c",
        lambda address: "/webhooks/",
        lambda address: "/webhooks/6f1c/é",
    ],
)
def test_a_forged_call_finds_nothing_and_gives_no_hint(ask, library, address, change):
    answer = ask(_app(library), "GET", f"{change(address)}?JobId={JOB}")

    assert answer.status == 404
    assert library.hints == []


def test_forged_webhooks_are_logged_once_a_minute(ask, library, address, monkeypatch):
    app = _app(library)
    with capture_logs() as logged:
        for _ in range(3):
            ask(app, "GET", f"{address}0?JobId={JOB}")
        monkeypatch.setattr(webhooks, "_TELL_EVERY_S", 0.0)
        ask(app, "GET", f"{address}0?JobId={JOB}")
        ask(app, "GET", f"{address}?JobId={JOB}")

    assert [each["event"] for each in logged] == ["forged_webhook"] * 2
    assert "6f1c" not in str(logged)


def test_without_a_key_there_are_no_webhooks(ask, library, address):
    forged = address_of("/webhooks", "", "6f1c")

    for path in (address, forged):
        assert ask(_app(library, key=""), "GET", f"{path}?JobId={JOB}").status == 404
    assert library.hints == []


@pytest.mark.parametrize(
    "form",
    [
        ("", f'{{"jobId": "{JOB}"}}'.encode()),
        ("", f'{{"job_id": "{JOB}", "Status": "done"}}'.encode()),
        ("", f'{{"JOBID": " {JOB} "}}'.encode()),
        ("", b"\xef\xbb\xbf" + f'{{"JobId": "{JOB}"}}'.encode()),
        ("", f'{{"JobId": "{JOB}"}}'.encode("utf-16")),
        ("", f"JobId={JOB}&More=1".encode()),
        ("", f"job-id={JOB}\r\n".encode()),
        (f"?jobid={JOB}", b""),
        (f"?More=1&JobId={JOB}", b"no JSON"),
        (f"?JobId={JOB}", b"x" * 5000),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT"])
def test_a_job_id_is_found_in_any_form(ask, library, address, method, form):
    query, body = form
    assert ask(_app(library), method, address + query, body=body).status == 204
    assert library.hints == [("6f1c", JOB)]


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("", b""),
        ("?JobId=", b""),
        (f"?JobId={'x' * 300}", b""),
        (f"?{'a&' * 3000}JobId={JOB}", b""),
        ("", b"[]"),
        ("", b"null"),
        ("", b"["),
        ("", b"[" * 4000),
        ("", b'{"a":' * 800),
        ("", b'{"JobId": 1}'),
        ("", b'{"JobId": {}}'),
        ("", b'{"JobId": "\\ud800"}'),
        ("", b"\xff\xfe\xff"),
        ("", b"\x00" * 100),
        ("", b"%"),
        ("", b"x" * 5000),
        ("", b"x" * 5_000_000),
    ],
)
def test_a_genuine_call_without_a_readable_job_id_is_a_hint(ask, library, address, query, body):
    assert ask(_app(library), "POST", address + query, body=body).status == 204
    assert library.hints == [("6f1c", "")]


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_answered_with_the_allowed_ones(ask, library, address, method):
    answer = ask(_app(library), method, address)

    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, POST, PUT")
    assert library.hints == []


def test_redis_or_the_broker_being_away_asks_for_another_call(ask, address):
    library = Library(BrokerUnavailable("redis://10.0.0.7 is away"))
    answer = ask(_app(library), "GET", f"{address}?JobId={JOB}")

    assert answer.status == 503
    assert "10.0.0.7" not in answer.text


def test_other_addresses_are_others(ask, library):
    assert ask(_app(library), "GET", "/webhook/6f1c").status == 418
