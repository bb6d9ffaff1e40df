"""Runs against sandboxes over loopback sockets, as fast as they allow."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager

import pytest

from convertapi_sandbox import SandboxConfig, SandboxServer
from conveyor.live import Credential, Inquiry, Limits, Listener, inquire

SPACING_S = 0.1
#: Where two polls must meet within it, also on a busy machine.
WIDE_S = 0.5
#: How many polls of a run come too soon, on purpose.
_TOO_SOON = 2
_TIMES = 5


def run(
    url,
    spend=0,
    *,
    secret="sandbox",
    reader="",
    listener=None,
    job_s=20,
    exchange_s=20,
    spacing_s=SPACING_S,
):
    return inquire(
        Inquiry(
            base_url=url,
            credential=Credential(secret, reader or secret),
            spend=spend,
            limits=Limits(spacing=spacing_s, job=job_s, webhook=3 if listener else 0),
            listener=listener,
            exchange_s=exchange_s,
        )
    )


def run_in_time(serve, spend, listener):
    """A run against a server of its own, and what the server has counted.

    Two of its polls are to come too soon. A busy machine can hold one up until its time has come,
    and then the run says nothing about the rule: another is made.

    Args:
        serve: Makes the server.
        spend: As `run` has it.
        listener: As `run` has it.
    """
    for _ in range(_TIMES):
        with serve() as server:
            report = run(server.url, spend, listener=listener, spacing_s=WIDE_S)
            audit = server.audit()
        found = verdicts(report)
        is_answered = "does not hold" in (found["poll-early"], found["poll-together"])
        if not is_answered or audit["overlapping_polls"] + audit["early_polls"] >= _TOO_SOON:
            break
    return report, audit


def verdicts(report):
    return {fact.id: finding.verdict.value for fact, finding in report.findings}


def values(report):
    return {fact.id: finding.value for fact, finding in report.findings}


@contextmanager
def sandbox_of(spacing_s=SPACING_S, **options):
    with SandboxServer(SandboxConfig(spacing_s=spacing_s, **options)) as server:
        yield server


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Listener(f"http://127.0.0.1:{port}/hook", port) as made:
        yield made


class Rude(threading.Thread):
    """Answers each connection by what a function makes of its socket, whatever was asked."""

    def __init__(self, answer):
        super().__init__(daemon=True)
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.requests = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._listener.close()

    def run(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            try:
                self.requests.append(connection.recv(65536))
                self._answer(connection)
            except OSError:
                return


@pytest.fixture
def rude():
    return Rude
