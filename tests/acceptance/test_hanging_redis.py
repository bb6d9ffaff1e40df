"""A Redis that hangs shows within three seconds; one that is slow is waited for."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from threading import Thread

import pytest

from conveyor import Conveyor, ConveyorError
from conveyor.ledger.keys import Keys
from workers.local.ports import LOOPBACK
from workers.local.stack import LocalStack
from workers.local.valkey import Valkey

MOST_S = 3.0
SLOW_S = 0.5
UNAVAILABLE = 503


@pytest.fixture(scope="module")
def stack():
    with LocalStack(
        workers=0, web=True, sandbox_options=(), web_settings={"WEB_REQUESTS_PER_MINUTE": "0"}
    ) as running:
        yield running


@contextmanager
def _hanging(process):
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


CALLS = {
    "convert": lambda conveyor: conveyor.convert("https://example.com/a.docx", to="pdf"),
    "convert_with_key": lambda conveyor: conveyor.convert(
        "https://example.com/a.docx", to="pdf", idempotency_key="k"
    ),
    "get": lambda conveyor: conveyor.get("none"),
    "cancel": lambda conveyor: conveyor.cancel("none"),
    "list": lambda conveyor: conveyor.list(),
    "stage": lambda conveyor: conveyor.stage("a.md", [b"# Words\n"]),
    "fleet": lambda conveyor: conveyor.fleet(),
}


def _seconds(call):
    began = time.monotonic()
    call()
    return time.monotonic() - began


@pytest.mark.parametrize("connected", [True, False], ids=["connected", "not_connected"])
@pytest.mark.parametrize("name", CALLS)
def test_redis_that_hangs_shows_in_the_library_within_3_seconds(stack, name, connected):
    with closing(stack.conveyor()) as conveyor:
        if connected:
            conveyor.convert("https://example.com/a.docx", to="pdf")

        def fails():
            with pytest.raises(ConveyorError):
                CALLS[name](conveyor)

        with _hanging(stack.valkey.process):
            assert _seconds(fails) < MOST_S


def _wait_until_no_bell_is_on_its_way(conveyor):
    deadline = time.monotonic() + 60
    while conveyor.ledger.client.exists(Keys().bell("submit")):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_broker_alone_that_hangs_shows_within_3_seconds_and_nothing_was_accepted(stack):
    with Valkey() as broker, closing(_with_broker(stack, broker.url())) as conveyor:
        conveyor.convert("https://example.com/a.docx", to="pdf")
        before = len(conveyor.list().conversions)
        # While its bell is on its way no other is sent: the sweep rings for what is accepted.
        _wait_until_no_bell_is_on_its_way(conveyor)

        def fails():
            with pytest.raises(ConveyorError, match="not accepted"):
                CALLS["convert"](conveyor)

        with _hanging(broker.process):
            assert _seconds(fails) < MOST_S
        assert len(conveyor.list().conversions) == before


REQUESTS = {
    "convert": ("POST", "/conversions", {"source": "https://example.com/a.docx", "to": "pdf"}),
    "look": ("GET", "/conversions/none", None),
    "list": ("GET", "/conversions", None),
    "readiness": ("GET", "/readyz", None),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_redis_that_hangs_shows_over_http_within_3_seconds(stack, name):
    method, path, body = REQUESTS[name]
    request = urllib.request.Request(
        f"{stack.web_url}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
        method=method,
    )

    def is_refused():
        with pytest.raises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(request, timeout=60)
        with raised.value as answer:
            assert answer.status == UNAVAILABLE

    with _hanging(stack.valkey.process):
        assert _seconds(is_refused) < MOST_S


class Slow:
    """Passes each answer on after a while."""

    def __init__(self, target):
        self._target = target
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = self._listener.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            Thread(target=self._pass_on, args=(near,), daemon=True).start()

    def _pass_on(self, near):
        with near, socket.create_connection((LOOPBACK, self._target)) as far:
            while asked := near.recv(65536):
                far.sendall(asked)
                answered = far.recv(65536)
                time.sleep(SLOW_S)
                near.sendall(answered)


def test_redis_that_takes_half_a_second_for_each_answer_is_waited_for(stack, tmp_path):
    with closing(Slow(stack.valkey.port)) as slow:
        url = stack.broker_url.replace(f":{stack.valkey.port}/", f":{slow.port}/")
        with closing(Conveyor(broker_url=url, storage_url=tmp_path.as_uri())) as conveyor:
            handle = conveyor.convert("https://example.com/a.docx", to="pdf")
            assert conveyor.get(handle.id).state == "queued"


def _with_broker(stack, broker_url):
    settings = stack.settings()
    return Conveyor(
        broker_url=broker_url,
        redis_url=settings["REDIS_URL"],
        storage_url=settings["STORAGE_URL"],
    )
