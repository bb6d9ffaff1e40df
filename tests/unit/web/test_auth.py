from __future__ import annotations

import asyncio

import pytest

from config.web import ApiKey
from web.auth import ApiKeys, SameOrigin, hash_of, holder_of

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


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH", "ODD"])
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:9090", "http://[", ""]
)
def test_a_page_of_another_site_changes_nothing(method, origin):
    app = SameOrigin(_let_through, open_to_all=False)

    assert _ask(app, method, headers={**HERE, "origin": origin})[0] == 403


def test_our_own_page_and_other_programs_may():
    app = SameOrigin(_let_through, open_to_all=True)

    assert _ask(app, "POST", headers={**HERE, "origin": "http://127.0.0.1:8080"})[0] == 200
    assert _ask(app, "POST")[0] == 200


@pytest.mark.parametrize("host", ["rebound.example", "10.0.0.1:8080", "", "127.0.0.1.evil.example"])
def test_without_keys_another_host_is_refused(host):
    assert _ask(SameOrigin(_let_through, open_to_all=True), headers={"host": host})[0] == 403
    assert _ask(SameOrigin(_let_through, open_to_all=False), headers={"host": host})[0] == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8080", "[::1]:8080"])
def test_without_keys_loopback_is_served(host):
    assert _ask(SameOrigin(_let_through, open_to_all=True), headers={"host": host})[0] == 200
