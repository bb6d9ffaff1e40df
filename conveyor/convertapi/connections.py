"""urllib3's connections, bound to the exchange that they work for.

Every step that may wait is bounded by the exchange's deadline: TLS, a proxy's tunnel, the request,
the head with whatever comes before it, the body, the trailers.
"""

from __future__ import annotations

import http.client
import socket
from typing import Any, Final

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError

from conveyor.convertapi.exchange import CURRENT, Exchange, Lever
from conveyor.convertapi.heads import Head
from conveyor.convertapi.prepared import Fields

__all__ = ["Connection", "TlsConnection"]

_ONE_PIECE_BYTES: Final = 64 * 1024


class Connection(HTTPConnection):
    """A connection that its exchange can shut."""

    # What reads an answer's head: http.client asks for it by this name.
    response_class = Head
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

    def _send_output(self, message_body: Any, encode_chunked: bool) -> None:
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
        head: Any = http.client.HTTPConnection.getresponse(self)
        return urllib3.HTTPResponse(
            head,
            head.fields,
            head.status,
            head.version,
            reason=head.reason,
            preload_content=False,
            original_response=head,
        )

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


class TlsConnection(Connection, HTTPSConnection):
    """A connection over TLS."""

    def _tunnel(self) -> None:
        """Ask a proxy for a way through. To http.client a head that breaks off is a whole one."""
        super()._tunnel()
        if self._exchange is not None and self._exchange.is_late:
            raise TimeoutError("the deadline has passed")
