"""One URL leads the ledger, the broker, the results and the followers to the same place."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing
from urllib.parse import quote

import pytest
from celery import Celery
from kombu import Connection

from conveyor.errors import LedgerUnavailable
from conveyor.ledger import Ledger, aconnect, connect
from conveyor.messaging.extensions import BACKENDS
from conveyor.messaging.transport import Transport
from conveyor.settings import ExplicitSettings, load
from workers.flower import Queues

PASSWORD = "p@ss/w:rd"


def _round_trip(url):
    """What each of the four has written, and in which database all of it lies."""
    settings = load(ExplicitSettings, broker_url=url)
    broker_url, redis_url, result_backend = (
        getattr(settings, name).get_secret_value()
        for name in ("broker_url", "redis_url", "result_backend")
    )
    with closing(connect(redis_url)) as client:
        Ledger(client).check()
        client.flushdb()
        with Connection(broker_url, transport=Transport) as broker:
            queue = broker.SimpleQueue("jobs")
            queue.put("one")
            queue.close()
        counted = asyncio.run(Queues(broker_url).queues(["jobs", "none"]))
        assert counted == [{"name": "jobs", "messages": 1}, {"name": "none", "messages": 0}]
        _store(result_backend)
        asyncio.run(_ping(redis_url))
        return {key for key in client.scan_iter() if not key.startswith("_kombu")}


def _store(url):
    with Celery(set_as_current=False) as app:
        app.loader.override_backends = BACKENDS
        app.conf.result_backend = url
        with closing(app.backend.client):
            app.backend.store_result("t1", 1, "SUCCESS")


async def _ping(url):
    async with aconnect(url) as client:
        assert await client.ping()


def _has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


PLAIN = {
    "redis": "redis://127.0.0.1:{port}",
    "database_in_path": "redis://127.0.0.1:{port}/3",
    "database_in_query": "redis://127.0.0.1:{port}?db=17",
    "user": "redis://shop:{password}@127.0.0.1:{port}/1",
    "ipv6": "redis://[::1]:{port}/1",
    "unix": "unix://{socket}?db=2",
    "unix_user": "unix://shop:{password}@{socket}",
    "kombus_socket": "redis+socket://{socket}?virtual_host=2",
}


@pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")
@pytest.mark.parametrize("name", PLAIN)
def test_one_url_does_for_all(plain_server, name):
    if name == "ipv6" and not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    url = PLAIN[name].format(
        port=plain_server.port, socket=plain_server.socket, password=quote(PASSWORD, safe="")
    )

    assert _round_trip(url) == {"jobs", "celery-task-meta-t1"}


@pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")
@pytest.mark.parametrize("spelling", ["required", "CERT_REQUIRED", ""])
def test_tls_with_an_own_authority_and_a_clients_certificate(tls_server, authority, spelling):
    cert, key = tls_server.client_files
    wanted = f"&ssl_cert_reqs={spelling}" if spelling else ""
    url = (
        f"rediss://:hush@127.0.0.1:{tls_server.tls_port}/1?ssl_ca_certs={authority.file}"
        f"&ssl_certfile={cert}&ssl_keyfile={key}{wanted}"
    )

    assert _round_trip(url) == {"jobs", "celery-task-meta-t1"}


@pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")
@pytest.mark.parametrize("spelling", ["none", "CERT_NONE"])
def test_tls_without_a_look_at_the_certificate(tls_server, spelling):
    cert, key = tls_server.client_files
    url = (
        f"rediss://:hush@127.0.0.1:{tls_server.tls_port}?ssl_cert_reqs={spelling}"
        f"&ssl_certfile={cert}&ssl_keyfile={key}"
    )

    assert _round_trip(url) == {"jobs", "celery-task-meta-t1"}


def test_tls_verifies_the_certificate_unless_it_is_told_not_to(tls_server):
    cert, key = tls_server.client_files
    url = f"rediss://:hush@127.0.0.1:{tls_server.tls_port}?ssl_certfile={cert}&ssl_keyfile={key}"
    with closing(connect(url)) as client, pytest.raises(LedgerUnavailable) as raised:
        Ledger(client).check()

    assert "hush" not in str(raised.value)
    assert "\n" not in str(raised.value)
