"""urllib3's pools of connections, which send a request once and follow nothing.

urllib3 serves every kind of caller. Here a request was prepared by us. So a direct one skips what
urllib3 does for others: retries, redirects, the look for a proxy.
"""

from __future__ import annotations

import errno
import http.client
from ssl import SSLError as BaseSSLError
from typing import Any, Final

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    MaxRetryError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util.ssl_match_hostname import CertificateError

from conveyor.convertapi.connections import Connection, TlsConnection

__all__ = ["Pool", "TlsPool"]

# The last is macOS' word for the first.
_REFUSED_HALF_WAY: Final = frozenset({errno.EPIPE, errno.ECONNRESET, errno.EPROTOTYPE})


class Pool(HTTPConnectionPool):
    """Connections to a host."""

    ConnectionCls = Connection

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
        if isinstance(conn, Connection):
            conn.let_go()
        super()._put_conn(conn)


class TlsPool(Pool, HTTPSConnectionPool):
    """The kept connections to one host over TLS."""

    ConnectionCls = TlsConnection


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
