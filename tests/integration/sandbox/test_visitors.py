"""Any website can send to loopback: the sandbox takes no orders from there."""

from __future__ import annotations

import socket
import time
from contextlib import closing
from urllib.parse import urlsplit

import pytest
import requests

from convertapi_sandbox import SandboxConfig, SandboxServer, wire

EVIL = {"Origin": "https://evil.example"}


@pytest.fixture(scope="module")
def server():
    with SandboxServer(SandboxConfig(host_names=frozenset({"sandbox"}))) as running:
        yield running


def _ask(server, method, path, headers, **options):
    headers = {"Authorization": f"Bearer {server.secret}", **headers}
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, server.url + path, headers=headers, timeout=30, **options)


@pytest.mark.parametrize(
    "headers",
    [
        EVIL,
        {"Origin": "null"},
        {"Host": "rebound.example"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    ],
)
@pytest.mark.parametrize(
    "order",
    [
        ("POST", "/convert/md/to/html?File=x"),
        ("POST", "/async/convert/md/to/html?File=x"),
        ("POST", "/upload?Url=http://127.0.0.1:1/x"),
        ("GET", "/_audit"),
        ("POST", "/_reset"),
        ("GET", "/user"),
    ],
)
def test_a_website_orders_nothing_and_reads_nothing(server, headers, order):
    answer = _ask(server, *order, headers)

    assert answer.status_code == 403
    assert answer.text.count("\n") == 1
    assert server.audit()["requests"] == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8765", "sandbox:8090"])
def test_its_own_names_are_answered(server, host):
    assert _ask(server, "GET", "/_health", {"Host": host}).status_code == 200


def test_its_own_origin_is_answered(server):
    assert _ask(server, "GET", "/_health", {"Origin": server.url}).status_code == 200


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ({}, {"127.0.0.1"}),
        ({"host": "0.0.0.0"}, set()),
        ({"host": "::"}, set()),
        ({"host": "10.0.0.7"}, {"10.0.0.7"}),
        ({"host": "::1", "public_url": "https://box.example/x"}, {"[::1]", "box.example"}),
        ({"host": "0.0.0.0", "host_names": frozenset({"sandbox"})}, {"sandbox"}),
    ],
)
def test_its_names_are_those_it_was_given(config, names):
    assert SandboxConfig(**config).names == names


def test_a_body_that_goes_on_after_its_answer_ends_the_connection(server, monkeypatch):
    monkeypatch.setattr(wire, "_REST_S", 0.3)
    target = urlsplit(server.url)
    head = "POST /upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n"
    with closing(socket.create_connection((target.hostname, target.port), timeout=30)) as client:
        client.sendall(head.encode())
        assert client.recv(4096).startswith(b"HTTP/1.1 401 ")
        deadline = time.monotonic() + 30
        while _takes(client, b"x"):
            assert time.monotonic() < deadline, "the connection is still open"
            time.sleep(0.05)


def _takes(client, piece):
    try:
        client.sendall(piece)
    except OSError:
        return False
    return True
