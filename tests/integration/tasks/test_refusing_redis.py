"""A Redis that refuses every write, and members that can't be trimmed: no loop runs hot."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager, suppress

import pytest

from conveyor import State
from conveyor.domain.schedule import FILE_LIFE_S
from conveyor.errors import LedgerUnavailable, StorageError
from conveyor.ledger.keys import KEEP_FINISHED_S, Keys
from workers import cleanup
from workers.cleaner import clean
from workers.local.valkey import Valkey, configured
from workers.sweep import sweep

KEYS = Keys()


@pytest.fixture(scope="module")
def full_server():
    with Valkey() as server:
        yield server


@contextmanager
def _full(server):
    with closing(server.client()) as client, configured(client, maxmemory=1):
        yield


@pytest.fixture
def apart(worker_of, sandbox, full_server):
    """A worker whose ledger is a Redis of its own, so that the broker goes on."""
    with worker_of(sandbox.url, redis_url=full_server.url()) as made:
        yield made


def test_signature_comes_back_later_and_not_at_once(apart, full_server, conveyor, document):
    conveyor.signature(document, to="html").apply_async()
    (message,) = apart.waiting()
    with _full(full_server):
        waits = []
        for _ in range(6):  # Celery gives up after three, unless it is told otherwise
            apart.run(message)
            (message,) = apart.waiting()
            waits.append(message.due_at - time.time())

    assert 0 < waits[0] <= 2
    assert waits == sorted(waits)
    assert waits[0] < waits[1] < waits[2] < waits[5] <= 60


@pytest.mark.parametrize("work", [sweep, clean, cleanup.clean_up])
def test_keeper_fails_at_once_and_says_so_in_our_words(apart, full_server, work):
    with closing(full_server.client()) as client:
        client.zadd(KEYS.due("submit"), {"x": 1})
        client.zadd(KEYS.leftovers, {"x": 1})
        client.hset(KEYS.leftover_records, "x", "9999999999 0 {}")
    begun = time.monotonic()
    with _full(full_server), pytest.raises(LedgerUnavailable):
        work()
    assert time.monotonic() - begun < 60


def test_folder_that_cannot_be_removed_keeps_no_other(worker, conveyor, client, tmp_path):
    tokens = [conveyor.stage("a.md", [b"# Words"]).uri.split("/")[-2] for _ in range(5)]
    for token in tokens:
        client.zadd(KEYS.staging, {token: 0})
    stuck = tmp_path / "files" / "staged" / tokens[0]
    stuck.rename(stuck.with_name("aside"))
    (stuck.with_name("aside") / "a.md").unlink()
    stuck.with_name("aside").rmdir()
    stuck.write_text("a file where a folder should be")
    stuck.chmod(0)
    client.zadd(KEYS.state("succeeded"), {"long gone": 1.0})
    with suppress(StorageError):
        clean()

    left = {path.name for path in (tmp_path / "files" / "staged").iterdir()}
    assert left <= {tokens[0]}
    assert client.zcard(KEYS.state("succeeded")) == 0


@pytest.fixture
def plant(client):
    """Members that can't be trimmed, at the front of an index."""

    def make(index):
        for number in range(600):
            name = f"bad-{number}"
            kind = number % 3
            if kind == 0:
                client.set(KEYS.conversion(name), "of a wrong type")
            elif kind == 1:
                client.hset(KEYS.conversion(name), mapping={"v": "2", "state": "pondering"})
            else:
                client.hset(KEYS.conversion(name), mapping={"state": "succeeded", "request": "{"})
            client.zadd(index, {name: number + 1})

    return make


def test_bad_members_keep_no_finished_entry_from_being_trimmed(worker, client, plant):
    index = KEYS.state("succeeded")
    plant(index)
    client.zadd(index, dict.fromkeys(["gone-1", "gone-2"], time.time() - KEEP_FINISHED_S - 9))
    for _ in range(5):
        clean()

    assert client.zscore(index, "gone-1") is client.zscore(index, "gone-2") is None
    assert client.zcard(index) == 600


def test_bad_members_keep_no_dead_letter_from_being_stripped(worker, client, ledger, make, plant):
    plant(KEYS.dead)
    entry = make.ready()
    client.hset(KEYS.conversion(entry.id), mapping={"state": "failed", "delivered": "1"})
    client.zadd(KEYS.dead, {entry.id: time.time() - FILE_LIFE_S - 9})
    for _ in range(3):
        clean()

    assert client.hget(KEYS.conversion(entry.id), "result") is None
    assert client.hget(KEYS.conversion("bad-1"), "state") == "pondering"


def test_bad_members_keep_nothing_overdue_from_being_woken(
    worker, conveyor, client, document, plant
):
    plant(KEYS.due("submit"))
    handle = conveyor.convert(document, to="html")
    worker.drop()
    client.zadd(KEYS.due("submit"), {handle.id: 700})
    assert worker.sweep() == 601

    assert handle.state is State.CONVERTING
