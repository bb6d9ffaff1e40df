"""What an account may do is one fact for the whole fleet: holds, throttles, limits."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from urllib.request import Request, urlopen

import pytest

from conveyor import State
from local_stack.environment import ROOT
from local_stack.stack import LocalStack


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"# Report\n\nWords of the report.\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/markdown")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def page() -> Iterator[str]:
    """A document that the sandbox fetches itself, so that it may forget everything in between."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/a.md"
        server.shutdown()
        thread.join()


@pytest.fixture
def command_line(run_program):
    """Run `conveyor …` with the settings of a stack."""

    def run(stack: LocalStack, *arguments: str):
        return run_program(
            [sys.executable, "-m", "conveyor", *arguments],
            env={**stack.environment(), "PYTHONPATH": str(ROOT)},
        )

    return run


def test_a_used_up_balance_holds_the_account_until_it_is_filled_up(
    page, sandbox_of, tmp_path, until, command_line
):
    with (
        LocalStack(workers=2, sandbox_options=("--balance", "5")) as stack,
        closing(stack.conveyor()) as conveyor,
    ):
        handles = [conveyor.convert(page, to="html") for _ in range(10)]

        def have_paid_and_wait() -> bool:
            states = Counter(handle.state for handle in handles)
            waiting = sum(handle.progress().held for handle in handles)
            return (states[State.SUCCEEDED], waiting) == (5, 5)

        until(have_paid_and_wait)
        assert sandbox_of(stack).audit()["paid"] == 5
        assert conveyor.dead_letters.list() == []
        (account,) = conveyor.accounts()
        assert "The balance is used up" in account.held
        assert account.jobs == 0

        waiting = next(handle for handle in handles if handle.state is State.QUEUED)
        shown = command_line(stack, "wait", waiting.id, "--out", str(tmp_path))
        assert shown.returncode == 1
        assert "The balance is used up" in shown.stderr.splitlines()[-1]
        # Resumed before its time it is held again, and nothing is lost by it.
        resumed = command_line(stack, "account", "resume")
        assert resumed.stdout == f"{account.account}\tresumed\n"
        until(lambda: bool(conveyor.accounts()[0].held))
        assert conveyor.dead_letters.list() == []

        urlopen(Request(f"{stack.sandbox_url}/_reset", method="POST"), timeout=60).close()
        # Filled up again: a check of the account ends the hold by itself.
        done = [handle.wait(timeout=90) for handle in handles]
        assert {conversion.state for conversion in done} == {State.SUCCEEDED}
        assert not conveyor.accounts()[0].held
        audit = sandbox_of(stack).audit()
        assert (audit["paid"], audit["violations"]) == (5, 0)


def test_a_throttle_makes_the_whole_fleet_wait(page, sandbox_of):
    with LocalStack(workers=2) as stack, closing(stack.conveyor()) as conveyor:
        sandbox = sandbox_of(stack)
        with sandbox.faults(throttle_submit=1.0):
            handles = [conveyor.convert(page, to="html") for _ in range(30)]
            time.sleep(4)
            throttled = sandbox.audit()["throttled"]
        done = [handle.wait(timeout=90) for handle in handles]
        audit = sandbox.audit()

    assert {conversion.state for conversion in done} == {State.SUCCEEDED}
    assert (audit["paid"], audit["violations"]) == (30, 0)
    assert throttled < 60


def test_never_more_jobs_at_once_than_the_limit(page, sandbox_of):
    options = ("--duration", "1-2", "--workers", "8")
    with (
        LocalStack(workers=2, sandbox_options=options, settings={"ACCOUNT_JOBS": "3"}) as stack,
        closing(stack.conveyor()) as conveyor,
        ThreadPoolExecutor(1) as pool,
    ):
        sandbox = sandbox_of(stack)
        over = Event()

        def watch() -> set[int]:
            seen = set()
            while not over.wait(0.02):
                seen.add(sandbox.audit()["jobs_by_outcome"]["in_progress"])
            return seen

        seen = pool.submit(watch)
        try:
            handles = [conveyor.convert(page, to="html") for _ in range(15)]
            done = [handle.wait(timeout=120) for handle in handles]
        finally:
            over.set()

    assert {conversion.state for conversion in done} == {State.SUCCEEDED}
    assert max(seen.result()) == 3
