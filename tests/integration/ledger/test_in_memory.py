"""The Redis in memory answers what Valkey answers, at the edges of each command, too."""

from __future__ import annotations

import pytest

from conveyor.ledger.in_memory import Clock, MemoryServer, in_memory_client

PLACES = (-9, -3, -2, -1, 0, 1, 2, 9)
ITEMS = ("a", "b", "c")
RANKED = ("ZADD", "z", 1, "a", 2, "b", 3, "c")


def _each_range(command, *fill):
    return [
        [fill, (command, fill[1], first, last), ("EXISTS", fill[1])]
        for first in PLACES
        for last in PLACES
    ]


COMMANDS = [
    *_each_range("LRANGE", "RPUSH", "l", *ITEMS),
    *_each_range("LTRIM", "RPUSH", "l", *ITEMS),
    *_each_range("ZREMRANGEBYRANK", *RANKED),
    *([("RPUSH", "l", *ITEMS), ("LINDEX", "l", place)] for place in PLACES),
    [("LLEN", "l"), ("LINDEX", "l", 0), ("LRANGE", "l", 0, -1), ("LTRIM", "l", 0, 0)],
    [("HSETNX", "h", "a", "1"), ("HSETNX", "h", "a", "2"), ("HSETNX", "h", "b", ""), ("HLEN", "h")],
    [("HSET", "h", "a", "1"), ("HDEL", "h", "a", "b"), ("EXISTS", "h"), ("HDEL", "h", "a")],
    [RANKED, ("ZREM", "z", *ITEMS), ("EXISTS", "z"), ("ZCARD", "z"), ("ZREM", "z", "a")],
]


@pytest.mark.parametrize("commands", COMMANDS, ids=lambda commands: str(commands[1]))
def test_it_answers_as_valkey(client, commands):
    memory = in_memory_client(MemoryServer(Clock()), "conveyor")

    for command in commands:
        assert memory.execute_command(*command) == client.execute_command(*command)
    for key in ("l", "z", "h"):
        assert memory.type(key) == client.type(key)
    assert memory.lrange("l", 0, -1) == client.lrange("l", 0, -1)
    assert memory.zrange("z", 0, -1) == client.zrange("z", 0, -1)
    assert memory.hgetall("h") == client.hgetall("h")
