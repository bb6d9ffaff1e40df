"""urllib3's connections, bound to the exchange that they work for, and `requests`' adapter of them.

Every step that may wait is bounded by the exchange's deadline: TLS, a proxy's tunnel, the request,
the head with whatever comes before it, the body, the trailers.
"""

from __future__ import annotations

import http.client
import socket
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError

from conveyor.protocol.deadline import CURRENT, Exchange, Lever

__all__ = ["Adapter"]

_SWITCHING: Final = 101
_INTERIM: Final = range(100, 200)


class _Head(http.client.HTTPResponse):
    """Reads an answer's head, past every interim answer.

    http.client passes over 100 alone. It would take a 102 or 103 for the answer, and leave the real
    one in the connection, for the next request.
    """

    def begin(self) -> None:
        """Read the head. urllib3 would log what is malformed in it together with the whole URL."""
        super().begin()
        self.msg.defects = []
        self.msg.set_payload("")

    def _read_status(self) -> tuple[str, int, str]:
        exchange = CURRENT.get()
        if self.fp.peek(1) and exchange is not None:
            exchange.is_answered = True
        version, status, reason = super()._read_status()  # type: ignore[misc] # not in the stubs
        is_interim = status in _INTERIM and status != _SWITCHING
        return version, http.client.CONTINUE if is_interim else status, reason


class _Connection(HTTPConnection):
    """A connection that its exchange can shut."""

    _head: _Head | None = None
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

    def request(self, *args: Any, **options: Any) -> None:
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
        super().request(*args, **options)

    def _check_time(self, exchange: Exchange | None) -> None:
        if exchange is not None and exchange.deadline.is_late_to_begin:
            raise ConnectTimeoutError(self, "it is too late to begin")

    def getresponse(self) -> Any:
        """Read an answer's head."""
        if self._exchange is not None:
            self._exchange.sent()
        try:
            return super().getresponse()
        except BaseException:
            # urllib3 leaves a head that it refuses open, and with it the socket.
            if self._head is not None:
                self._head.close()
            raise
        finally:
            self._head = None

    def response_class(self, *args: Any, **options: Any) -> _Head:  # type: ignore[override]
        """Make what reads the answer: http.client asks for it by this name."""
        self._head = _Head(*args, **options)
        return self._head

    def close(self) -> None:
        """Close it; the answer that is being read from it stays bounded."""
        lever, self._lever = self._lever, None
        super().close()
        if lever is not None and not (self._exchange and self._exchange.inherit(lever)):
            lever.close()

    def let_go(self) -> None:
        """End the exchange before somebody else gets this connection."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.end()


class _TlsConnection(_Connection, HTTPSConnection):
    """The same over TLS."""

    def _tunnel(self) -> None:
        """Ask a proxy for a way through. To http.client a head that breaks off is a whole one."""
        super()._tunnel()
        if self._exchange is not None and self._exchange.is_late:
            raise TimeoutError("the deadline is over")


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection

    def _put_conn(self, conn: Any) -> None:
        _let_go(conn)
        super()._put_conn(conn)


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection

    def _put_conn(self, conn: Any) -> None:
        _let_go(conn)
        super()._put_conn(conn)


def _let_go(connection: Any) -> None:
    if isinstance(connection, _Connection):
        connection.let_go()


_POOLS: Final = {"http": _Pool, "https": _TlsPool}


class Adapter(HTTPAdapter):
    """`requests`' adapter over these connections.

    Args:
        pool_size: Connections kept open to each host.
    """

    def __init__(self, pool_size: int) -> None:
        super().__init__(pool_connections=4, pool_maxsize=pool_size, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = dict(_POOLS)

    def proxy_manager_for(self, proxy: Any, **options: Any) -> Any:
        """Make the pools of connections through a proxy."""
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = dict(_POOLS)
        return manager

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """Wrap an answer. Unlike `requests` this reads no cookies, and so none that are malformed.

        Args:
            req: The request.
            resp: urllib3's answer.
        """
        response = requests.Response()
        response.status_code = resp.status
        response.headers = CaseInsensitiveDict(resp.headers)
        response.raw = resp
        response.request = req
        return response
