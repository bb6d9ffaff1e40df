from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_stack.process import Child, StartError

# Waits for its end in the C library: starts quicker than one that imports anything.
ENDLESS = "print('ready', flush=True); input_ = open('/dev/null'); import signal; signal.pause()"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {ENDLESS}"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], Child]]:
    children: list[Child] = []

    def start_python(code: str) -> Child:
        child = Child("it", [sys.executable, "-S", "-c", code], log=tmp_path / "it.log")
        children.append(child)
        child.start()
        return child

    yield start_python
    for child in children:
        child.kill()


def wait_ready(child: Child) -> None:
    child.wait_ready(lambda: "ready" in child.printed())


def test_stop_asks_and_waits(start: Callable[[str], Child]) -> None:
    child = start(ENDLESS)
    wait_ready(child)

    child.stop()

    assert not child.is_running
    assert child.exit_status == -signal.SIGTERM


def test_stop_kills_what_does_not_end(start: Callable[[str], Child]) -> None:
    child = start(DEAF)
    wait_ready(child)

    child.stop(grace_s=0.1)

    assert child.exit_status == -signal.SIGKILL


def test_it_is_asked_to_end_once(start: Callable[[str], Child]) -> None:
    child = start(
        "import signal; asked, end = [signal.SIGTERM], [signal.SIGUSR1];"
        "signal.pthread_sigmask(signal.SIG_BLOCK, asked + end);"
        "print('ready', flush=True); signal.sigwait(asked); print('asked', flush=True);"
        "signal.sigwait(end); print(signal.sigpending())"
    )
    wait_ready(child)

    child.ask_to_end()
    child.wait_ready(lambda: "asked" in child.printed())
    child.ask_to_end()
    os.kill(child.pid, signal.SIGUSR1)
    child.stop()

    assert child.printed().endswith("set()\n")


def test_stopping_twice_or_before_the_start_does_nothing(tmp_path: Path) -> None:
    child = Child("it", ["true"], log=tmp_path / "it.log")

    child.stop()
    child.stop()

    assert child.exit_status is None


def test_a_child_can_be_started_again(start: Callable[[str], Child]) -> None:
    child = start("print('ready')")
    wait_ready(child)
    child.stop()
    first_pid = child.pid

    child.start()
    wait_ready(child)
    child.stop()

    assert child.pid != first_pid
    assert child.printed() == "ready\n"
    assert child.log.read_text() == "ready\nready\n"


def test_an_early_end_is_reported_with_what_was_printed_last(start: Callable[[str], Child]) -> None:
    child = start("raise SystemExit('no broker')")

    with pytest.raises(StartError, match=r"it ended with status 1; it printed last:\n  no broker"):
        wait_ready(child)


def test_conversion_that_ended_meanwhile_is_read_again(
    start: Callable[[str], Child],
) -> None:
    child = start(ENDLESS)
    answers = iter([False, True])

    def end_and_answer() -> bool:
        child.kill()
        return next(answers)

    child.wait_ready(end_and_answer)

    assert next(answers, None) is None


def test_too_slow_a_start_is_reported(start: Callable[[str], Child]) -> None:
    child = start(ENDLESS)

    with pytest.raises(StartError, match=r"it was not ready after 0.1 s"):
        child.wait_ready(lambda: False, timeout_s=0.1)


def test_an_unknown_program_is_reported(tmp_path: Path) -> None:
    child = Child("it", ["no-such-program"], log=tmp_path / "it.log")
    child.start()

    with pytest.raises(StartError, match=r"can't run no-such-program: No such file"):
        child.wait_ready(lambda: False)


def test_a_terminals_ctrl_c_does_not_reach_it(start: Callable[[str], Child]) -> None:
    child = start(ENDLESS)
    wait_ready(child)

    assert os.getpgid(child.pid) == child.pid
