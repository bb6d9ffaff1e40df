"""`requests`' adapter over our pools: which connections a request gets, and how they verify."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import requests.adapters
from urllib3 import HTTPHeaderDict

from conveyor.convertapi.adapter import Adapter
from conveyor.convertapi.origins import Gate
from conveyor.convertapi.pools import Pool, TlsPool
from conveyor.convertapi.prepared import Fields, Request

FIELDS = Fields({"Accept": "*/*"})


def _request(base_url):
    return Request("GET", Gate(base_url).below(base_url, "/a"), {"b": "c"}, FIELDS)


def _connections(adapter, base_url, verify=True):
    return adapter.get_connection_with_tls_context(_request(base_url), verify)


@pytest.fixture
def adapter():
    made = Adapter(7)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("base_url", "kind"), [("http://h.example:81", Pool), ("https://h.example", TlsPool)]
)
def test_host_has_a_pool_of_ours_which_is_kept(adapter, base_url, kind):
    pool = _connections(adapter, base_url)

    assert type(pool) is kind
    assert (pool.host, pool.pool.maxsize) == ("h.example", 7)
    assert _connections(adapter, base_url) is pool
    assert _connections(adapter, "http://other.example") is not pool


def test_connection_over_tls_verifies_the_host(adapter):
    trusted = _connections(adapter, "https://h.example")

    assert trusted.cert_reqs == "CERT_REQUIRED"
    assert trusted.ca_certs == requests.adapters.DEFAULT_CA_BUNDLE_PATH


def test_pools_of_sixteen_hosts_are_kept_and_not_of_more(adapter):
    for number in range(16):
        _connections(adapter, f"http://h{number}.example")
    assert len(adapter._pools) == 16
    _connections(adapter, "http://h16.example")

    assert len(adapter._pools) == 1


def test_closed_adapter_has_no_pools(adapter):
    _connections(adapter, "http://h.example")
    adapter.close()

    assert adapter._pools == {}
    assert len(adapter.poolmanager.pools) == 0


class FakePool:
    """Answers without a network."""

    def __init__(self, asked):
        self._asked = asked

    def urlopen(self, **options):
        self._asked.append(options)
        return _raw()


def _raw():
    headers = HTTPHeaderDict({"X": "y", "Set-Cookie": "a=\x00"})
    raw = SimpleNamespace(status=202, headers=headers, is_closed=False)
    raw.close = lambda: setattr(raw, "is_closed", True)
    raw.release_conn = lambda: None
    return raw


def test_request_is_sent_once_and_its_body_is_left_to_be_read(adapter, monkeypatch):
    asked = []
    pool = FakePool(asked)
    monkeypatch.setattr(adapter, "get_connection_with_tls_context", lambda *_, **__: pool)
    request = _request("http://h.example")
    response = adapter.send(request, timeout=(3.0, 7.0))
    (options,) = asked

    assert (options["method"], options["url"], options["body"]) == ("GET", "/a?b=c", None)
    assert options["headers"] is FIELDS
    assert (options["redirect"], options["preload_content"], options["chunked"]) == (False,) * 3
    assert options["retries"].total == 0
    assert (options["timeout"].connect_timeout, options["timeout"].read_timeout) == (3.0, 7.0)
    assert (response.status_code, response.headers["x"], response.request) == (202, "y", request)
    assert not response.raw.is_closed
    response.close()
    assert response.raw.is_closed


@pytest.mark.parametrize(
    ("proxy", "proxies"),
    [("", {}), ("http://p.example", {"http": "http://p.example", "https": "http://p.example"})],
)
def test_proxy_is_for_both_schemes(monkeypatch, proxy, proxies):
    sent = []
    monkeypatch.setattr(
        requests.adapters.HTTPAdapter, "send", lambda *args, **options: sent.append(options)
    )
    Adapter(7, proxy).send(_request("http://h.example"), timeout=1.0)

    assert sent == [{"stream": True, "proxies": proxies, "timeout": 1.0}]


@pytest.mark.parametrize(
    ("base_url", "target"),
    [("http://h.example", "http://h.example/a?b=c"), ("https://h.example", "/a?b=c")],
)
def test_proxy_is_asked_for_the_whole_address_and_gets_pools_of_ours(base_url, target):
    proxies = {"http": "http://p.example", "https": "http://p.example"}
    adapter = Adapter(7, "http://p.example")
    request = _request(base_url)
    pool = adapter.get_connection_with_tls_context(request, True, proxies)

    assert adapter.request_url(request, proxies) == target
    assert type(pool) in (Pool, TlsPool)
    assert pool.proxy.host == "p.example"
    adapter.close()
