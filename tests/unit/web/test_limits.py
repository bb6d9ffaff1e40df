from __future__ import annotations

import asyncio

from web.limits import Rate


async def _let_through(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def _ask(app, path="/fleet", client=("10.0.0.1", 1), caller=None):
    sent = []

    async def send(message):
        sent.append(message)

    state = {"caller": caller} if caller else {}
    scope = {"type": "http", "path": path, "client": client, "state": state, "headers": []}
    await app(scope, None, send)
    return sent[0]["status"], dict(sent[0]["headers"])


def _ask_often(*asked, per_minute=2):
    async def ask():
        app = Rate(_let_through, per_minute=per_minute)
        return [await _ask(app, **kwargs) for kwargs in asked]

    return asyncio.run(ask())


def test_too_many_requests_of_an_address_get_a_retry_time():
    *_, (status, headers) = _ask_often({}, {}, {})

    assert status == 429
    assert 1 <= int(headers[b"retry-after"]) <= 60


def test_callers_are_counted_by_themselves():
    answers = _ask_often(
        {}, {}, {"client": ("10.0.0.2", 1)}, {"caller": "shop"}, {"caller": "till"}
    )

    assert {status for status, _ in answers} == {200}


def test_a_key_is_counted_wherever_it_comes_from():
    answers = _ask_often(
        *({"caller": "shop", "client": (f"10.0.0.{n}", 1)} for n in range(3)),
    )

    assert [status for status, _ in answers] == [200, 200, 429]


def test_open_endpoint_is_not_rate_limited():
    assert {status for status, _ in _ask_often(*[{"path": "/healthz"}] * 5)} == {200}


def test_zero_is_not_a_limit():
    assert {status for status, _ in _ask_often(*[{}] * 50, per_minute=0)} == {200}


def test_a_peer_without_an_address_is_counted_too():
    assert _ask_often(*[{"client": None}] * 3)[-1][0] == 429
