from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from conveyor.ledger.keys import Keys

KEYS = Keys()

ACCOUNT = "v2.convertapi.com"
DATES = ("checked_at", "held_since", "throttled_until", "others_at", "well_at")


@pytest.fixture
def pass_time(client):
    """Let seconds pass on the server: every date in the account becomes so much older."""

    def go(seconds):
        for name in DATES:
            if client.hexists(KEYS.account(ACCOUNT), name):
                client.hincrbyfloat(KEYS.account(ACCOUNT), name, -seconds)

    return go


@pytest.fixture
def ids(make):
    return [make.queued().id for _ in range(3)]


@dataclass
class Service:
    """A service that answers as it is told.

    Attributes:
        url: Where it listens.
        answers: By method and path: the status and the JSON.
        seen: What was asked, with the credentials.
        refuses_strangers: Whether a request without credentials is answered with 401.
    """

    url: str
    answers: dict[tuple[str, str], tuple[int, Any]] = field(default_factory=dict)
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    refuses_strangers: bool = False

    def says(self, active=True, total=1000, consumed=10):
        """Have ``/user`` say how the account is."""
        self.answers["GET", "/user"] = (
            200,
            {"Active": active, "ConversionsTotal": total, "ConversionsConsumed": consumed},
        )

    def refuses(self, status=401, code=4011, path="/user", method="GET"):
        """Have an address refuse the credentials."""
        self.answers[method, path] = (
            status,
            {"Code": code, "Message": "Invalid user credentials."},
        )


@pytest.fixture
def service() -> Iterator[Service]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            path = self.path.partition("?")[0]
            bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if "chunked" in self.headers.get("Transfer-Encoding", ""):
                while size := int(self.rfile.readline(), 16):
                    self.rfile.read(size + 2)
                self.rfile.readline()
            made.seen.append((self.command, path, bearer))
            status, body = made.answers.get((self.command, path), (404, {}))
            if made.refuses_strangers and not bearer and self.command == "POST":
                status, body = 401, {"Code": 4013, "Message": "User credentials not set."}
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - as the library calls them

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Service(f"http://127.0.0.1:{server.server_port}")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield made
        server.shutdown()
        thread.join()
