from __future__ import annotations

import asyncio

import pytest

from config.web import ApiKey
from web.auth import ApiKeys, hash_of, holder_of

KEYS = (ApiKey("shop", hash_of("key-of-shop")), ApiKey("till", hash_of("key-of-till")))
HERE = {"host": "127.0.0.1:8080"}


def _ask(app, method="GET", path="/conversions", headers=HERE):
    """What the app answers, 200 where it lets the request through."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"] if sent else 200, scope


async def _let_through(scope, receive, send):
    pass


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Bearer key-of-shop", "shop"),
        ("bearer  key-of-till ", "till"),
        ("Bearer key-of-nobody", None),
        ("Bearer", None),
        ("Basic key-of-shop", None),
        ("key-of-shop", None),
        ("", None),
        ("Bearer kéy", None),
    ],
)
def test_a_key_tells_its_holder(header, name):
    assert holder_of(header, KEYS) == name


def test_the_hash_is_not_the_key():
    assert holder_of(f"Bearer {hash_of('key-of-shop')}", KEYS) is None


def test_without_a_key_nothing_passes():
    status, _ = _ask(ApiKeys(_let_through, keys=KEYS))

    assert status == 401


def test_a_key_is_noted_by_its_name():
    headers = {**HERE, "authorization": "Bearer key-of-shop"}
    status, scope = _ask(ApiKeys(_let_through, keys=KEYS), headers=headers)

    assert (status, scope["state"]["caller"]) == (200, "shop")


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/healthz", "/readyz", "/openapi.json"])
def test_some_addresses_need_none(path):
    assert _ask(ApiKeys(_let_through, keys=KEYS), path=path)[0] == 200


@pytest.mark.parametrize(
    "path", ["/metrics", "/fleet", "//", "/static", "/healthz/x", "/statics/x"]
)
def test_all_others_do(path):
    assert _ask(ApiKeys(_let_through, keys=KEYS), path=path)[0] == 401


def test_a_key_is_noted_where_none_is_needed():
    headers = {**HERE, "authorization": "Bearer key-of-shop"}
    _, scope = _ask(ApiKeys(_let_through, keys=KEYS), path="/healthz", headers=headers)

    assert scope["state"]["caller"] == "shop"
