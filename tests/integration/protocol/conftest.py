"""A server that answers as it is told, down to the bytes."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field

import pytest

from conveyor.convertapi.authorization import Auth
from conveyor.convertapi.client import ConvertApi
from conveyor.convertapi.credentials import FixedCredentials
from conveyor.convertapi.timeouts import Timeouts
from conveyor.convertapi.transport import Transport
from conveyor.domain.conversion import StoredFile

SECRET = "5ecr3t-of-the-account"

# Marks in a script of bytes.
RESET = object()  # end the connection by a reset
HANG = object()  # answer nothing more until the client goes


@dataclass
class Request:
    """What a client sent."""

    line: str
    headers: dict[str, str]
    body_size: int
    body: bytes = field(repr=False)


class ScriptedServer:
    """Each connection's next request gets the next script: bytes, pauses in seconds, marks.

    A part may also be an endless iterator of such parts: it is said until the client goes. Without
    a script left the last one is said again.
    """

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"http://{self.host}"
        self.scripts = []
        self.requests = []
        self.connections = 0
        self._ended = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def answer(self, *script):
        """Add a script."""
        self.scripts.append(script)

    def close(self):
        self._ended.set()
        self._listener.close()

    def _accept(self):
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near):
        with near, suppress(OSError), near.makefile("rb") as stream:
            while request := _read(stream):
                self.requests.append(request)
                script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
                if not self._say(near, script):
                    return

    def _say(self, near, script):
        for part in _flat(script):
            if part is RESET:
                near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            if part is HANG or self._ended.is_set():
                self._ended.wait(20)
                return False
            if isinstance(part, bytes):
                near.sendall(part)
            else:
                time.sleep(part)
        said = [part for part in script if isinstance(part, bytes)]
        return any(said) and not any(b"Connection: close" in part for part in said)


def _flat(script):
    for part in script:
        if isinstance(part, Iterator):
            yield from part
        else:
            yield part


def _read(stream):
    line = stream.readline().decode().strip()
    if not line:
        return None
    headers = {}
    while header := stream.readline().decode().strip():
        name, _, value = header.partition(": ")
        headers[name.lower()] = value
    size, body = 0, b""
    if headers.get("transfer-encoding") == "chunked":
        while length := int(stream.readline(), 16):
            size += len(stream.read(length))
            stream.readline()
        stream.readline()
    else:
        left = int(headers.get("content-length", 0))
        while left:
            piece = stream.read(min(left, 65536))
            body = (body + piece)[:65536]
            size, left = size + len(piece), left - len(piece)
    return Request(line, headers, size, body)


def http(status, body=b"", *headers, kind="application/json", length=None):
    """An answer that ends its connection, as bytes."""
    lines = [
        f"HTTP/1.1 {status} It",
        "Connection: close",
        *([f"Content-Type: {kind}"] if kind else []),
        f"Content-Length: {len(body) if length is None else length}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.fixture
def server():
    with closing(ScriptedServer()) as made:
        yield made


@pytest.fixture
def other_server():
    """One that is not the service's."""
    with closing(ScriptedServer()) as made:
        yield made


@pytest.fixture
def say():
    """Make answers."""
    return http


@pytest.fixture
def marks():
    return {"reset": RESET, "hang": HANG}


@pytest.fixture
def secret():
    return SECRET


@pytest.fixture
def api_of():
    """A client of a host; its time-outs a slow machine keeps, and who waits for one shortens it."""

    def make(url, secret=SECRET, auth=Auth.HEADER, **timeouts):
        bounds = {"connect": 5.0, "read": 10.0, "total": 20.0, "transfer": 20.0, **timeouts}
        credentials = FixedCredentials(secret)
        return ConvertApi(Transport(url, credentials, auth=auth, timeouts=Timeouts(**bounds)))

    return make


@pytest.fixture
def api(server, api_of):
    return api_of(server.url)


@pytest.fixture
def keep():
    def keeper(name, chunks):
        data = b"".join(chunks)
        return StoredFile(name, f"memory://{name}", len(data), "00")

    return keeper
