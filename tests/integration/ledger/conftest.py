"""A line to Valkey that can be cut at the worst moment, and all that it holds."""

from __future__ import annotations

import socket
import threading
from contextlib import closing

import pytest

from conveyor.ledger.keys import Keys

KEYS = Keys()


class LossyLine:
    """Passes bytes between a client and Valkey; loses one reply when told to.

    The command has run by then: what is lost is the answer alone.
    """

    def __init__(self, port):
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._lose_after = None
        self.lost = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def lose_the_reply_to(self, command):
        self._lose_after = command

    def close(self):
        self._listener.close()
        # What accept() waits for would keep the thread.
        self._thread.join(0.1)

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(near,), daemon=True).start()

    def _pass_on(self, near):
        with near, socket.create_connection(self._target) as far:
            while asked := near.recv(65536):
                far.sendall(asked)
                answered = far.recv(65536)
                if self._lose_after and self._lose_after in asked:
                    self._lose_after = None
                    self.lost += 1
                    return
                near.sendall(answered)


@pytest.fixture
def line(valkey_server, redis_url):
    with closing(LossyLine(valkey_server.port)) as made:
        yield made


@pytest.fixture
def url_through(line, valkey_server, redis_url):
    return redis_url.replace(f":{valkey_server.port}/", f":{line.port}/")


@pytest.fixture
def everything(client):
    """Look at all that Valkey holds of conversions."""
    read = {
        "hash": client.hgetall,
        "zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        "list": lambda key: client.lrange(key, 0, -1),
        "set": client.smembers,
        "string": client.get,
    }

    def look():
        found = ((key, client.type(key)) for key in client.scan_iter())
        # A key may expire while it is looked at.
        return {
            key: read[kind](key)
            for key, kind in found
            if kind in read and not key.startswith(KEYS.pace)
        }

    return look
