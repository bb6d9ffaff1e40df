"""What is sent to a receiver, and what each end of a POST is called."""

from __future__ import annotations

import socket
import ssl
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
import urllib3

from conveyor.callbacks import posting
from conveyor.callbacks.addresses import Networks, Unresolved, resolve
from conveyor.callbacks.posting import Answer, Poster
from conveyor.convertapi.exchange import CURRENT
from conveyor.domain.notice import TryReason
from tests.unit.conveyor.callbacks.lookups import finding

# By the receiver's address.
PORTS = {
    "https://shop.example/h": 443,
    "https://shop.example:8443/h": 8443,
    "http://shop.example/h": 80,
    "http://shop.example:8080/h": 8080,
}


def exchange(*, is_late=False, is_over=False, is_connected=False):
    deadline = SimpleNamespace(is_over=is_over, total_s=10.0)
    return SimpleNamespace(is_late=is_late, deadline=deadline, is_connected=is_connected)


CERTIFICATE = ssl.SSLCertVerificationError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed")
OTHER_NAME = urllib3.connection.CertificateError("hostname 'a' doesn't match 'b'")


@pytest.mark.parametrize(
    ("error", "reason", "words"),
    [
        (CERTIFICATE, TryReason.TLS, "the certificate can't be verified"),
        (OTHER_NAME, TryReason.TLS, "the certificate can't be verified"),
        (ssl.SSLError("wrong version number"), TryReason.TLS, "no encrypted connection"),
        (TimeoutError(), TryReason.TIMED_OUT, "no connection in time"),
        (urllib3.exceptions.ReadTimeoutError(None, "", ""), TryReason.TIMED_OUT, "in time"),
        (
            urllib3.exceptions.NewConnectionError(None, "refused"),
            TryReason.UNREACHABLE,
            "no connection",
        ),
        (ConnectionRefusedError(), TryReason.UNREACHABLE, "no connection"),
    ],
)
def test_end_without_an_answer_has_a_reason_in_words(error, reason, words):
    answer = posting._failure_of(error, exchange())

    assert (answer.status, answer.reason) == (0, reason)
    assert answer.error.endswith(words)


def test_connection_that_was_made_was_lost():
    answer = posting._failure_of(ConnectionResetError(), exchange(is_connected=True))

    assert (answer.reason, answer.error) == (TryReason.UNREACHABLE, "the connection was lost")


@pytest.mark.parametrize("ended", [{"is_late": True}, {"is_over": True}])
def test_deadline_comes_before_whatever_else_is_said(ended):
    answer = posting._failure_of(CERTIFICATE, exchange(**ended))

    assert answer.reason is TryReason.TIMED_OUT
    assert answer.error.startswith("no whole answer after 10 s")
    assert posting._late(exchange(**ended)) == answer


def test_answer_without_a_status_has_none():
    assert Answer().status == 0


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://shop.example/h", "shop.example"),
        ("https://shop.example:443/h", "shop.example"),
        ("https://shop.example:8443/h", "shop.example:8443"),
        ("http://shop.example:443/h", "shop.example:443"),
        ("https://[2606:4700::1]:8443/h", "[2606:4700::1]:8443"),
    ],
)
def test_head_names_host_sender_and_kind(url, host):
    fields = posting._fields(urlsplit(url), {"webhook-id": "msg_1"})

    assert fields == {
        "Host": host,
        "User-Agent": "Conveyor",
        "Content-Type": "application/json",
        "Accept": "*/*",
        "Connection": "close",
        "webhook-id": "msg_1",
    }


@pytest.mark.parametrize(
    ("url", "proxy", "is_told"),
    [
        ("http://shop.example/h", "http://me:hush@proxy:3128", True),
        ("https://shop.example/h", "http://me:hush@proxy:3128", False),
        ("http://shop.example/h", "http://proxy:3128", False),
        ("http://shop.example/h", "", False),
    ],
)
def test_proxys_login_goes_to_no_receiver(url, proxy, is_told):
    post = posting._Post(urlsplit(url), {}, b"", None, urlsplit(proxy) if proxy else None)

    assert posting._login(post) == (
        {"proxy-authorization": "Basic bWU6aHVzaA=="} if is_told else {}
    )


@pytest.mark.parametrize(("url", "port"), PORTS.items())
def test_receivers_port_is_its_urls_or_its_schemes(url, port):
    post = posting._Post(urlsplit(url), {}, b"", None)

    assert posting._connection(post, "127.0.0.1", 1.0).port == port


@pytest.mark.parametrize(
    ("url", "port"), [("https://shop.example/h", 443), ("https://shop.example:8443/h", 8443)]
)
def test_tunnel_leads_to_the_receivers_port(url, port):
    post = posting._Post(urlsplit(url), {}, b"", None, urlsplit("http://me:hush@proxy:3128"))
    connection = posting._connection(post, "127.0.0.1", 1.0)

    assert connection.port == 3128
    assert (connection._tunnel_host, connection._tunnel_port) == ("shop.example", port)
    assert connection._tunnel_headers == {"proxy-authorization": "Basic bWU6aHVzaA=="}


def test_each_address_of_several_has_its_share_of_the_time():
    post = posting._Post(urlsplit("http://shop.example/"), {}, b"", None)

    assert posting._connection(post, "127.0.0.1", 1.25).timeout == 1.25


def test_name_without_an_address_is_an_answer():
    def lookup(*_, **__):
        raise socket.gaierror

    answer = Poster(Networks(), 5.0, lookup=lookup).post("https://shop.example/", {}, b"")

    assert answer.reason is TryReason.UNRESOLVED
    assert answer.error == "the host's name has no address"


@pytest.mark.parametrize(("url", "port"), PORTS.items())
def test_addresses_are_asked_for_with_the_receivers_port(url, port):
    asked = []

    def lookup(host, port, **_):
        asked.append((host, port))
        raise socket.gaierror

    Poster(Networks(), 5.0, allow_http=True, lookup=lookup).post(url, {}, b"")

    assert asked == [("shop.example", port)]


@pytest.mark.parametrize(
    ("were_sent", "tried"), [([True], ["1.1.1.1"]), ([False, True], ["1.1.1.1", "1.1.1.2"])]
)
def test_callback_that_an_address_may_have_goes_to_no_other(monkeypatch, were_sent, tried):
    asked, answers = [], iter(were_sent)

    def send(_, address, __):
        asked.append(address)
        return Answer(503, TryReason.STATUS, "down"), next(answers)

    monkeypatch.setattr(posting, "_send", send)

    lookup = finding("1.1.1.1", "1.1.1.2", "1.1.1.3")
    assert Poster(Networks(), 5.0, lookup=lookup).post("https://s.example/", {}, b"").status == 503
    assert asked == tried


def test_one_row_for_each_address_is_asked_for():
    """Else each address comes once for each kind of socket."""
    asked = []

    def lookup(*about, **more):
        asked.append((about, more))
        return []

    with pytest.raises(Unresolved):
        resolve("[::1]", 443, Networks(), lookup)

    assert asked == [(("::1", 443), {"type": socket.SOCK_STREAM})]


def test_threads_next_exchange_is_not_taken_for_this_one():
    before = CURRENT.get(None)
    poster = Poster(Networks(), 5.0, allow_http=True, proxy="http://127.0.0.1:1")
    answer = poster.post("http://shop.example/", {}, b"")

    assert answer.reason is TryReason.UNREACHABLE
    assert CURRENT.get(None) is before
