"""What is seen of a Redis, and what of its settings can hurt: a real one for each."""

from __future__ import annotations

from contextlib import closing

import pytest
from structlog.testing import capture_logs

from conveyor import Conveyor
from conveyor.diagnosis.standing import fatal_of, finding_of, look
from conveyor.errors import SettingsError
from conveyor.ledger import Ledger, connect
from conveyor.ledger.concerns import Concern
from conveyor.ledger.server import look_at_server
from local_stack.ports import free_port
from local_stack.valkey import Valkey, configured
from workers import precautions


@pytest.fixture(scope="module")
def server():
    with Valkey(password="hush") as running:
        yield running


@pytest.fixture
def raw(server):
    with closing(server.client()) as made:
        yield made


def _concerns(raw):
    return {concern.about: concern.detail for concern in look_at_server(raw).concerns}


def test_server_as_documented_gives_no_concern(raw):
    standing = look_at_server(raw)

    assert standing.concerns == ()
    assert "noeviction, append-only file" in standing.summary


@pytest.mark.parametrize(
    ("policy", "most", "words"),
    [
        ("allkeys-lru", "0", "as soon as maxmemory is set it drops conversions"),
        ("allkeys-random", "100mb", "when its memory is full it drops conversions"),
        ("volatile-ttl", "100mb", "leases, idempotency keys"),
    ],
)
def test_eviction_policy_is_a_concern_with_maxmemory_and_without(raw, policy, most, words):
    with configured(raw, maxmemory_policy=policy, maxmemory=most):
        said = _concerns(raw)["maxmemory-policy"]
    assert words in said
    assert "Set it to noeviction" in said


@pytest.mark.parametrize(
    ("values", "about", "words"),
    [
        ({"appendonly": "no", "save": ""}, "appendonly", "it saves nothing"),
        ({"appendonly": "no", "save": "3600 1"}, "appendonly", "since it was last saved"),
        ({"appendfsync": "no"}, "appendfsync", "Set it to everysec"),
        ({"timeout": "5"}, "timeout", "Set it to 0"),
        ({"busy_reply_threshold": "50"}, "busy-reply-threshold", "50 ms"),
        ({"maxmemory": "1mb"}, "memory", "no conversion is accepted"),
    ],
    ids=["saves nothing", "saves", "appendfsync", "timeout", "scripts", "full"],
)
def test_setting_that_hurts_is_a_concern(raw, values, about, words):
    with configured(raw, **values):
        found = _concerns(raw)
    assert words in found[about]


def test_evicted_keys_are_a_concern(raw):
    with configured(raw, maxmemory_policy="allkeys-random"):
        raw.mset({f"key:{number}": "x" * 1000 for number in range(500)})
        used = raw.info("memory")["used_memory"]
        with configured(raw, maxmemory=used - 100_000):
            raw.set("another", "x")
        found = _concerns(raw)
    raw.flushdb()
    raw.config_resetstat()
    assert "keys since its start" in found["evicted"]


@pytest.mark.parametrize(
    ("commands", "words"),
    [
        (["+@all", "-config"], "further settings unknown: CONFIG is not permitted"),
        (["+@all", "-info", "-config"], "version and settings unknown: INFO is not permitted"),
    ],
    ids=["no CONFIG", "neither"],
)
def test_forbidden_command_gives_unknown_and_no_failure(server, raw, commands, words):
    raw.acl_setuser("guest", enabled=True, passwords=["+hush"], keys=["*"], commands=commands)
    url = server.url().replace("//:", "//guest:")
    with closing(connect(url)) as client:
        standing = Ledger(client).standing()
    raw.acl_deluser("guest")

    assert words in standing.summary
    assert standing.concerns == ()


def test_commands_that_a_provider_has_renamed_are_unknown(tmp_path):
    class Managed(Valkey):
        def _write_config(self):
            config = super()._write_config()
            with config.open("a") as file:
                file.write('rename-command CONFIG ""\n')
            return config

    with Managed(tmp_path) as managed, closing(managed.client()) as raw:
        assert "CONFIG is not permitted" in look_at_server(raw).summary


def test_cluster_is_fatal(tmp_path):
    options = {"cluster-enabled": "yes", "cluster-port": str(free_port())}
    with (
        Valkey(tmp_path, options=options) as cluster,
        closing(Conveyor(broker_url=cluster.url())) as conveyor,
        pytest.raises(SettingsError, match="is a Redis Cluster, for which Celery has no client"),
    ):
        precautions.look_at_servers(conveyor.ledger, conveyor.celery_app, timeout_s=60)


@pytest.mark.parametrize(
    ("version", "is_fatal"),
    [("6.2.14", True), ("5.0.7", True), ("7.0.0", False), ("7.2.4", False), ("10.1", False)],
)
def test_version_before_the_least_is_fatal(raw, version, is_fatal):
    class Old:
        """A server of that version; its other answers are real."""

        def execute_command(self, command, *args):
            answer = dict(raw.execute_command(command, *args))
            return {**answer, "redis_version": version} if command == "INFO" else answer

    concerns = look_at_server(Old()).concerns
    assert [concern.is_fatal for concern in concerns] == ([True] if is_fatal else [])


def test_shared_server_is_checked_once(server):
    url = server.url()
    with closing(Conveyor(broker_url=url, redis_url=server.url(3))) as conveyor:
        servers = look(conveyor.ledger, conveyor.celery_app)

    assert [it.name for it in servers] == ["redis"]
    assert not finding_of(servers).warning
    assert fatal_of(servers) is None


def test_broker_of_its_own_is_looked_at_too(server, raw):
    with (
        Valkey() as broker,
        closing(Conveyor(broker_url=broker.url(), redis_url=server.url())) as conveyor,
        closing(broker.client()) as client,
        configured(client, maxmemory_policy="allkeys-lru"),
    ):
        found = finding_of(look(conveyor.ledger, conveyor.celery_app))

    assert found.warning
    assert "maxmemory-policy is allkeys-lru" in found.detail


def test_concerns_are_logged_once_each_at_the_start(server, raw, logged):
    with (
        closing(Conveyor(broker_url=server.url())) as conveyor,
        configured(raw, appendonly="no", maxmemory_policy="allkeys-lfu"),
    ):
        seen = precautions.look_at_servers(conveyor.ledger, conveyor.celery_app, timeout_s=60)
        precautions.log_concerns(seen)

    assert [line["about"] for line in logged] == ["maxmemory-policy", "appendonly"]
    assert {line["server"] for line in logged} == {"redis"}


def test_unreachable_server_is_checked_later(logged):
    with closing(Conveyor(broker_url="redis://127.0.0.1:1/0")) as conveyor:
        assert not precautions.look_at_servers(conveyor.ledger, conveyor.celery_app)
    assert logged == []


def test_fatal_concern_is_raised_in_one_line(server, monkeypatch):
    fatal = Concern("version", "it is version 6.2.0", is_fatal=True)
    monkeypatch.setattr("conveyor.ledger.server.concerns_of", lambda *_: [fatal])
    with (
        closing(Conveyor(broker_url=server.url())) as conveyor,
        pytest.raises(SettingsError, match=r"it is version 6\.2\.0"),
    ):
        precautions.look_at_servers(conveyor.ledger, conveyor.celery_app, timeout_s=60)


@pytest.fixture
def logged():
    with capture_logs() as lines:
        yield lines
