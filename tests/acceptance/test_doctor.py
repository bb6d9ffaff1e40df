"""What `conveyor doctor` says of workers that do not answer, and of answers that do not come."""

from __future__ import annotations

import socket
import sys
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from conveyor import Conveyor
from conveyor.diagnosis.doctor import examine
from conveyor.domain.conversion import State
from local_stack.process import Child
from local_stack.stack import LocalStack, consumes

BOUND_S = 10.0
# What the machine may be late by, when eight others work on it.
LATE_S = 5.0
PATIENCE_S = 120.0
BUSY = "all its 1 slots are busy with conveyor.deliver"


@pytest.fixture(scope="module")
def stack():
    with LocalStack(workers=1, concurrency=2) as running:
        yield running


@pytest.fixture(scope="module")
def silent():
    """A port that takes connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener.getsockname()[1]


class _Document(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"# Words")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def document_url():
    with ThreadingHTTPServer(("127.0.0.1", 0), _Document) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/a.md"
        server.shutdown()


def _examined(conveyor, **options):
    begun = time.monotonic()
    checks = examine(conveyor, **options)
    assert time.monotonic() - begun < BOUND_S + LATE_S
    return checks


def _only(checks, name, where=None):
    (found,) = [it for it in checks if it.name == name and where in (None, it.where)]
    return found


def _of(stack, **changed):
    settings = stack.settings()
    given = {
        "broker_url": settings["BROKER_URL"],
        "redis_url": settings["REDIS_URL"],
        "result_backend": settings["RESULT_BACKEND"],
        "storage_url": settings["STORAGE_URL"],
    }
    return Conveyor(**{**given, **changed})


def test_round_trip_goes_to_a_worker_and_back(conveyor):
    checks = _examined(conveyor)

    assert [check.detail for check in checks if not check.ok] == []
    assert "a result came back through redis://" in _only(checks, "results").detail
    assert _only(checks, "worker").where == "worker-1@localhost"


def test_result_backend_of_the_application_is_not_the_workers(stack):
    with closing(_of(stack, result_backend=stack.valkey.url(5))) as conveyor:
        checks = _examined(conveyor)

    assert _only(checks, "worker").ok
    results = _only(checks, "results")
    assert not results.ok
    assert "is not the workers'" in results.detail
    assert f":{stack.valkey.port}/5" in results.detail
    assert stack.valkey.password not in results.detail


def test_result_backend_that_is_down_is_named(stack):
    with closing(_of(stack, result_backend="redis://127.0.0.1:1/0")) as conveyor:
        checks = _examined(conveyor)

    assert _only(checks, "worker").ok
    assert not _only(checks, "results").ok
    assert "refused the connection" in _only(checks, "results").detail


def test_worker_of_another_ledger_is_told_apart(stack):
    with closing(_of(stack, redis_url=stack.valkey.url(6))) as conveyor:
        checks = _examined(conveyor)

    assert _only(checks, "worker").ok
    ledger = _only(checks, "ledger")
    assert not ledger.ok
    assert "CONVEYOR_REDIS_URL" in ledger.detail


def test_own_storage_that_hangs_takes_nothing_from_the_workers_answer(stack, silent):
    with closing(_of(stack, storage_url=f"webhdfs://127.0.0.1:{silent}/files")) as conveyor:
        checks = _examined(conveyor)

    assert [check.name for check in checks if not check.ok] == ["storage"]
    assert "It hangs" in _only(checks, "storage", "here").detail
    assert _only(checks, "worker").ok
    assert _only(checks, "storage", "worker-1@localhost").ok


def test_own_redis_that_hangs_takes_nothing_from_the_workers_answer(stack, silent):
    with closing(_of(stack, redis_url=f"redis://127.0.0.1:{silent}/0")) as conveyor:
        checks = _examined(conveyor)

    assert "did not answer in time" in _only(checks, "redis").detail
    assert _only(checks, "worker").ok
    assert _only(checks, "results").ok


def test_storage_of_a_worker_that_hangs_is_named_and_the_rest_reported(silent, document_url):
    # Each result is a task's: what a thread of the crew delivers takes no slot.
    hanging = {"STORAGE_URL": f"webhdfs://127.0.0.1:{silent}/files", "SMALL_BYTES": "0"}
    with LocalStack(workers=1, concurrency=1, settings=hanging) as stack:
        with closing(_of(stack, storage_url=str(stack.directory / "here"))) as conveyor:
            checks = _examined(conveyor)
            worker = "worker-1@localhost"
            assert _only(checks, "worker", worker).ok
            assert not _only(checks, "storage", worker).ok
            assert "It hangs" in _only(checks, "storage", worker).detail
            assert _only(checks, "api", worker).ok
            assert _only(checks, "clock", worker).ok

            _fill_its_slots(conveyor, document_url)
            checks = _until_it_is_busy(conveyor, worker_timeout_s=1)
            assert BUSY in _only(checks, "worker", worker).detail
            assert "It hangs" in _only(checks, "storage", worker).detail

        hanging = _of(
            stack,
            storage_url=f"webhdfs://127.0.0.1:{silent}/files",
            redis_url=f"redis://127.0.0.1:{silent}/0",
        )
        with closing(hanging) as conveyor:
            _until_it_is_busy(conveyor)
        for child in stack.workers:
            child.kill()


def _until_it_is_busy(conveyor, **options):
    """Look until the worker says that its slot is busy, and return what was seen then.

    It may be silent for once, on a busy machine. And a delivery gives up after some time: the slot
    is free until the next try.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        checks = _examined(conveyor, **options)
        workers = [it for it in checks if (it.name, it.where) == ("worker", "worker-1@localhost")]
        if any(BUSY in it.detail for it in workers):
            return checks
        assert time.monotonic() < deadline, checks


def _fill_its_slots(conveyor, document_url):
    """Have the one slot deliver to the storage that hangs."""
    handle = conveyor.convert(document_url, to="pdf")
    deadline = time.monotonic() + 60
    while handle.state is not State.READY:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    inspect = conveyor.celery_app.control.inspect(["worker-1@localhost"], timeout=5)
    while not any((inspect.active() or {}).values()):
        assert time.monotonic() < deadline


def _said_of_workers(conveyor):
    """What is said where none of ours answers, once the broker has answered within its few seconds.

    It may be late for once, on a busy machine.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        said = _only(_examined(conveyor, worker_timeout_s=1), "worker").detail
        if "The broker" not in said or "did not answer in time" not in said:
            return said
        assert time.monotonic() < deadline, said


def test_only_workers_of_another_application_are_there(tmp_path):
    with LocalStack(workers=0) as stack, closing(stack.conveyor()) as conveyor:
        said = _said_of_workers(conveyor)
        assert "none is connected" in said
        assert "conveyor worker" in said

        others = Child(
            "others",
            [
                *(sys.executable, "-m", "celery", "-b", stack.broker_url, "worker"),
                *("-P", "solo", "-n", "others@localhost", "-Q", "mails", "--without-mingle"),
            ],
            log=tmp_path / "others.log",
            env=stack.environment(),
            cwd=tmp_path,
        )
        others.start()
        try:
            others.wait_ready(consumes(conveyor, "others@localhost"))
            said = _said_of_workers(conveyor)
        finally:
            others.stop()
        assert "consume other queues (mails)" in said
        assert "CONVEYOR_NAMESPACE" in said
        # Nothing of ours stands in the log of somebody else.
        assert "conveyor" not in (tmp_path / "others.log").read_text()
