"""A receiver for developers: verifies each callback, prints a line, and forwards it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import typer

from conveyor.callbacks.signing import is_genuine
from conveyor.cli.text import one_line
from conveyor.errors import ConveyorError, InvalidRequest

__all__ = ["Listener"]

_MOST_BYTES: Final = 1024 * 1024
_PASSED_ON: Final = ("webhook-id", "webhook-timestamp", "webhook-signature", "content-type")
_FORWARD_S: Final = 10.0
_NOT_GENUINE: Final = 401
_NO_ANSWER: Final = 502
_RECEIVED: Final = 204


class Listener:
    """Listens on this machine's loopback alone.

    Args:
        port: The port; 0 for any that is free.
        keys: What callbacks are signed with.
        forward_to: Where a genuine one goes; empty for nowhere.

    Raises:
        InvalidRequest: It can't be forwarded there.
        ConveyorError: The port is in use.
    """

    def __init__(self, port: int, keys: Sequence[bytes], forward_to: str) -> None:
        if forward_to and urlsplit(forward_to).scheme not in {"http", "https"}:
            raise InvalidRequest(
                "Give --forward-to an http address, e.g. http://127.0.0.1:3000/hook."
            )
        self._keys = keys
        self._forward_to = forward_to
        self._session = requests.Session()
        self._session.trust_env = False
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler_of(self))
        except OSError as error:
            raise ConveyorError(
                f"Can't listen on port {port} ({error.strerror}). Choose another with --port."
            ) from None

    @property
    def url(self) -> str:
        """The address to give as ``callback``."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    def serve(self) -> None:
        """Serve until Ctrl-C."""
        try:
            self._server.serve_forever()
        except KeyboardInterrupt:
            pass
        finally:
            self.close()

    def close(self) -> None:
        """Give the port back."""
        self._server.server_close()
        self._session.close()

    def take(self, headers: Mapping[str, str], body: bytes) -> int:
        """Take one callback.

        Args:
            headers: Its header fields, by their names in lower case.
            body: Its body.

        Returns:
            The status to answer.
        """
        if not is_genuine(self._keys, headers, body, time.time()):
            typer.echo("refused\tthe signature is wrong, or older than five minutes")
            return _NOT_GENUINE
        status = self._forward(headers, body) if self._forward_to else _RECEIVED
        typer.echo(f"{_words(body)}\t{status}")
        return status

    def _forward(self, headers: Mapping[str, str], body: bytes) -> int:
        passed_on = {name: headers[name] for name in _PASSED_ON if name in headers}
        try:
            with self._session.post(
                self._forward_to,
                body,
                headers=passed_on,
                timeout=_FORWARD_S,
                allow_redirects=False,
                stream=True,
            ) as answer:
                return answer.status_code
        except requests.RequestException:
            return _NO_ANSWER


def _words(body: bytes) -> str:
    """What an event says, in one line."""
    said: Any = json.loads(body)
    data = said.get("data", {})
    failure = data.get("failure") or {}
    words = (said.get("type"), data.get("id"), failure.get("reason"))
    return "\t".join(one_line(str(word)) for word in words if word)


def _handler_of(listener: Listener) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Reads one request."""

        def do_POST(self) -> None:  # as http.server calls it
            """Take a callback."""
            length = self.headers.get("Content-Length", "")
            size = int(length) if length.isdecimal() and len(length) < len(str(_MOST_BYTES)) else 0
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(listener.take(headers, self.rfile.read(size)))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing: each event has its own line."""

    return Handler
