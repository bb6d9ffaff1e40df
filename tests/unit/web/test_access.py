from __future__ import annotations

import asyncio

import pytest
import structlog
from structlog.testing import capture_logs

from web import access
from web.access import Access


class _Route:
    path = "/conversions/{conversion_id}"


def _ask(app, path="/conversions/6f1c", state=None):
    sent = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"JobId=a-secret",
        "state": state or {},
    }
    with capture_logs() as lines:
        asyncio.run(Access(app)(scope, None, send))
    return sent, lines


def _answering(status, **scope_items):
    async def app(scope, receive, send):
        scope.update(scope_items)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return app


@pytest.fixture(autouse=True)
def _log_of_its_own(monkeypatch):
    """An earlier test of this process may have set a level, and the module's log keeps it."""
    before = structlog.get_config()
    structlog.reset_defaults()
    monkeypatch.setattr(access, "log", structlog.get_logger("conveyor.web"))
    yield
    structlog.configure(**before)


def test_a_request_is_one_line_with_its_route():
    params = {"conversion_id": "6f1c"}
    _, [line] = _ask(_answering(200, route=_Route, path_params=params))

    assert line.pop("ms") >= 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "route": "/conversions/{conversion_id}",
        "status": 200,
        "conversion_id": "6f1c",
        "key": "-",
    }


def test_endpoint_note_is_reported():
    _, [line] = _ask(_answering(202, route=_Route), state={"conversion_id": "new"})

    assert line["conversion_id"] == "new"


@pytest.mark.parametrize("status", [200, 403, 429])
def test_access_log_names_the_key(status):
    _, [line] = _ask(_answering(status), state={"caller": "shop"})

    assert line["key"] == "shop"


@pytest.mark.parametrize("path", ["/webhooks/6f1c/a-secret", "/nothing/a-secret"])
def test_addresses_are_not_told(path):
    _, lines = _ask(_answering(204), path)

    assert "secret" not in repr(lines)


def test_forged_webhooks_are_not_logged_again():
    _, [line] = _ask(_answering(404), "/webhooks/6f1c/forged")

    assert line["log_level"] == "debug"


def test_unexpected_error_is_a_problem_and_is_logged_once():
    async def broken(scope, receive, send):
        raise ZeroDivisionError

    sent, lines = _ask(broken)

    assert sent[0]["status"] == 500
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("request_failed", "error"),
        ("request", "info"),
    ]


def test_an_answer_that_breaks_off_is_not_answered_again():
    async def broken(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError

    sent, lines = _ask(broken)

    assert len(sent) == 1
    assert [line["event"] for line in lines] == ["request_failed", "request"]


def test_other_traffic_passes():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    asyncio.run(Access(app)({"type": "lifespan"}, None, None))

    assert seen == ["lifespan"]


def test_request_cut_off_by_shutdown_is_logged_without_a_traceback():
    async def cut_off(scope, receive, send):
        raise asyncio.CancelledError

    sent, lines = _ask(cut_off)

    assert sent[0]["status"] == 503
    assert [line["event"] for line in lines] == ["request_cut_off", "request"]
    assert "exc_info" not in lines[0]
