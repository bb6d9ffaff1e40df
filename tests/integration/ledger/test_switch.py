"""The primary is switched on purpose: the address leads elsewhere, old connections stay open.

Two real servers; what is a name or a virtual address elsewhere is a proxy here.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from threading import Barrier, Thread

import pytest
from celery import Celery, states
from kombu import Connection

from chaos.proxy import Proxy
from conveyor import Conveyor, names
from conveyor.errors import BrokerUnavailable, LedgerUnavailable
from conveyor.ledger import Ledger, connect
from conveyor.ledger.keys import Keys
from conveyor.messaging.result_backend import Backend
from conveyor.messaging.transport import Transport
from local_stack.valkey import Valkey

KEYS = Keys()

PASSWORD = "hush"
THREADS = 8


class Pair:
    """A primary, its replica, and the address that leads to the primary."""

    def __init__(self, old, new, proxy):
        self.old, self.new, self._proxy = old, new, proxy
        self.url = old.url().replace(f":{old.port}/", f":{proxy.port}/")

    def switch(self):
        self.demote()
        self._proxy.lead_to(self.new.port)

    def demote(self):
        """The address leads to what is a replica now, as it does for some seconds."""
        self.old.hand_over_to(self.new)


@pytest.fixture
def pair():
    with ExitStack() as open_:
        old, new = (open_.enter_context(Valkey(password=PASSWORD)) for _ in range(2))
        new.follow(old)
        yield Pair(old, new, open_.enter_context(Proxy(old.port)))


@pytest.fixture
def client(pair):
    with closing(connect(pair.url)) as made:
        yield made


@pytest.fixture
def conveyor(pair, tmp_path):
    urls = dict.fromkeys(("broker_url", "redis_url", "result_backend"), pair.url)
    with closing(Conveyor(**urls, storage_url=tmp_path.as_uri())) as made:
        yield made


@pytest.fixture
def backend(pair):
    with Celery(set_as_current=False) as app:
        made = Backend(app=app, url=pair.url)
        with closing(made.client):
            yield made


def _port_of(client):
    return client.info("server")["tcp_port"]


def _at_once(work):
    """Let each thread have a connection of its own."""
    barrier, done = Barrier(THREADS), []

    def run():
        barrier.wait()
        done.append(work(barrier))

    threads = [Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


def test_ledger_writes_to_the_new_primary(pair, client, make):
    ledger = Ledger(client)
    entry = make.queued("c1")
    pair.switch()

    assert ledger.open("c2", entry.request) is not None
    assert _port_of(client) == pair.new.port


def test_ledger_says_that_the_address_leads_to_a_replica(pair, client, make):
    make.queued("c1")
    pair.demote()

    with pytest.raises(LedgerUnavailable, match="is a replica and refuses writes") as raised:
        make.queued("c2")
    assert "CONVEYOR_REDIS_URL" in str(raised.value)
    assert PASSWORD not in str(raised.value)


def test_one_write_that_is_refused_leads_the_whole_pool_to_the_new_primary(pair, client):
    def hold(barrier):
        with closing(client.client()) as held:
            held.ping()
            barrier.wait()
            return _port_of(held)

    assert set(_at_once(hold)) == {pair.old.port}
    pair.switch()
    client.set("any", "thing")

    assert set(_at_once(hold)) == {pair.new.port}


def test_transaction_and_script_are_repeated_at_the_new_primary(pair, client):
    script = client.register_script("return redis.call('incr', KEYS[1])")
    script(keys=["counted"])
    pair.switch()

    assert script(keys=["counted"]) == 2
    with client.pipeline() as pipeline:
        assert pipeline.incr("counted").incr("counted").execute() == [3, 4]


def test_producer_has_a_conversion_accepted_after_the_switch(pair, conveyor):
    conveyor.convert("https://example.com/a.docx", to="pdf")
    pair.switch()
    handle = conveyor.convert("https://example.com/b.docx", to="pdf")

    with closing(pair.new.client()) as new:
        assert new.llen(names.SUBMIT) == 2
    assert handle.state == "queued"


def test_producer_has_a_signature_accepted_after_the_switch(pair, conveyor):
    conveyor.signature("https://example.com/a.docx", to="pdf").apply_async(ignore_result=True)
    pair.switch()
    conveyor.signature("https://example.com/b.docx", to="pdf").apply_async(ignore_result=True)

    with closing(pair.new.client()) as new:
        assert new.llen(names.SUBMIT) == 2


def test_producer_with_an_app_of_its_own_has_one_accepted_too(pair, tmp_path):
    with (
        Celery("shop", set_as_current=False, broker=pair.url, backend=pair.url) as app,
        closing(Conveyor(celery_app=app, redis_url=pair.url, storage_url=tmp_path.as_uri())) as own,
    ):
        own.convert("https://example.com/a.docx", to="pdf")
        pair.switch()
        own.convert("https://example.com/b.docx", to="pdf")

        with closing(pair.new.client()) as new:
            assert new.llen(names.SUBMIT) == 2


def test_unpublished_conversion_is_not_accepted(pair, conveyor, client):
    conveyor.convert("https://example.com/a.docx", to="pdf")
    pair.demote()
    with pytest.raises((BrokerUnavailable, LedgerUnavailable)):
        conveyor.convert("https://example.com/b.docx", to="pdf")

    assert len(client.keys(f"{KEYS.entry_prefix}*")) == 1


@pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")
def test_result_is_stored_at_the_new_primary(pair, backend):
    backend.store_result("t1", {"a": 1}, states.SUCCESS)
    pair.switch()
    backend.store_result("t2", {"a": 2}, states.SUCCESS)

    with closing(pair.new.client()) as new:
        assert new.exists("celery-task-meta-t1", "celery-task-meta-t2") == 2


def test_worker_that_waits_for_a_message_sees_a_lost_connection(pair):
    with Connection(pair.url, transport=Transport) as waiting:
        queue = waiting.SimpleQueue("jobs")
        switching = Thread(target=pair.switch)
        switching.start()
        with pytest.raises(waiting.connection_errors):
            queue.get(timeout=30)
        switching.join()


def test_worker_with_a_refused_message_sees_a_lost_connection(pair):
    with Connection(pair.url, transport=Transport) as sending:
        queue = sending.SimpleQueue("jobs")
        queue.put("one")
        pair.switch()
        with pytest.raises(sending.connection_errors):
            queue.put("two")
