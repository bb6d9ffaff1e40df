"""A receiver on loopback, which verifies with PyPI's `standardwebhooks` and can be down."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import standardwebhooks

from conveyor.callbacks.addresses import Networks, networks_of
from conveyor.callbacks.posting import Poster
from conveyor.callbacks.signing import keys_of
from conveyor.domain.terms import Terms
from conveyor.ledger import Ledger
from tests.integration.conftest import Make
from workers.notifying import Notifier

SECRET = "whsec_" + base64.b64encode(b"n" * 32).decode()
LOOPBACK = Networks(networks_of("127.0.0.0/8"))


@dataclass(frozen=True)
class Heard:
    """One request that a receiver got."""

    id: str
    host: str
    path: str
    said: dict


class Receiver:
    """A server on loopback.

    Attributes:
        heard: The requests that were verified and answered 2xx.
        tried: How many requests came, whatever was answered.
        status: What it answers.
        headers: More of the answer's head.
    """

    def __init__(self):
        self.heard, self.tried, self.status, self.headers = [], 0, 204, {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.take(self, body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def port(self):
        return self.server.server_port

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/hooks"

    def take(self, request, body):
        self.tried += 1
        standardwebhooks.Webhook(SECRET).verify(body, dict(request.headers))
        if self.status < 300:
            self.heard.append(
                Heard(
                    request.headers["webhook-id"],
                    request.headers["Host"],
                    request.path,
                    json.loads(body),
                )
            )
        request.send_response(self.status)
        for name, value in self.headers.items():
            request.send_header(name, value)
        request.end_headers()


@contextmanager
def served(receiver, wrap=None):
    if wrap:
        receiver.server.socket = wrap(receiver.server.socket)
    Thread(target=receiver.server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()


@pytest.fixture
def receiver():
    with served(Receiver()) as made:
        yield made


def poster(timeout_s=5.0, networks=LOOPBACK, **more):
    return Poster(networks, timeout_s, **{"allow_http": True, **more})


class Bells:
    """Notes the bells instead of sending them."""

    def __init__(self):
        self.rung = []

    def ring(self, kind, wait_s, at):
        self.rung.append((kind, wait_s))


class Fleet:
    """A ledger, and one worker's notifier, whose threads a test waits for."""

    def __init__(self, client, *, secret=SECRET, threads=4, per_receiver=4, posts=None):
        self.client = client
        self.ledger = Ledger(client, Bells())
        self.make = Make(self.ledger)
        self.notifier = Notifier(
            self.ledger.notices,
            posts or poster(),
            keys_of(secret),
            threads=threads,
            per_receiver=per_receiver,
        )

    def cancel(self, conversion_id, callback):
        """A conversion that has ended, with one notice."""
        self.ledger.cancelled(
            self.ledger.open(conversion_id, self.make.request, terms=Terms(callback=callback))
        )

    def notify(self):
        """A bell: what is due is sent, and waited for."""
        self.notifier.begin()
        assert self.notifier.drain(30)

    def step(self, seconds):
        """Let so much time pass, by moving every date of notices back."""
        step(self.client, seconds)


def step(client, seconds):
    """Let so much time pass for notices, by moving every date of theirs back."""
    for key in (*client.scan_iter("{conveyor}:notices*"), "{conveyor}:due:notify"):
        kind = client.type(key)
        if kind == "zset":
            for member, at in client.zrange(key, 0, -1, withscores=True):
                client.zadd(key, {member: at - seconds})
        if kind == "hash":
            moved = {
                name: float(text) - seconds
                for name, text in client.hgetall(key).items()
                if name.endswith((":at", ":since"))
            }
            client.hset(key, mapping=moved)
        if kind == "string":
            client.delete(key)


@pytest.fixture
def fleet(client):
    """Make a fleet of one worker."""

    def make_one(**ways):
        return Fleet(client, **ways)

    return make_one
