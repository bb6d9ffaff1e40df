from __future__ import annotations

import pytest

from conveyor.visitors import Visit, refusal_of

HERE = "127.0.0.1:8080"


def _visit(method="GET", host=HERE, **headers):
    given = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Visit.of(method, given.get)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost:8080", "LOCALHOST", "[::1]:8080", "127.1.2.3:1", "sandbox:8090"],
)
def test_own_names_are_answered(host):
    assert not refusal_of(_visit(host=host), {"sandbox"})


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8080",
        "10.0.0.1:8080",
        "0.0.0.0:8080",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example@127.0.0.1",
        "evil.example#@127.0.0.1",
        "evil.example\\@127.0.0.1",
        "127.0.0.1,evil.example",
        "127.0.0.1 evil.example",
        "[::1",
        "sandbox.evil.example",
        "[::2]:8080",
        "127.0.0.1:x",
    ],
)
def test_other_names_are_refused_without_keys(host):
    assert refusal_of(_visit(host=host), {"sandbox"})
    assert not refusal_of(_visit(host=host), None)


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH", "ODD"])
@pytest.mark.parametrize("names", [None, ()])
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        "http://[",
        "http://127.0.0.1:8080.evil.example",
        "http://127.0.0.1:8080@evil.example",
        "chrome-extension://127.0.0.1:8080",
        "file://127.0.0.1:8080",
        "http://127.0.0.1:8080,http://evil.example",
    ],
)
def test_another_origin_changes_nothing(method, names, origin):
    assert refusal_of(_visit(method, origin=origin), names)


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:9090", "http://localhost", "https://[::1]:8081"]
)
def test_pages_of_this_machine_are_served_where_there_are_no_keys(origin):
    assert not refusal_of(_visit("POST", origin=origin), ())
    assert refusal_of(_visit("POST", origin=origin), None)


def test_a_page_on_another_port_is_of_the_same_site():
    assert not refusal_of(_visit("POST", sec_fetch_site="same-site"), ())
    assert refusal_of(_visit("POST", sec_fetch_site="same-site"), None)


@pytest.mark.parametrize("site", ["cross-site", "Cross-Site"])
@pytest.mark.parametrize("names", [None, ()])
def test_simple_post_without_an_origin_is_judged_by_its_site(site, names):
    assert refusal_of(_visit("POST", sec_fetch_site=site), names)


@pytest.mark.parametrize("site", ["same-origin", "none", ""])
def test_own_pages_and_typed_addresses_are_served(site):
    assert not refusal_of(_visit("GET", sec_fetch_site=site), ())
    assert not refusal_of(_visit("POST", sec_fetch_site=site), ())


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:8080", "https://127.0.0.1:8080", "http://localhost:8080"]
)
def test_own_origins_are_served(origin):
    assert not refusal_of(_visit("POST", origin=origin), ())


def test_the_port_may_be_the_schemes():
    assert not refusal_of(_visit("POST", "localhost", origin="http://127.0.0.1"), ())
    assert not refusal_of(_visit("POST", "127.0.0.1:443", origin="https://localhost"), ())


def test_where_there_are_keys_reading_is_for_keys_to_refuse():
    assert not refusal_of(_visit("GET", origin="https://evil.example"), None)
    assert refusal_of(_visit("GET", origin="https://evil.example"), ())


def test_a_link_from_elsewhere_is_followed_and_a_frame_is_not():
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}

    assert not refusal_of(_visit(sec_fetch_dest="document", **link), ())
    assert refusal_of(_visit(sec_fetch_dest="iframe", **link), ())
    assert refusal_of(_visit("POST", sec_fetch_dest="document", **link), ())


def test_programs_without_browser_headers_are_served():
    assert not refusal_of(_visit("POST"), ())
