"""One POST to a receiver: to the address that was checked, bounded as a whole.

The name is looked up once. The connection goes to the address that was checked, so a name that
changes its address in between leads nowhere. TLS still verifies the name. No proxy of the
environment is used, because a proxy would look the name up itself. A redirect is not followed.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

import certifi
import urllib3
from urllib3.util.request import make_headers
from urllib3.util.ssl_match_hostname import CertificateError

from conveyor.callbacks.addresses import (
    AddressRefused,
    Lookup,
    Networks,
    Unresolved,
    resolve,
)
from conveyor.convertapi.connections import Connection, TlsConnection
from conveyor.convertapi.deadline import Deadline
from conveyor.convertapi.exchange import CURRENT, Exchange
from conveyor.convertapi.head_values import retry_after_of
from conveyor.domain.callback import port_of, written_port
from conveyor.domain.notice import TryReason

__all__ = ["Answer", "Poster"]

_SETTING: Final = "CONVEYOR_CALLBACK_TIMEOUT_SECONDS"
_GONE: Final = 410
_OK: Final = range(200, 300)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a POST.

    Attributes:
        status: The HTTP status, 0 where there was none.
        reason: Why it has failed; None where the receiver has answered 2xx.
        error: The same in words. It quotes no part of the address.
        retry_after_s: How long the receiver wants to be left alone, seconds.
        took_s: How long it took, seconds.
    """

    status: int = 0
    reason: TryReason | None = None
    error: str = ""
    retry_after_s: float | None = None
    took_s: float = 0.0


class Poster:
    """Sends to receivers. Safe for threads.

    Args:
        networks: What may be reached beside public addresses.
        timeout_s: The longest that a POST takes as a whole, seconds.
        allow_http: Whether an address may be ``http://``.
        proxy: An http proxy to go through, empty for none. It looks names up, and decides what may
            be reached.
        lookup: Asks the name service.
    """

    def __init__(
        self,
        networks: Networks,
        timeout_s: float,
        *,
        allow_http: bool = False,
        proxy: str = "",
        lookup: Lookup = socket.getaddrinfo,
    ) -> None:
        self._networks = networks
        self._timeout_s = timeout_s
        self._allow_http = allow_http
        self._proxy = urlsplit(proxy) if proxy else None
        self._lookup = lookup

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send once. Whatever goes wrong is in the answer.

        Args:
            url: The address, as `conveyor.domain.callback` has it.
            headers: More of the head.
            body: The body.
        """
        began = time.monotonic()
        answer = self._answer_of(url, headers, body)
        took_s = time.monotonic() - began
        return Answer(answer.status, answer.reason, answer.error, answer.retry_after_s, took_s)

    def _answer_of(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        parts = urlsplit(url)
        if parts.scheme != "https" and not self._allow_http:
            return _failed(
                TryReason.HTTP_REFUSED, "the address is http (CONVEYOR_CALLBACK_ALLOW_HTTP)"
            )
        deadline = Deadline.after(self._timeout_s, _SETTING)
        post = _Post(parts, headers, body, deadline, self._proxy)
        try:
            addresses = self._addresses(parts)
        except AddressRefused:
            return _failed(
                TryReason.ADDRESS_REFUSED,
                "the host's address is not public (CONVEYOR_CALLBACK_NETWORKS)",
            )
        except Unresolved:
            return _failed(TryReason.UNRESOLVED, "the host's name has no address")
        answer = _failed(TryReason.UNREACHABLE, "no connection")
        for place, address in enumerate(addresses):
            # Of several addresses a dead one leaves time for the others.
            share_s = deadline.left_s / (len(addresses) - place)
            answer, was_sent = _send(post, address, share_s)
            if was_sent or deadline.is_over:
                break
        return answer

    def _addresses(self, parts: SplitResult) -> list[str]:
        """Where to connect to: the proxy, or the addresses that were checked."""
        if self._proxy is not None:
            return [self._proxy.hostname or ""]
        return resolve(parts.hostname or "", port_of(parts), self._networks, self._lookup)


@dataclass(frozen=True, slots=True)
class _Post:
    """What is sent, by when, and through what."""

    parts: SplitResult
    headers: Mapping[str, str]
    body: bytes
    deadline: Deadline
    proxy: SplitResult | None = None

    @property
    def port(self) -> int:
        """The port to connect to."""
        return port_of(self.proxy or self.parts)

    @property
    def target(self) -> str:
        """What is asked for. A proxy needs the whole address of what is not encrypted."""
        parts = self.parts
        path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        is_whole = self.proxy is not None and parts.scheme == "http"
        return f"http://{parts.netloc}{path}" if is_whole else path


def _send(post: _Post, address: str, connect_s: float) -> tuple[Answer, bool]:
    """Send to one address. Returns the answer, and whether a connection was made."""
    with Exchange(post.deadline, post.deadline.total_s) as exchange:
        token = CURRENT.set(exchange)
        connection = _connection(post, address, connect_s)
        try:
            fields = {**_fields(post.parts, post.headers), **_login(post)}
            connection.request("POST", post.target, post.body, fields)
            response = connection.getresponse()
            answer = _late(exchange) or _read(response.status, response.headers)
        except (OSError, HTTPException, ValueError, urllib3.exceptions.HTTPError) as error:
            answer = _failure_of(error, exchange)
        finally:
            CURRENT.reset(token)
            connection.close()
        return answer, exchange.is_connected


def _connection(post: _Post, address: str, connect_s: float) -> Connection:
    """A connection to the address, which verifies the name."""
    if post.parts.scheme == "http":
        return Connection(address, post.port, timeout=connect_s)
    host = post.parts.hostname or ""
    connection = TlsConnection(
        address,
        post.port,
        timeout=connect_s,
        ssl_context=_context(),
        server_hostname=host,
    )
    if post.proxy is not None:
        connection.set_tunnel(host, port_of(post.parts), _login_of(post.proxy))
    return connection


def _login(post: _Post) -> dict[str, str]:
    """What opens a proxy, where it sees the request itself."""
    sees = post.proxy is not None and post.parts.scheme == "http"
    return _login_of(post.proxy) if sees and post.proxy else {}


def _login_of(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    login = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return dict(make_headers(proxy_basic_auth=login))


@cache
def _context() -> ssl.SSLContext:
    """What verifies: the machine's authorities and those of browsers."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _fields(parts: SplitResult, headers: Mapping[str, str]) -> dict[str, str]:
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return {
        "Host": f"{host}{written_port(parts)}",
        "User-Agent": "Conveyor",
        "Content-Type": "application/json",
        "Accept": "*/*",
        "Connection": "close",
        **headers,
    }


