from __future__ import annotations

import socket

import pytest
import requests

from conveyor.errors import InvalidRequest
from conveyor.live.listener import Listener, port_of

JOB = "0" * 32


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Listener(f"http://127.0.0.1:{port}/hook", port) as made:
        yield made


def test_both_forms_of_a_call_are_taken(listener):
    assert requests.get(listener.url, params={"JobId": "a"}, timeout=30).status_code == 200
    assert requests.post(listener.url, json={"JobId": "b"}, timeout=30).status_code == 200
    assert listener.wait_for("a", 30)
    assert listener.wait_for("b", 30)
    assert not listener.wait_for("c", 0)


@pytest.mark.parametrize(
    "content", [b"", b"null", b"[" * 50_000, b'{"JobId": 1}', b"\xff", b'"x"', b"{}"]
)
def test_request_that_is_not_a_webhook_is_answered_and_not_counted(listener, content):
    assert requests.post(listener.url, data=content, timeout=30).status_code == 200
    assert not listener.was_called


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://127.0.0.1:8766/x", 8766),
        ("http://localhost:1", 1),
        ("https://example.com/hook", None),
        ("https://example.com:8443/hook", None),
        ("http://127.0.0.1/x", None),
    ],
)
def test_only_an_address_of_this_machine_names_the_port(url, port):
    assert port_of(url) == port


@pytest.mark.parametrize(
    "url",
    ["", "x", "http://example.com", "https://u:p@example.com", "https://x/?y", "http://[x"],
)
def test_an_address_that_the_service_can_not_call_is_refused(url):
    with pytest.raises(InvalidRequest, match="--webhook"):
        port_of(url)
