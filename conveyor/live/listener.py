"""Waits for the service's webhooks on this machine, where a tunnel or a proxy brings them."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

from conveyor.errors import InvalidRequest
from conveyor.loopback import is_loopback

__all__ = ["Listener", "port_of"]

_MAX_BODY: Final = 64 * 1024
_MAX_CALLS: Final = 1000
_READ_S: Final = 5.0
_HOST: Final = "127.0.0.1"


def port_of(url: str) -> int | None:
    """The port that a webhook's address names where it is this machine's own, None elsewhere.

    Raises:
        InvalidRequest: It is no address that the service can call.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or parts.scheme not in {"http", "https"} or parts.query or parts.username:
        raise InvalidRequest("--webhook takes a URL without a query: https://example.com/hook")
    if parts.scheme == "http" and not is_loopback(host):
        raise InvalidRequest("--webhook must be https: the call brings a job id, which is a secret")
    return port if is_loopback(host) else None


class Listener:
    """Notes which jobs the service calls about, as a context manager.

    Args:
        url: The address that the service is given.
        port: Where its calls arrive on this machine.
    """

    def __init__(self, url: str, port: int) -> None:
        self.url = url
        self._called: set[str] = set()
        self._changed = threading.Condition()
        try:
            self._server = _Server((_HOST, port), _Handler)
        except OSError as error:
            raise InvalidRequest(
                f"cannot listen on {_HOST} port {port} ({error.strerror}): give another with "
                "--listen"
            ) from None
        self._server.listener = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="webhooks", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def was_called(self) -> bool:
        """Whether any call has come."""
        return bool(self._called)

    def note(self, job_id: str) -> None:
        """Note a call."""
        with self._changed:
            if len(self._called) < _MAX_CALLS:
                self._called.add(job_id)
            self._changed.notify_all()

    def wait_for(self, job_id: str, seconds: float) -> bool:
        """Wait for the call of a job.

        Args:
            job_id: The job's id.
            seconds: How long at most.

        Returns:
            Whether it came.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            while job_id not in self._called and (left := deadline - time.monotonic()) > 0:
                # In slices, so that Ctrl-C is heard everywhere.
                self._changed.wait(min(left, 0.2))
            return job_id in self._called


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    listener: Listener


class _Handler(BaseHTTPRequestHandler):
    """Takes a call in both forms: GET with ``?JobId=``, POST with JSON."""

    timeout = _READ_S
    server: _Server

    def do_GET(self) -> None:
        """Take the call of the query dialect."""
        query = parse_qs(urlsplit(self.path).query, max_num_fields=20)
        self._take(query.get("JobId", [""])[0])

    def do_POST(self) -> None:
        """Take the call of the path dialect."""
        length = self.headers.get("Content-Length", "0")
        size = int(length) if length.isdecimal() else 0
        try:
            body = json.loads(self.rfile.read(min(size, _MAX_BODY)))
        except (OSError, ValueError, RecursionError):
            body = None
        job_id = body.get("JobId") if isinstance(body, dict) else None
        self._take(job_id if isinstance(job_id, str) else "")

    def log_message(self, *_: Any) -> None:
        """Say nothing: the address holds a job id."""

    def _take(self, job_id: str) -> None:
        if job_id:
            self.server.listener.note(job_id)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
