"""What is seen of a server, as far as it may be asked, and connections that nobody uses."""

from __future__ import annotations

import pytest
import redis
from redis import exceptions

from conveyor.ledger import connect
from conveyor.ledger.concerns import Concern
from conveyor.ledger.server import Standing, is_client, look_at_server

INFO = {
    "run_id": "r1",
    "redis_version": "7.2.4",
    "maxmemory_policy": "noeviction",
    "aof_enabled": 1,
}
SETTINGS = ("appendfsync", "busy-reply-threshold", "save", "timeout")


class Client:
    """Answers each command as it is told."""

    def __init__(self, info, settings=()):
        self.answers, self.asked = {"INFO": info, "CONFIG GET": settings}, []

    def execute_command(self, *command):
        self.asked.append(command)
        answer = self.answers[command[0]]
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_server_is_asked_for_its_kind_and_its_settings():
    client = Client(INFO, {"appendfsync": "no"})
    standing = look_at_server(client)

    assert client.asked == [("INFO",), ("CONFIG GET", *SETTINGS)]
    assert (standing.run_id, standing.summary) == (
        "r1",
        "Redis 7.2.4, noeviction, append-only file",
    )
    assert [concern.about for concern in standing.concerns] == ["appendfsync"]


FORBIDDEN = [
    exceptions.NoPermissionError("x"),
    redis.ResponseError("unknown command"),
    redis.ConnectionError("NOPERM x"),
]


@pytest.mark.parametrize("error", FORBIDDEN)
def test_settings_that_may_not_be_asked_for_are_unknown(error):
    standing = look_at_server(Client({**INFO, "aof_enabled": 0}, error))

    assert standing.summary.endswith("; further settings unknown: CONFIG is not permitted")
    assert [concern.about for concern in standing.concerns] == ["appendonly"]


@pytest.mark.parametrize("error", FORBIDDEN)
def test_server_that_may_not_be_asked_is_unknown(error):
    client = Client(error)

    assert look_at_server(client) == Standing(
        "", "version and settings unknown: INFO is not permitted", ()
    )
    assert client.asked == [("INFO",)]


@pytest.mark.parametrize("command", ["INFO", "CONFIG GET"])
def test_server_that_is_away_is_no_server_that_is_silent(command):
    client = Client(INFO)
    client.answers[command] = redis.ConnectionError("x")

    with pytest.raises(redis.ConnectionError):
        look_at_server(client)


def test_server_without_an_id_has_none():
    assert look_at_server(Client({"redis_version": "7.2.4"})).run_id == ""


def test_concern_is_not_fatal_unless_it_is_said():
    assert not Concern("memory", "x").is_fatal


@pytest.mark.parametrize(("client", "is_one"), [(redis.Redis(), True), (None, False), (1, False)])
def test_client_of_redis_is_known(client, is_one):
    assert is_client(client) is is_one


class Connection:
    """A connection of a pool."""

    def __init__(self):
        self.closed = 0

    def disconnect(self):
        self.closed += 1


def test_idle_connections_are_closed_and_stay_in_their_pool():
    with connect("redis://127.0.0.1:1/0", max_connections=4) as client:
        pool = client.connection_pool.pool
        while not pool.empty():
            pool.get_nowait()
        idle = [Connection(), Connection()]
        for each in (None, *idle, None):
            pool.put_nowait(each)
        client.close_idle()
        left = [pool.get_nowait() for _ in range(pool.qsize())]

    assert [each.closed for each in idle] == [1, 1]
    assert sorted(map(id, left)) == sorted(map(id, [None, *idle, None]))


def test_closing_idle_ones_of_an_empty_pool_closes_nothing():
    with connect("redis://127.0.0.1:1/0", max_connections=1) as client:
        pool = client.connection_pool.pool
        while not pool.empty():
            pool.get_nowait()
        client.close_idle()

        assert pool.empty()
