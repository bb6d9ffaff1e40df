"""A Redis that answers, and can't serve: workers wait, say so, and go on by themselves."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager, suppress
from threading import Thread

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from conveyor import ConveyorError, State
from local_stack.ports import LOOPBACK, free_port
from local_stack.stack import LocalStack
from local_stack.valkey import configured

CONVERSIONS = 4
MOST_S = 3.0
# Long enough for a loop without a pause to show in the log.
HELD_S = 2.0
# Celery says a dozen lines of a lost connection, and each task that is put off says one.
MOST_LINES = 40
# The consumer says it, or a task that could not go on, or what is done beside the tasks.
SAID = ("Trying again in", "postponed", "conveyor.waiting")


@pytest.fixture(scope="module")
def stack():
    with LocalStack(workers=1, sandbox_options=("--duration", "1-2")) as running:
        yield running


@contextmanager
def too_few_replicas(stack, client):
    with configured(client, min_replicas_to_write=1):
        yield


@contextmanager
def full(stack, client):
    with configured(client, maxmemory=1):
        yield


@contextmanager
def replica(stack, client):
    client.execute_command("REPLICAOF", LOOPBACK, free_port())
    try:
        yield
    finally:
        client.execute_command("REPLICAOF", "NO", "ONE")


@contextmanager
def disk_failing(stack, client):
    """A snapshot can't take its name: a folder that is not empty has it."""
    in_the_way = stack.directory / "valkey" / "dump.rdb"
    (in_the_way / "full").mkdir(parents=True)
    with configured(client, save="3600 1"):
        client.bgsave()
        while client.info("persistence")["rdb_last_bgsave_status"] != "err":
            time.sleep(0.05)
        try:
            yield
        finally:
            (in_the_way / "full").rmdir()
            in_the_way.rmdir()
            client.config_set("stop-writes-on-bgsave-error", "no")
    client.config_set("stop-writes-on-bgsave-error", "yes")


@contextmanager
def busy(stack, client):
    """Somebody's script does not end."""

    def run():
        # It is not run again when its answer is late, as redis-py would.
        once = {"socket_timeout": None, "retry": Retry(NoBackoff(), 0)}
        own = redis.Redis.from_url(stack.valkey.url(), **once)
        with closing(own), suppress(redis.RedisError):
            own.eval("while true do end", 0)

    with configured(client, busy_reply_threshold=50):
        running = Thread(target=run)
        running.start()
        _wait_busy(client)
        try:
            yield
        finally:
            _kill_script(client)
            running.join()


def _wait_busy(client):
    while True:
        try:
            client.ping()
        except redis.RedisError:
            return
        time.sleep(0.01)


def _kill_script(client):
    while True:
        with suppress(redis.ResponseError):  # until it counts as slow
            client.script_kill()
            return
        time.sleep(0.05)


@contextmanager
def password_changed(stack, client):
    """Whoever was logged in is put out, too."""
    with configured(client, requirepass="another"):
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        yield


REFUSALS = (too_few_replicas, full, replica, disk_failing, busy, password_changed)


@pytest.fixture(scope="module")
def met():
    """The conversions that a refusal has met on their way."""
    return []


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda each: each.__name__)
def test_worker_and_producer_wait_while_redis_refuses(stack, conveyor, until, met, refusal):
    (worker,) = stack.workers
    met += [
        conveyor.convert(conveyor.stage("a.md", [b"# Words\n"]), to="html")
        for _ in range(CONVERSIONS)
    ]
    said = len(worker.printed())
    with closing(stack.valkey.client()) as client:
        client.ping()
        with refusal(stack, client):
            began = time.monotonic()
            with pytest.raises(ConveyorError):
                conveyor.convert("https://example.com/a.docx", to="pdf")
            assert time.monotonic() - began < MOST_S
            until(lambda: any(word in worker.printed()[said:] for word in SAID))
            time.sleep(HELD_S)
        printed = worker.printed()[said:]

    assert worker.exit_status is None
    assert "Traceback" not in printed, printed
    assert len(printed.splitlines()) < MOST_LINES


def test_conversions_that_met_refusals_all_end_and_are_paid_once(stack, sandbox, met):
    done = [handle.wait(timeout=120) for handle in met]
    audit = sandbox.audit()

    assert {each.state for each in done} == {State.SUCCEEDED}
    assert (audit["paid"], audit["violations"]) == (len(met), 0)
    assert [worker.exit_status for worker in stack.workers] == [None]
