"""One POST: to the address that was checked, bounded as a whole."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from contextlib import closing, contextmanager, suppress

import pytest

from conveyor.callbacks import posting
from conveyor.callbacks.addresses import Networks, networks_of
from conveyor.callbacks.signing import headers_of, keys_of
from conveyor.domain.notice import TryReason
from tests.integration.callbacks.conftest import SECRET, Receiver, poster, served
from tests.tls import write_certificate

BODY = b'{"type":"conversion.succeeded"}'


def post(to, url, body=BODY):
    return to.post(url, headers_of(keys_of(SECRET), "msg_1", int(time.time()), body), body)


def found(*answers):
    """A name service that answers these addresses, one after the other, and notes the questions."""
    left = list(answers)
    asked = []

    def lookup(host, port, **_options):
        asked.append(host)
        return [(socket.AF_INET, 1, 6, "", (left.pop(0) if len(left) > 1 else left[0], port))]

    lookup.asked = asked
    return lookup


@contextmanager
def answering(talk):
    """A server for one connection, to which it does as told."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            near, _ = listener.accept()
            with near, suppress(OSError):
                near.recv(65536)
                talk(near)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


def test_receiver_is_called_by_its_name(receiver):
    answer = post(poster(lookup=found("127.0.0.1")), f"http://shop.example:{receiver.port}/a?b=1")

    assert (answer.status, answer.reason) == (204, None)
    (heard,) = receiver.heard
    assert (heard.host, heard.path) == (f"shop.example:{receiver.port}", "/a?b=1")


def test_name_is_looked_up_once_and_the_connection_goes_where_the_check_was(receiver):
    """DNS that changes between check and connection leads nowhere."""
    lookup = found("127.0.0.2", "127.0.0.1")
    to = poster(2, Networks(networks_of("127.0.0.2/32")), lookup=lookup)
    answer = post(to, f"http://shop.example:{receiver.port}/")

    assert answer.reason is TryReason.UNREACHABLE
    assert lookup.asked == ["shop.example"]
    assert receiver.tried == 0


def test_name_that_has_become_private_is_refused(receiver):
    to = poster(networks=Networks(), lookup=found("1.1.1.1", "127.0.0.1"))
    # As another process would have checked it.
    to._lookup("shop.example", 443)
    answer = post(to, f"http://shop.example:{receiver.port}/")

    assert answer.reason is TryReason.ADDRESS_REFUSED
    assert receiver.tried == 0


def test_loopback_is_refused_unless_it_is_allowed(receiver):
    assert post(poster(networks=Networks()), receiver.url).reason is TryReason.ADDRESS_REFUSED
    assert receiver.tried == 0


def test_http_is_refused_unless_it_is_allowed(receiver):
    assert post(poster(allow_http=False), receiver.url).reason is TryReason.HTTP_REFUSED
    assert receiver.tried == 0


def test_proxy_of_the_environment_is_not_used(receiver, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert post(poster(), receiver.url).status == 204


@pytest.mark.parametrize("status", [301, 307, 308])
def test_redirect_is_not_followed(receiver, status):
    receiver.status, receiver.headers = status, {"Location": "/elsewhere"}
    answer = post(poster(), receiver.url)

    assert (answer.status, answer.reason, receiver.tried) == (status, TryReason.STATUS, 1)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "999999999"}, 3600),
        ({"Retry-After": "soon"}, None),
    ],
)
def test_wish_to_wait_is_read_and_bounded(receiver, headers, wait_s):
    receiver.status, receiver.headers = 503, headers

    assert post(poster(), receiver.url).retry_after_s == wait_s


def test_410_is_gone(receiver):
    receiver.status = 410

    assert post(poster(), receiver.url).reason is TryReason.GONE


def _dribbled_head(near):
    near.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        near.sendall(b"X: y\r\n")
        time.sleep(0.02)


def _interim(near):
    while True:
        near.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")
        time.sleep(0.02)


def _silence(near):
    while near.recv(65536):
        pass


@pytest.mark.parametrize("talk", [_dribbled_head, _interim, _silence])
def test_slow_answer_ends_at_the_deadline(talk):
    with answering(talk) as url:
        answer = post(poster(0.3), url)

    assert answer.reason is TryReason.TIMED_OUT
    assert answer.took_s < 20


