"""Whatever is still under way at its deadline is ended, by itself."""

from __future__ import annotations

import os
import socket
import weakref
from contextlib import closing

import pytest

from conveyor.convertapi import watchdog as watchdogs
from conveyor.convertapi.deadline import Deadline
from conveyor.convertapi.exchange import Exchange, Lever
from conveyor.convertapi.watchdog import Watchdog
from tests import clocks

SETTING = "CONVEYOR_ANSWER_TIMEOUT_SECONDS"


@pytest.fixture
def pair():
    near, far = socket.socketpair()
    with closing(near), closing(far):
        yield near, far


def test_deadline_that_passes_ends_the_exchange_automatically(pair):
    near, _ = pair
    with Exchange(Deadline.after(0.05, SETTING), 5.0) as exchange:
        exchange.hold(Lever(near))
        near.settimeout(60)
        assert near.recv(1) == b""
        assert exchange.is_late


def test_shorter_deadline_that_comes_later_ends_first(pair):
    near, _ = pair
    with (
        Exchange(Deadline.after(3600, SETTING), 5.0) as long,
        Exchange(Deadline.after(0.05, SETTING), 5.0) as short,
    ):
        short.hold(Lever(near))
        near.settimeout(60)
        assert near.recv(1) == b""
        assert (short.is_late, long.is_late) == (True, False)


class Watched:
    """Has a deadline, and knows whether it was ended."""

    def __init__(self, until):
        self.deadline = Deadline(1.0, SETTING, until, until)
        self.is_late = False

    def expire(self):
        self.is_late = True


class WaitError(Exception):
    """Ends a wait."""


class FakeCondition:
    """A lock that tells how long it was to be waited for, and who was to be woken."""

    def __init__(self):
        self.waits = []
        self.wakes = 0
        self.while_waiting = lambda: None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def notify(self):
        self.wakes += 1

    def wait(self, timeout_s):
        self.waits.append(timeout_s)
        self.while_waiting()
        raise WaitError


@pytest.fixture
def threads(monkeypatch):
    """The threads that were started, by their names. None of them runs."""
    started = []

    class Thread:
        def __init__(self, *, target, name, daemon):
            self.about = (name, daemon)
            assert callable(target)

        def start(self):
            started.append(self.about)

    monkeypatch.setattr(watchdogs.threading, "Thread", Thread)
    return started


@pytest.fixture
def changed():
    return FakeCondition()


@pytest.fixture
def watchdog(changed, threads, monkeypatch):
    """One by hand, at a time of 1000 s."""
    clocks.put(monkeypatch, "monotonic", lambda: 1000.0)
    made = Watchdog()
    made._changed = changed
    return made


def _wait(watchdog):
    with pytest.raises(WaitError):
        watchdog._wait_for_late()


def test_one_thread_is_started_which_ends_with_its_process(watchdog, threads):
    for until in (1010.0, 1020.0, 1005.0):
        watchdog.watch(Watched(until))

    assert threads == [("conveyor-deadlines", True)]


def test_thread_is_woken_for_an_earlier_deadline_alone(watchdog, changed):
    wakes = []
    for until in (1010.0, 1020.0, 1005.0, 1005.0, 1007.0, 1004.0):
        watchdog.watch(Watched(until))
        wakes.append(changed.wakes)

    assert wakes == [0, 0, 1, 1, 1, 2]


def test_thread_waits_for_the_first_deadline(watchdog, changed):
    for until in (1020.0, 1010.0, 1030.0):
        watchdog.watch(Watched(until))
    _wait(watchdog)

    assert changed.waits == [10.0]


def test_thread_waits_without_an_end_where_nothing_is_under_way(watchdog, changed):
    only = Watched(1010.0)
    watchdog.watch(only)
    watchdog.forget(only)
    _wait(watchdog)
    watchdog.watch(Watched(1020.0))

    assert changed.waits == [None]
    assert changed.wakes == 1


@pytest.mark.parametrize(("until", "is_late"), [(999.0, True), (1000.0, True), (1000.1, False)])
def test_what_is_at_its_deadline_is_late(watchdog, until, is_late):
    one, other = Watched(until), Watched(2000.0)
    watchdog.watch(one)
    watchdog.watch(other)

    if is_late:
        assert watchdog._wait_for_late() == [one]
    else:
        _wait(watchdog)


def test_what_is_late_is_ended_and_forgotten(watchdog, changed):
    late = Watched(999.0)
    watchdog.watch(late)
    watchdog._expire(watchdog._wait_for_late())
    _wait(watchdog)

    assert late.is_late
    assert changed.waits == [None]


def test_what_has_ended_is_not_kept_while_the_thread_waits(watchdog, changed):
    watched = [Watched(1010.0)]
    alive = weakref.ref(watched[0])
    watchdog.watch(watched[0])

    def end():
        watchdog.forget(watched.pop())
        assert alive() is None

    changed.while_waiting = end
    _wait(watchdog)

    assert watched == []


def test_thread_goes_on_after_what_was_late(watchdog, monkeypatch):
    late = [Watched(999.0), Watched(998.0)]
    turns = [[one] for one in late]

    def wait():
        if not turns:
            raise WaitError
        return turns.pop(0)

    monkeypatch.setattr(watchdog, "_wait_for_late", wait)
    with pytest.raises(WaitError):
        watchdog._run()

    assert [one.is_late for one in late] == [True, True]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_forked_process_has_a_watchdog_of_its_own():
    before = watchdogs.of_this_process()
    child = os.fork()
    if not child:
        os._exit(watchdogs.of_this_process() is before)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert watchdogs.of_this_process() is before
