"""urllib3's connections, bound to the exchange that they work for, and `requests`' adapter of them.

Every step that may wait is bounded by the exchange's deadline: TLS, a proxy's tunnel, the request,
the head with whatever comes before it, the body, the trailers.

`requests` and urllib3 serve every kind of caller. Here a request is sent once, follows nothing, and
was prepared by us. So a direct request skips what they do for others: parsing, retries, redirects,
cookies, the look for a proxy. Pools, TLS, proxies, bodies and their encodings stay theirs.
"""

from __future__ import annotations

import errno
import http.client
import socket
from ssl import SSLError as BaseSSLError
from typing import Any, Final

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    MaxRetryError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util.ssl_match_hostname import CertificateError

from conveyor.convertapi.exchange import CURRENT, Exchange, Lever
from conveyor.convertapi.heads import Head
from conveyor.convertapi.origins import Origin
from conveyor.convertapi.prepared import Fields, Request

__all__ = ["Adapter"]

_MOST_POOLS: Final = 16
# The last is macOS' word for the first.
_REFUSED_HALF_WAY: Final = frozenset({errno.EPIPE, errno.ECONNRESET, errno.EPROTOTYPE})
_ONE_PIECE_BYTES: Final = 64 * 1024


class _Connection(HTTPConnection):
    """A connection that its exchange can shut."""

    _head: Head | None = None
    _exchange: Exchange | None = None
    _lever: Lever | None = None

    def _new_conn(self) -> socket.socket:
        exchange = CURRENT.get()
        self._check_time(exchange)
        made = super()._new_conn()
        self._exchange, self._lever = exchange, Lever(made)
        if exchange is not None:
            exchange.hold(self._lever)
        return made

    def request(
        self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any
    ) -> None:
        """Connect if need be, then send a request."""
        if self.sock is None:
            self.connect()
        self._exchange = exchange = CURRENT.get()
        # Once more: this process may have been stopped meanwhile, or has had no need to connect.
        self._check_time(exchange)
        if exchange is not None:
            if self._lever is not None:
                exchange.hold(self._lever)
            exchange.sent()
            self.timeout = min(exchange.pause_s, exchange.deadline.left_s)
        if isinstance(headers, Fields):
            self._write(method, url, headers, body)
        else:
            super().request(method, url, body, headers, **options)

    def _write(self, method: str, target: str, fields: Fields, body: bytes | None) -> None:
        """Send what was prepared."""
        self.sock.settimeout(self.timeout)
        self.putrequest(method, target, skip_accept_encoding=True)
        self._output(fields.block)  # type: ignore[attr-defined] # not in the stubs
        self.endheaders(body)

    def _send_output(self, message_body: Any = None, encode_chunked: bool = False) -> None:
        """Send a head, and a small body in the same piece."""
        if not isinstance(message_body, bytes) or len(message_body) > _ONE_PIECE_BYTES:
            super()._send_output(message_body, encode_chunked)  # type: ignore[misc] # the same
            return
        pieces: list[bytes] = self._buffer  # type: ignore[attr-defined] # the same
        whole = b"\r\n".join((*pieces, b"", message_body))
        pieces.clear()
        self.send(whole)

    def _check_time(self, exchange: Exchange | None) -> None:
        if exchange is not None and exchange.deadline.is_late_to_begin:
            raise ConnectTimeoutError(self, "the deadline passed before it began")

    def getresponse(self) -> Any:
        """Read an answer's head."""
        if self._exchange is not None:
            self._exchange.sent()
        self.sock.settimeout(self.timeout)
        try:
            head: Any = http.client.HTTPConnection.getresponse(self)
        except BaseException:
            # http.client leaves a head that it refuses open, and with it the socket.
            if self._head is not None:
                self._head.close()
            raise
        finally:
            self._head = None
        return urllib3.HTTPResponse(
            head,
            head.fields,
            head.status,
            head.version,
            reason=head.reason,
            preload_content=False,
            original_response=head,
        )

    def response_class(self, *args: Any, **options: Any) -> Head:  # type: ignore[override]  # our own
        """Make what reads the answer: http.client asks for it by this name."""
        self._head = Head(*args, **options)
        return self._head

    def close(self) -> None:
        """Close it; the answer that is being read from it stays bounded."""
        lever, self._lever = self._lever, None
        super().close()
        if lever is not None and not (self._exchange and self._exchange.inherit(lever)):
            lever.close()

    def let_go(self) -> None:
        """End the exchange before another request gets this connection."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.end()


class _TlsConnection(_Connection, HTTPSConnection):
    """A connection over TLS."""

    def _tunnel(self) -> None:
        """Ask a proxy for a way through. To http.client a head that breaks off is a whole one."""
        super()._tunnel()
        if self._exchange is not None and self._exchange.is_late:
            raise TimeoutError("the deadline has passed")


class _Pool(HTTPConnectionPool):
    """Connections to a host."""

    ConnectionCls = _Connection

    def urlopen(  # type: ignore[override] # urllib3's has options that nobody gives
        self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any
    ) -> Any:
        """Send a request once, and read its answer's head."""
        if self.proxy is not None:
            return super().urlopen(method, url, body, headers, **options)
        connection = self._get_conn()
        try:
            response = self._ask(connection, method, url, body, headers, **options)
        except BaseException:
            connection.close()
            self._put_conn(None)
            raise
        response._connection, response._pool = connection, self  # noqa: SLF001 - as urllib3 does
        return response

    def _ask(
        self, connection: Any, method: str, url: str, body: Any, headers: Any, **options: Any
    ) -> Any:
        """Ask by a connection. Errors are those that urllib3 would raise."""
        timeout = options["timeout"]
        try:
            connection.timeout = timeout.connect_timeout
            _send(connection, method, url, body, headers, chunked=options["chunked"])
            connection.timeout = timeout.read_timeout
            return connection.getresponse()
        except (BaseSSLError, CertificateError) as error:
            raise MaxRetryError(self, url, SSLError(error)) from error
        except ConnectTimeoutError as error:
            raise MaxRetryError(self, url, error) from error
        except TimeoutError as error:
            raise ReadTimeoutError(self, url, "it took too long") from error
        except (OSError, http.client.HTTPException) as error:
            raise ProtocolError("Connection aborted.", error) from error

    def _put_conn(self, conn: Any) -> None:
        if isinstance(conn, _Connection):
            conn.let_go()
        super()._put_conn(conn)