def _read(status: int, head: Mapping[str, str]) -> Answer:
    """What a status means. Nobody needs the body, so nobody reads it."""
    if status in _OK:
        return Answer(status)
    reason = TryReason.GONE if status == _GONE else TryReason.STATUS
    return Answer(status, reason, f"the receiver answered {status}", retry_after_of(head))


def _failed(reason: TryReason, error: str) -> Answer:
    return Answer(0, reason, error)


def _late(exchange: Exchange) -> Answer | None:
    """A head that ends at the deadline looks whole, so the deadline is asked first."""
    if not (exchange.is_late or exchange.deadline.is_over):
        return None
    total_s = exchange.deadline.total_s
    return _failed(TryReason.TIMED_OUT, f"no whole answer after {total_s:g} s ({_SETTING})")


def _failure_of(error: Exception, exchange: Exchange) -> Answer:
    if late := _late(exchange):
        return late
    if isinstance(error, ssl.SSLError | urllib3.exceptions.SSLError | CertificateError):
        is_certificate = isinstance(error, CertificateError) or "CERTIFICATE_VERIFY_FAILED" in str(
            error
        )
        words = "the certificate can't be verified" if is_certificate else "no encrypted connection"
        return _failed(TryReason.TLS, words)
    is_timeout = isinstance(error, TimeoutError | urllib3.exceptions.TimeoutError)
    if is_timeout and not isinstance(error, urllib3.exceptions.NewConnectionError):
        return _failed(TryReason.TIMED_OUT, "no connection in time")
    if exchange.is_connected:
        return _failed(TryReason.UNREACHABLE, "the connection was lost")
    return _failed(TryReason.UNREACHABLE, "no connection")
