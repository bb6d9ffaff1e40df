from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from convertapi_sandbox.visitors import refusal_of

HERE = "127.0.0.1:8765"
NAMES = {"Sandbox"}


def _refusal(method="GET", host=HERE, **headers):
    given = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return refusal_of(method, Headers(given), NAMES)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost:8765", "LOCALHOST", "[::1]:8765", "127.1.2.3:1", "sandbox:8090"],
)
def test_its_own_names_are_answered(host):
    assert not _refusal(host=host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8765",
        "10.0.0.1:8765",
        "0.0.0.0:8765",
        "127.0.0.1.evil.example",
        "evil.example@127.0.0.1",
        "evil.example\\@127.0.0.1",
        "127.0.0.1,evil.example",
        "[::1",
        "sandbox.evil.example",
        "127.0.0.1:x",
    ],
)
def test_another_name_is_refused(host):
    assert _refusal(host=host).startswith("This server accepts requests only from this machine")


def test_a_second_host_does_not_hide_behind_the_first():
    headers = Headers(raw=[(b"host", b"127.0.0.1"), (b"host", b"evil.example")])

    assert refusal_of("GET", headers, NAMES)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "ODD"])
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        "http://[",
        "http://127.0.0.1:8765.evil.example",
        "http://127.0.0.1:8765@evil.example",
        "chrome-extension://127.0.0.1:8765",
        "http://127.0.0.1:8765,http://evil.example",
        "http://sandbox:8090",
    ],
)
def test_a_page_of_another_origin_is_refused(method, origin):
    assert _refusal(method, origin=origin) == (
        "A page of another site can't do this. Open Conveyor's own page, or send an API key."
    )


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (HERE, "http://127.0.0.1:8765"),
        (HERE, "http://localhost:3000"),
        (HERE, "https://[::1]:8081"),
        ("sandbox:8090", "http://sandbox:8090"),
        ("SANDBOX:8090", "http://sandbox:8090"),
    ],
)
def test_pages_of_this_machine_and_its_own_are_served(host, origin):
    assert not _refusal("POST", host, origin=origin)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("site", ["cross-site", "Cross-Site"])
def test_a_request_without_an_origin_is_judged_by_its_site(method, site):
    assert _refusal(method, sec_fetch_site=site)


def test_a_page_of_the_same_site_is_served_on_loopback_alone():
    assert not _refusal("POST", sec_fetch_site="same-site")
    assert _refusal("POST", "sandbox:8090", sec_fetch_site="same-site")


def test_a_link_is_followed_and_a_frame_is_not():
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}

    assert not _refusal(sec_fetch_dest="document", **link)
    assert _refusal(sec_fetch_dest="iframe", **link)
    assert _refusal("POST", sec_fetch_dest="document", **link)


@pytest.mark.parametrize("site", ["same-origin", "none", ""])
def test_own_pages_and_typed_addresses_are_served(site):
    assert not _refusal("POST", sec_fetch_site=site)


def test_a_program_that_is_not_a_browser_is_served():
    assert not _refusal("POST")
