from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from conveyor.convertapi.origins import Gate, Origin, origin_of

TLS = "https://eu-v2.convertapi.com"
SANDBOX = "http://127.0.0.1:8090"


def _admits(base_url, url):
    return Gate(base_url).read(url) is not None


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://v2.convertapi.com/d/x?y#z", Origin("https", "v2.convertapi.com", 443)),
        ("HTTPS://V2.ConvertAPI.com:443", Origin("https", "v2.convertapi.com", 443)),
        ("http://127.0.0.1:8090/x", Origin("http", "127.0.0.1", 8090)),
        ("http://[::1]/", Origin("http", "[::1]", 80)),
        ("https://пример.example/", Origin("https", "xn--e1afmkfd.example", 443)),
        (r"https://a.example\@b.example/", None),
        (r"https://v2.convertapi.com/a\b", None),
        ("https://user:secret@v2.convertapi.com/", None),
        ("https://@v2.convertapi.com/", None),
        ("https://v2.convertapi.com /", None),
        ("https://v2.convertapi.com\n/", None),
        ("https://v2.convertapi.com/\ud800", None),
        ("//v2.convertapi.com/", None),
        ("ftp://v2.convertapi.com/", None),
        ("file:///etc/passwd", None),
        ("https:///x", None),
        ("https://a:99999/", None),
        ("http://[x", None),
        ("", None),
        ("https://v2.convertapi.com/" + "x" * 9000, None),
    ],
    ids=ascii,
)
def test_origin_of_an_address(url, origin):
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "url",
    [
        TLS,
        f"{TLS}/job/1",
        "https://v2.convertapi.com/d/x",
        "https://V2.CONVERTAPI.COM:443/d/x",
        "https://eu-v2.convertapi.com/d/x?sig=%2F",
    ],
)
def test_configured_host_and_the_vendors_are_admitted(url):
    assert _admits(TLS, url)


@pytest.mark.parametrize(
    "url",
    [
        "http://v2.convertapi.com/d/x",
        "http://eu-v2.convertapi.com/d/x",
        "https://v2.convertapi.com:8443/d/x",
        "https://v2.convertapi.com./d/x",
        "https://convertapi.com/d/x",
        "https://evilconvertapi.com/d/x",
        "https://v2.convertapi.com.example/d/x",
        "https://evil.example/?.convertapi.com/",
        "https://evil.example#.convertapi.com/",
        r"https://evil.example\.convertapi.com/",
        r"https://evil.example\@v2.convertapi.com/",
        "https://v2.convertapi.com@evil.example/",
        "https://127.0.0.1/d/x",
        "http://127.0.0.1:6379/",
        "http://169.254.169.254/latest/meta-data",
        "http://[x",
    ],
)
def test_other_hosts_are_not_admitted(url):
    assert not _admits(TLS, url)


@pytest.mark.parametrize(
    ("url", "admitted"),
    [
        (f"{SANDBOX}/d/x", True),
        ("http://127.0.0.1:8091/d/x", False),
        ("http://localhost:8090/d/x", False),
        ("https://127.0.0.1:8090/d/x", False),
        ("https://v2.convertapi.com/d/x", False),
    ],
)
def test_sandbox_leads_nowhere_else(url, admitted):
    assert _admits(SANDBOX, url) is admitted


@pytest.mark.parametrize(
    "base_url", ["", "v2.convertapi.com", "https://user:x@h.example", "ftp://h"]
)
def test_invalid_address_admits_nothing(base_url):
    assert not _admits(base_url, base_url)
    assert not _admits(base_url, "https://v2.convertapi.com")


def test_admitted_address_is_written_anew():
    assert Gate(TLS).read(f"{TLS}/a/../é?b=ü#c").url == f"{TLS}/%C3%A9?b=%C3%BC"


@given(st.text(max_size=60).map(lambda text: f"https://{text}"))
def test_any_text_is_judged_without_raising(url):
    admitted = Gate(TLS).read(url)
    if admitted is not None:
        assert str(parse_url(admitted.url).host).endswith(".convertapi.com")


HOSTS = (
    TLS,
    f"{TLS}:443",
    f"{TLS}/",
    f"{TLS}/below",
    f"{TLS}/a/..",
    f"{TLS}?q",
    f"{TLS}?",
    f"{TLS}#f",
    "HTTPS://V2.CONVERTAPI.COM",
    "https://v2.convertapi.com",
    "https://evil.example",
    "https://u@v2.convertapi.com",
    "http://[x",
    "",
)


@given(
    st.sampled_from(HOSTS) | st.text(max_size=30),
    st.sampled_from(["", "/", "/a", "/async/job/0a-B_9", "/a/", "//a", "/a/../b", "/a%2e", "a"])
    | st.text(max_size=20),
)
def test_path_below_a_host_is_read_as_the_whole_address_is(base_url, path):
    gate = Gate(TLS)
    expected = gate.read(base_url + path)

    assert gate.below(base_url, path) == expected
    assert gate.below(base_url, path) == expected  # remembered


def test_target_of_an_address_is_its_path_and_query():
    address = Gate(TLS).read(f"{TLS}/d/x?a=b#c")

    assert address.target == "/d/x?a=b"
    assert address.origin == Origin("https", "eu-v2.convertapi.com", 443)
    assert Gate(TLS).read(f"{TLS}?a").target == "/?a"


@pytest.mark.parametrize(("size", "is_one"), [(8192, True), (8193, False)])
def test_address_may_have_8192_characters(size, is_one):
    url = f"{TLS}/".ljust(size, "x")
    path = url.removeprefix(TLS)

    assert (origin_of(url) is not None) is is_one
    assert _admits(TLS, url) is is_one
    assert Gate(TLS).below(f"{TLS}/?".ljust(size, "x"), "") is not None or not is_one
    assert Gate(TLS).below(TLS, path) == Gate(TLS).read(f"{TLS}{path}") or not is_one


def test_hosts_that_were_read_are_kept_but_not_more_than_64():
    gate = Gate(TLS)
    hosts = [f"https://h{number}.convertapi.com" for number in range(65)]
    for host in hosts[:64]:
        gate.below(host, "/a")
    assert len(gate._hosts) == 64
    found = gate.below(hosts[64], "/a")

    assert found.url == f"{hosts[64]}/a"
    assert len(gate._hosts) == 1


@pytest.mark.parametrize("url", ["http://h.example", "https://h.example"])
def test_port_of_a_scheme_is_known(url):
    assert origin_of(url).port == {"http": 80, "https": 443}[url.partition(":")[0]]
    assert _admits(url, f"{url}:{origin_of(url).port}/x")


@pytest.mark.parametrize(
    ("base_url", "path"),
    [(TLS, "/a"), (f"{TLS}/", "/a"), (f"{TLS}?", "/a"), (f"{TLS}#f", "/a"), (f"{TLS}/b", "/a")],
)
def test_path_is_written_behind_a_host_alone_as_it_would_be_read(base_url, path):
    assert Gate(TLS).below(base_url, path) == Gate(TLS).read(f"{base_url}{path}")


def test_address_has_its_parts():
    address = Gate(TLS).read(f"{TLS}:443/d/x?y=z#f")

    assert (address.url, address.target) == (f"{TLS}:443/d/x?y=z", "/d/x?y=z")
    assert address.origin == Origin("https", "eu-v2.convertapi.com", 443)
