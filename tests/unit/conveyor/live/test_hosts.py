from __future__ import annotations

import pytest

from conveyor.live.hosts import is_accepted, shown_host


@pytest.mark.parametrize(
    "url",
    [
        "https://v2.convertapi.com",
        "https://eu-v2.convertapi.com:443/d/x",
        "http://127.0.0.1:8765",
        "http://localhost:1/job/x",
        "http://[::1]:8765/",
    ],
)
def test_the_vendor_over_https_and_this_machine_are_asked(url):
    assert is_accepted(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://v2.convertapi.com",
        "https://convertapi.com",
        "https://v2.convertapi.com.evil.example",
        "https://evilconvertapi.com",
        "https://v2.convertapi.com:8443",
        "https://user:pass@v2.convertapi.com",
        "https://evil.example\\@v2.convertapi.com/",
        "https://v2.convertapi.com\n.evil.example",
        "http://10.0.0.1",
        "http://127.0.0.1@evil.example/",
        "http://[x",
        "ftp://v2.convertapi.com",
        "v2.convertapi.com",
        "",
    ],
)
def test_others_are_not(url):
    assert not is_accepted(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://eu-v2.convertapi.com/x", "eu-v2.convertapi.com"),
        ("http://127.0.0.1:8765", "loopback"),
        ("https://shop.example.com", "another"),
        ("http://[x", "another"),
    ],
)
def test_a_host_is_shown_if_it_is_the_vendors(url, shown):
    assert shown_host(url) == shown
