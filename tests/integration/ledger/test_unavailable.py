from __future__ import annotations

import socket
from contextlib import closing

import pytest

from conveyor.errors import LedgerUnavailable
from conveyor.ledger import Ledger, connect
from conveyor.ledger.claims import Claims
from conveyor.ledger.governor import Governor
from conveyor.ledger.keys import Keys
from conveyor.ledger.turnstile import Turnstile
from workers.local.ports import free_port

KEYS = Keys()


def _claims(client):
    governor = Governor(client, "account", 5.0, 0)
    return Claims(client, Ledger(client), Turnstile(client, 5.0, 15.0), governor, 60.0)


# One of each way to speak to Redis: a command, a pipeline, a script, and who else does so.
CALLS = {
    "find": lambda client, make: Ledger(client).find("c1"),
    "forget": lambda client, make: Ledger(client).forget("c1"),
    "open": lambda client, make: Ledger(client).open("c1", make.request),
    "claim": lambda client, make: _claims(client).polls(1),
    "overdue": lambda client, make: _claims(client).overdue(),
    "job_ended": lambda client, make: Ledger(client).job_ended("c1", ""),
    "renew_leases": lambda client, make: Ledger(client).renew_leases([("c1", "turnstile", "t")], 1),
}


def _one_clear_line(raised, *words):
    said = str(raised.value)
    for word in (*words, "CONVEYOR_REDIS_URL"):
        assert word in said
    assert "\n" not in said
    assert "hush" not in said


@pytest.mark.parametrize("name", CALLS)
def test_redis_away(make, name):
    port = free_port()
    client = connect(f"redis://:hush@127.0.0.1:{port}/0")
    with closing(client), pytest.raises(LedgerUnavailable) as raised:
        CALLS[name](client, make)

    _one_clear_line(raised, f"redis://127.0.0.1:{port}", "nobody listens there")


def test_a_wrong_password(valkey_server):
    client = connect(f"redis://:hush-wrong@127.0.0.1:{valkey_server.port}/0")
    with closing(client), pytest.raises(LedgerUnavailable) as raised:
        Ledger(client).check()

    _one_clear_line(raised, "refused the user name or the password")


def test_a_command_that_is_refused(client):
    client.set(KEYS.due("poll"), "of a wrong type")
    with pytest.raises(LedgerUnavailable, match="refused a command") as raised:
        _claims(client).polls(1)

    assert "hush" not in str(raised.value)


def test_redis_that_is_full(client, ledger, make):
    used = client.info("memory")["used_memory"]
    client.config_set("maxmemory", max(used // 2, 1))
    try:
        with pytest.raises(LedgerUnavailable, match="is out of memory and takes no writes"):
            make.queued()
        with pytest.raises(LedgerUnavailable):
            ledger.check()
    finally:
        client.config_set("maxmemory", 0)


def test_a_socket_that_is_no_redis(make):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        client = connect(f"redis://127.0.0.1:{port}/0")
        client.connection_pool.connection_kwargs["socket_timeout"] = 0.1
        with closing(client), pytest.raises(LedgerUnavailable, match="did not answer in time"):
            Ledger(client).find("c1")
