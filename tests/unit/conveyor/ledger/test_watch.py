"""Followers in an event loop; what Redis publishes is told by hand."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
import redis

from conveyor.ledger import watch
from conveyor.ledger.watch import Watch

# What hangs is found; what is slow is not.
PATIENCE_S = 60


class Redis:
    """A client that hears what it is told.

    Attributes:
        heard: What is told next; an error ends the connection.
        subscribed: The channels, one for each connection.
        is_closed: Whether it was closed.
        loses: So many cancellations get lost in it.
    """

    def __init__(self, url):
        self.url = url
        self.heard, self.subscribed, self.is_closed = asyncio.Queue(), [], False
        self._connected = asyncio.Queue()
        self.loses = 0

    @asynccontextmanager
    async def pubsub(self, *, ignore_subscribe_messages):
        assert not ignore_subscribe_messages
        yield self

    async def subscribe(self, channel):
        self.subscribed.append(channel)
        self._connected.put_nowait(channel)

    async def comes_back(self):
        """Wait for the second connection."""
        while len(self.subscribed) < 2:
            await self._connected.get()

    async def listen(self):
        while True:
            try:
                message = await self.heard.get()
            except asyncio.CancelledError:
                if not self.loses:
                    raise
                self.loses -= 1
                continue
            if isinstance(message, Exception):
                raise message
            yield message

    async def aclose(self):
        self.is_closed = True

    def says(self, kind, data=None):
        self.heard.put_nowait({"type": kind, "data": data})


@pytest.fixture
def made(monkeypatch):
    """The clients that were made."""
    clients = []

    def make(url):
        clients.append(Redis(url))
        return clients[-1]

    monkeypatch.setattr(watch, "aconnect", make)
    # A follower looks again only where a bell rings, and a connection comes back at once.
    monkeypatch.setattr(watch, "_LOOK_EVERY_S", PATIENCE_S)
    monkeypatch.setattr(watch, "_RECONNECT_S", 0.01)
    return clients


def _run(follow):
    asyncio.run(asyncio.wait_for(follow(Watch("redis://h", "changed")), PATIENCE_S))


async def _is_rung(bell):
    """Whether it has rung by the time that all else has run."""
    for _ in range(10):
        await asyncio.sleep(0)
    return bell._rung.is_set()


async def _subscribe(client):
    client.says("subscribe")
    for _ in range(10):
        await asyncio.sleep(0)


def test_follower_hears_of_its_conversion_alone(made):
    async def follow(followers):
        async with (
            followers.on("c1") as one,
            followers.on("c2") as other,
            followers.on("c1") as too,
        ):
            (client,) = made
            assert (client.url, client.subscribed) == ("redis://h", ["changed"])
            client.says("message", "c1")
            client.says("message", "c3")
            assert await _is_rung(one)
            assert await _is_rung(too)
            assert not await _is_rung(other)
            await one.wait()
            assert not await _is_rung(one)
        await followers.aclose()

    _run(follow)


def test_all_look_again_once_the_connection_is_back(made):
    async def follow(followers):
        async with followers.on("c1") as one, followers.on("c2") as other:
            (client,) = made
            await _subscribe(client)
            await one.wait()
            await other.wait()
            client.heard.put_nowait(redis.ConnectionError("gone"))
            await client.comes_back()
            client.says("subscribe")
            await one.wait()
            await other.wait()
        await followers.aclose()

    _run(follow)


@pytest.mark.parametrize("error", [redis.ConnectionError("gone"), OSError("gone")])
def test_lost_connection_is_made_anew(made, error):
    async def follow(followers):
        async with followers.on("c1"):
            (client,) = made
            client.heard.put_nowait(error)
            await client.comes_back()
        await followers.aclose()

    _run(follow)


def test_one_connection_serves_all_followers_of_a_loop(made):
    async def follow(followers):
        async with followers.on("c1"):
            pass
        async with followers.on("c2"):
            assert len(made) == 1
        await followers.aclose()
        assert made[0].is_closed
        await followers.aclose()

    _run(follow)


def test_follower_that_left_is_forgotten(made):
    async def follow(followers):
        async with followers.on("c1"):
            async with followers.on("c1"):
                pass
            assert list(followers._listener()._bells) == ["c1"]
        assert not followers._listener()._bells
        await followers.aclose()

    _run(follow)


def test_each_loop_has_a_connection_of_its_own_and_closed_loops_are_forgotten(made):
    followers = Watch("redis://h", "changed")

    async def follow():
        async with followers.on("c1"):
            return len(followers._listeners)

    assert [asyncio.run(follow()), asyncio.run(follow())] == [1, 1]
    assert len(made) == 2


def test_follower_waits_for_the_subscription(made, monkeypatch):
    """A change from here on is not missed."""
    monkeypatch.setattr(watch, "_RECONNECT_S", PATIENCE_S)

    async def follow(followers):
        entered = asyncio.Event()

        async def enter():
            async with followers.on("c1"):
                entered.set()

        task = asyncio.create_task(enter())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not entered.is_set()
        made[0].says("subscribe")
        await task
        await followers.aclose()

    _run(follow)


def test_bell_that_does_not_ring_is_waited_for_a_while(made, monkeypatch):
    monkeypatch.setattr(watch, "_LOOK_EVERY_S", 0.01)

    async def follow(followers):
        async with followers.on("c1") as bell:
            await bell.wait()
            monkeypatch.setattr(watch, "_LOOK_EVERY_S", PATIENCE_S)
            await bell.wait(0.01)
        await followers.aclose()

    _run(follow)


def test_loop_that_ends_cancels_once_and_that_is_enough(made):
    async def follow(followers):
        async with followers.on("c1"):
            made[0].loses = 1
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for other in others:
            other.cancel()
        _, still_running = await asyncio.wait(others, timeout=PATIENCE_S / 2)
        assert not still_running
        assert not made[0].loses

    asyncio.run(follow(Watch("redis://h", "changed")))


def test_closing_ends_what_loses_cancellations(made):
    async def follow(followers):
        async with followers.on("c1"):
            made[0].loses = 2
        await followers.aclose()
        assert made[0].is_closed

    _run(follow)


@pytest.mark.parametrize("turns", range(4))
def test_no_cancellation_is_lost_while_a_bell_rings(made, turns):
    async def follow(followers):
        async with followers.on("c1") as bell:
            waiting = asyncio.create_task(bell.wait())
            for _ in range(5):
                await asyncio.sleep(0)
            bell.ring()
            for _ in range(turns):
                await asyncio.sleep(0)
            was_over = waiting.done()
            waiting.cancel()
            await asyncio.wait([waiting])
            assert waiting.cancelled() is not was_over
        await followers.aclose()

    _run(follow)