class _TlsPool(_Pool, HTTPSConnectionPool):
    """The kept connections to one host over TLS."""

    ConnectionCls = _TlsConnection


def _send(
    connection: Any, method: str, url: str, body: Any, headers: Any, *, chunked: bool
) -> None:
    """Send a request. One that is refused half-way may have been answered all the same."""
    if connection.is_closed:
        connection.connect()
    try:
        connection.request(method, url, body, headers, chunked=chunked)
    except OSError as error:
        if error.errno not in _REFUSED_HALF_WAY:
            raise


_POOLS: Final = {"http": _Pool, "https": _TlsPool}


class Adapter(HTTPAdapter):
    """`requests`' adapter over these connections, which sends a `Request`.

    Args:
        pool_size: Connections kept open to each host.
        proxy: An http proxy to go through, empty for none.
    """

    def __init__(self, pool_size: int, proxy: str = "") -> None:
        super().__init__(pool_connections=4, pool_maxsize=pool_size, max_retries=0)
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._pools: dict[Origin, Any] = {}

    def send(  # type: ignore[override]  # our requests are no `requests.PreparedRequest`
        self, request: Request, **options: Any
    ) -> requests.Response:
        """Send a request, and read its answer's head.

        Args:
            request: The request.
            options: ``timeout``, as `requests` takes it.
        """
        return super().send(request, stream=True, proxies=self._proxies, **options)

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._pools.clear()
        super().close()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = dict(_POOLS)

    def proxy_manager_for(self, proxy: Any, **options: Any) -> Any:
        """Make the pools of connections through a proxy."""
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = dict(_POOLS)
        return manager

    def get_connection_with_tls_context(  # type: ignore[override] # it takes what `send` is given
        self, request: Request, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """Find the connections to a host, and have them verify it."""
        pool = self._pools.get(request.origin)
        if pool is None:
            pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
            super().cert_verify(pool, request.url, verify, cert)
            if len(self._pools) >= _MOST_POOLS:
                self._pools.clear()
            self._pools[request.origin] = pool
        return pool

    def cert_verify(self, *args: Any, **options: Any) -> None:
        """Do nothing: how to verify was set when the connections were made."""

    def request_url(self, request: Request, proxies: Any) -> str:  # type: ignore[override] # the same
        """The request target: the whole URL for a proxy, otherwise the path."""
        return super().request_url(request, proxies) if proxies else request.target

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """Wrap an answer. Unlike `requests` this reads no cookies, and so none that are malformed.

        Args:
            req: The request.
            resp: urllib3's answer.
        """
        response = _Response()
        response.status_code = resp.status
        response.headers = resp.headers
        response.raw = resp
        response.request = req
        return response


class _Response(requests.Response):
    """An answer without a jar for cookies."""

    def __init__(self) -> None:
        self._content = False  # type: ignore[assignment] # as `requests` has it
        self._content_consumed = False