def test_body_that_never_ends_is_not_read():
    def endless(near):
        near.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
        near.recv(65536)

    with answering(endless) as url:
        assert post(poster(20), url).reason is None


def test_answer_that_is_none_is_a_lost_connection():
    with answering(lambda near: near.sendall(b"hello\r\n\r\n")) as url:
        assert post(poster(), url).reason is TryReason.UNREACHABLE


def test_nobody_there_is_unreachable():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert post(poster(), f"http://127.0.0.1:{port}/").reason is TryReason.UNREACHABLE


# -- TLS ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Key and certificate of shop.example, its own authority."""
    return write_certificate(tmp_path_factory.mktemp("tls") / "both.pem", "shop.example")


@pytest.fixture
def shop(certificate):
    """A receiver over TLS, which notes the names that clients ask for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    names = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    made = Receiver()
    made.names = names
    with served(made, lambda plain: context.wrap_socket(plain, server_side=True)):
        yield made


@pytest.fixture
def _is_trusted(certificate, monkeypatch):
    posting._context.cache_clear()
    monkeypatch.setattr(posting.certifi, "where", lambda: str(certificate))
    yield
    posting._context.cache_clear()


@pytest.mark.usefixtures("_is_trusted")
def test_tls_asks_for_the_name_and_verifies_it_at_the_checked_address(shop):
    answer = post(
        poster(allow_http=False, lookup=found("127.0.0.1")), f"https://shop.example:{shop.port}/h"
    )

    assert (answer.status, answer.error) == (204, "")
    assert shop.names == ["shop.example"]
    assert shop.heard[0].host == f"shop.example:{shop.port}"


@pytest.mark.usefixtures("_is_trusted")
def test_certificate_of_another_name_is_refused(shop):
    answer = post(poster(lookup=found("127.0.0.1")), f"https://other.example:{shop.port}/h")

    assert (answer.reason, answer.error) == (TryReason.TLS, "the certificate can't be verified")
    assert shop.heard == []


def test_certificate_of_an_unknown_authority_is_refused(shop):
    answer = post(poster(lookup=found("127.0.0.1")), f"https://shop.example:{shop.port}/h")

    assert answer.reason is TryReason.TLS
    assert shop.heard == []


# -- a proxy that is set --------------------------------------------------------------------------


class Proxy:
    """Passes on to one port, whatever name it is asked for, and notes the first lines."""

    def __init__(self, port):
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://user:pass%20word@127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with near, socket.create_connection(("127.0.0.1", self._port)) as far:
                head = near.recv(65536)
                self.asked.append(head.decode("latin-1"))
                if head.startswith(b"CONNECT"):
                    near.sendall(b"HTTP/1.1 200 Yes\r\n\r\n")
                else:
                    far.sendall(head)
                back = threading.Thread(target=_pass, args=(far, near))
                back.start()
                _pass(near, far)
                back.join()

    def close(self):
        self._listener.close()


def _pass(near, far):
    with suppress(OSError):
        while piece := near.recv(65536):
            far.sendall(piece)
        far.shutdown(socket.SHUT_WR)


@pytest.mark.usefixtures("_is_trusted")
def test_proxy_that_is_set_gets_the_name_and_never_the_message(shop):
    with closing(Proxy(shop.port)) as proxy:
        answer = post(
            poster(networks=Networks(), proxy=proxy.url, lookup=found()), "https://shop.example/h"
        )

    assert (answer.status, answer.error) == (204, "")
    (asked,) = proxy.asked
    assert asked.startswith("CONNECT shop.example:443 ")
    assert "proxy-authorization: Basic " in asked
    assert [(heard.host, heard.path) for heard in shop.heard] == [("shop.example", "/h")]


def test_proxy_that_is_set_takes_plain_http_whole(receiver):
    with closing(Proxy(receiver.port)) as proxy:
        answer = post(poster(networks=Networks(), proxy=proxy.url), "http://shop.example/h?a=b")

    assert proxy.asked[0].startswith("POST http://shop.example/h?a=b HTTP/1.1\r\n")
    assert answer.status == 204
