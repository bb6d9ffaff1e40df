"""Where a server can't serve, one line says so at the start."""

from __future__ import annotations

import os
import sys
from contextlib import closing

import pytest

from conveyor.errors import LedgerUnavailable
from conveyor.ledger import Ledger, connect
from local_stack.environment import ROOT, child_environment
from local_stack.ports import free_port
from local_stack.valkey import Valkey

COMMANDS = {
    "worker": ("celery", "-A", "workers.app", "worker", "-c", "1"),
    "web": ("web",),
}


@pytest.fixture(scope="module")
def cluster():
    options = {"cluster-enabled": "yes", "cluster-port": str(free_port())}
    with Valkey(options=options) as server:
        yield server


@pytest.fixture(scope="module")
def single():
    with Valkey(options={"databases": "4"}) as server:
        yield server


@pytest.fixture
def start(tmp_path, run_program):
    """Start a process with a server, which ends by itself."""

    def run(name, url):
        settings = {
            "BROKER_URL": url,
            "API_SECRET": "hush",
            "API_URL": "http://127.0.0.1:1",
            "STORAGE_URL": tmp_path.as_uri(),
            "WEB_PORT": "0",
        }
        return run_program(
            [sys.executable, "-m", *COMMANDS[name]],
            env=child_environment(settings) | {"HOME": os.devnull},
            cwd=ROOT,
        )

    return run


UNFIT = {
    "cluster": ("cluster", 0, "Redis Cluster"),
    "no_such_database": ("single", 99, "has no database with that number"),
}


@pytest.mark.parametrize("process", COMMANDS)
@pytest.mark.parametrize("name", UNFIT)
def test_one_line_at_the_start_says_that_a_server_cant_serve(start, request, process, name):
    fixture, database, words = UNFIT[name]
    ended = start(process, request.getfixturevalue(fixture).url(database))
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("error:")]

    assert ended.returncode != 0
    assert words in line
    assert "start it" not in line
    assert "Traceback" not in ended.stderr


def test_slot_on_another_server_starts_nothing(cluster):
    with closing(cluster.client()) as client:
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 1)
        client.config_set("cluster-require-full-coverage", "no")
    with closing(connect(cluster.url())) as ours, pytest.raises(LedgerUnavailable) as raised:
        Ledger(ours).check()

    assert "Redis Cluster" in str(raised.value)
    assert "start it" not in str(raised.value)
