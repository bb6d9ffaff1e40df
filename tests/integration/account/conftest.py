from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread
from typing import Any

import pytest

from conveyor import Conveyor
from conveyor.domain.dialect import Dialect
from conveyor.ledger import Ledger, Submission, scripts
from conveyor.ledger.claims import Claims
from conveyor.ledger.governor import Governor
from conveyor.ledger.keys import Keys
from conveyor.ledger.turnstile import Turnstile

KEYS = Keys()

ACCOUNT = "v2.convertapi.com"
SPACING_S = 5.0
LEASE_S = 15.0
HOLD_S = 7 * 24 * 3600.0
JOB = Submission("0" * 32, "http://x", Dialect.PATH, ACCOUNT)


class Clock:
    """The server's clock, as the scripts read it: it goes when a test says so."""

    def __init__(self, client):
        self._client = client
        self.now = 1_700_000_000.0
        self.go(0)

    def go(self, seconds):
        """Let seconds pass. Marks and turnstiles live by the server's own clock."""
        self.now += seconds
        self._client.set("{conveyor}:clock", f"{self.now:.6f}")


@pytest.fixture
def clock(client, monkeypatch):
    """A clock by hand. The scripts are the real ones, and so is the server."""
    read = scripts._read
    by_hand = """(function()
      return {string.match(redis.call('GET', '{conveyor}:clock'), '(%d+)%.(%d+)')}
    end)()"""
    monkeypatch.setattr(
        scripts, "_read", lambda name: read(name).replace("redis.call('TIME')", by_hand)
    )
    return Clock(client)


class Bells:
    """Counts the messages that are sent, and for which kind."""

    def __init__(self):
        self.rung = []

    def ring(self, kind, wait_s, at):
        self.rung.append((kind, wait_s))

    def count(self, kind="submit"):
        return sum(1 for it, _ in self.rung if it == kind)


# Two fleets of a test share the ledger.
_IDS = count(1)


class Fleet:
    """What workers do with the account's submits, step by step.

    Attributes:
        governor: The account's.
        bells: What has been rung.
    """

    def __init__(self, client, make, jobs=0, hold_s=HOLD_S):
        self.client = client
        self.bells = Bells()
        self.ledger = Ledger(client, self.bells)
        self.governor = Governor(client, ACCOUNT, SPACING_S, jobs)
        turnstile = Turnstile(client, SPACING_S, LEASE_S)
        self.claims = Claims(client, self.ledger, turnstile, self.governor, hold_s)
        self._make = make
        self._ids = _IDS

    def open(self, count=1):
        """Accept conversions; returns their ids."""
        ids = [f"c{next(self._ids):06}" for _ in range(count)]
        return [self.ledger.open(it, self._make.request).id for it in ids]

    def claim(self, limit=64):
        """What a bell brings."""
        return self.claims.submits(limit)

    def taken(self, limit=64):
        """The ids of what may go."""
        return [passed.entry.id for passed in self.claim(limit).passes]

    def post(self, passed):
        """The POST is under way; returns the entry."""
        return self.ledger.begin_submit(passed.entry, JOB, passed.entering)

    def start(self, passed):
        """The service has taken it; returns the entry."""
        return self.ledger.started(self.post(passed), JOB.job_id, 60, leaving=passed.leaving)

    def refuse(self, passed):
        """The service refuses the account; what was refused waits at the front."""
        entry = self.post(passed)
        self.governor.refused(entry.id)
        self.governor.hold("Refused.")
        self.ledger.put_back(entry, 0, "Refused.", held=True, leaving=passed.leaving)
        self.client.delete(KEYS.turnstile(entry.id))


@pytest.fixture
def conveyor(redis_url, tmp_path):
    with closing(Conveyor(broker_url=redis_url, storage_url=str(tmp_path / "files"))) as made:
        yield made


@pytest.fixture
def fleet_of(client, make):
    """A fleet whose account has at most so many jobs."""
    return partial(Fleet, client, make)


@pytest.fixture
def fleet(fleet_of, clock):
    return fleet_of()


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
