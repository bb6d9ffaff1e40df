"""An exchange and the connection that it works with: who shuts it, and who closes it."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from conveyor.convertapi import watchdog
from conveyor.convertapi.deadline import Deadline
from conveyor.convertapi.exchange import Exchange, Lever
from tests import clocks

SETTING = "CONVEYOR_ANSWER_TIMEOUT_SECONDS"


@pytest.fixture
def now(monkeypatch):
    """A clock by hand."""

    class Now:
        at = 1000.0

    clocks.put(monkeypatch, "monotonic", lambda: Now.at)
    return Now


@pytest.fixture
def pair():
    near, far = socket.socketpair()
    with closing(near), closing(far):
        yield near, far


@pytest.fixture
def exchange():
    with Exchange(Deadline.after(3600, SETTING), 5.0) as made:
        yield made


def test_exchange_that_is_over_in_time_is_not_late_and_its_connection_lives_on(exchange, pair):
    near, far = pair
    exchange.hold(Lever(near))
    exchange.end()
    exchange.expire()
    far.sendall(b"x")

    assert not exchange.is_late
    assert near.recv(1) == b"x"


def test_exchange_that_is_late_shuts_its_connection(exchange, pair):
    near, far = pair
    exchange.hold(Lever(near))
    exchange.expire()

    assert exchange.is_late
    assert near.recv(1) == b""
    assert far.recv(1) == b""


def test_connection_that_comes_after_the_deadline_is_shut_immediately(exchange, pair):
    near, _ = pair
    exchange.expire()
    exchange.hold(Lever(near))

    assert near.recv(1) == b""


def test_lever_is_inherited_by_the_exchange_that_holds_it_alone(exchange, pair):
    near, far = pair
    held, other = Lever(near), Lever(far)
    exchange.hold(held)

    assert exchange.inherit(held)
    assert not exchange.inherit(other)
    exchange.inherit(held)
    exchange.end()
    assert not exchange.inherit(held)
    # It has closed what it inherited.
    assert held._socket.fileno() == -1
    other.close()


def test_lever_that_was_not_inherited_stays_open_when_the_exchange_ends(exchange, pair):
    held = Lever(pair[0])
    exchange.hold(held)
    exchange.end()

    assert held._socket.fileno() != -1
    held.close()


@pytest.mark.parametrize(
    ("is_sent", "after_s", "is_answered", "is_late", "at_once"),
    [
        (True, 0.0, False, False, True),
        (True, 0.99, False, False, True),
        (True, 1.0, False, False, False),
        (True, 0.0, True, False, False),
        (True, 0.0, False, True, False),
        (False, 0.0, False, False, False),
    ],
)
def test_connection_that_closes_is_reported_from_one_that_a_gateway_holds(
    *, exchange, now, is_sent, after_s, is_answered, is_late, at_once
):
    if is_sent:
        exchange.sent()
    now.at += after_s
    exchange.is_answered, exchange.is_late = is_answered, is_late

    assert exchange.was_closed_at_once() is at_once


def test_exchange_that_has_just_begun_knows_of_nothing(exchange):
    assert (exchange.is_connected, exchange.is_answered, exchange.is_late) == (False,) * 3
    assert (exchange.deadline.setting, exchange.pause_s) == (SETTING, 5.0)


def test_exchange_is_over_at_the_end_of_its_block():
    with Exchange(Deadline.after(3600, SETTING), 5.0) as exchange:
        assert exchange in watchdog.of_this_process()._under_way
    exchange.expire()

    assert not exchange.is_late
    assert exchange not in watchdog.of_this_process()._under_way


def test_lever_of_a_connection_that_is_closed_already_is_shut_without_a_word():
    near, far = socket.socketpair()
    with closing(near):
        lever = Lever(near)
        far.close()
        lever.shut()
        lever.shut()
        lever.close()
        lever.shut()
