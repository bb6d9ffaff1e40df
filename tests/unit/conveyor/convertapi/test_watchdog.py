"""Whatever is still under way at its deadline is ended, by itself."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from conveyor.convertapi.deadline import Deadline
from conveyor.convertapi.exchange import Exchange, Lever

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
