"""A real Valkey for whoever asks; each test that does begins with an empty one."""

from __future__ import annotations

import gc
from contextlib import closing
from uuid import uuid4

import pytest

from conveyor.domain.answers import RemoteFile, Result
from conveyor.domain.dialect import Dialect
from conveyor.domain.request import ConversionRequest
from conveyor.ledger import Ledger, Submission, connect
from local_stack.valkey import Valkey

PASSWORD = "hush-of-redis"


@pytest.fixture(scope="session", autouse=True)
def _no_child_logs_a_traceback(children_are_watched, programs_are_forked):
    """Fail a test that has a child log one, unless it is marked with ``tracebacks``."""


@pytest.fixture(scope="session")
def valkey_server():
    with Valkey(password=PASSWORD) as server:
        yield server
        # Celery unsubscribes when a result is collected, and tries for 20 s where the server has
        # gone.
        gc.collect()


@pytest.fixture
def redis_url(valkey_server):
    """An empty database."""
    with closing(valkey_server.client()) as client:
        client.flushall()
    return valkey_server.url()


@pytest.fixture(scope="session")
def app(valkey_server):
    """The workers' application, which reads the environment when it is imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONVEYOR_API_SECRET", "sandbox")
        patch.setenv("CONVEYOR_BROKER_URL", valkey_server.url())
        from workers.app import app as made  # noqa: PLC0415 - not before the environment is set

        made.loader.import_default_modules()
    yield made
    made.close()


@pytest.fixture
def client(redis_url):
    with closing(connect(redis_url)) as made:
        yield made


@pytest.fixture
def ledger(client):
    return Ledger(client)


class Make:
    """Conversions in any state, each by the shortest way."""

    request = ConversionRequest.build("https://example.com/a.docx", "pdf")
    result = Result(1, (RemoteFile("a.pdf", "https://v2.convertapi.com/d/x", 3),))

    def __init__(self, ledger):
        self._ledger = ledger

    def queued(self, conversion_id=None, caller=None):
        return self._ledger.open(conversion_id or str(uuid4()), self.request, caller)

    def converting(self, *, confirmed=False, caller=None, job_id="0" * 32, base_url="http://x"):
        entry = self.queued(caller=caller)
        begun = self.submitting(entry, job_id, base_url)
        return self._ledger.started(begun, job_id, 1.0) if confirmed else begun

    def submitting(self, entry, job_id="0" * 32, base_url="http://x"):
        return self._ledger.begin_submit(entry, Submission(job_id, base_url, Dialect.PATH))

    def ready(self, caller=None):
        return self._ledger.ready(self.converting(caller=caller), self.result)


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "a.md"
    path.write_text("# Title\n")
    return path


@pytest.fixture
def make(ledger):
    return Make(ledger)


class Rewind:
    """Takes the ledger back to what it held a moment ago: the last writes were lost.

    So it is after a switch to a replica that lacked them, or after a restart from disk. Messages
    in the broker stay as they are.
    """

    def __init__(self, raw):
        self._raw = raw
        self._held = {}

    def take(self):
        """Remember what there is."""
        names = sorted(self._raw.scan_iter(b"{conveyor}:*", count=1000))
        pipeline = self._raw.pipeline(transaction=False)
        for name in names:
            pipeline.dump(name)
            pipeline.pttl(name)
        found = pipeline.execute()
        self._held = dict(zip(names, zip(found[::2], found[1::2], strict=True), strict=True))

    def back(self):
        """Lose everything that was written since."""
        pipeline = self._raw.pipeline()
        for name in self._raw.scan_iter(b"{conveyor}:*", count=1000):
            pipeline.delete(name)
        for name, (dumped, ttl_ms) in self._held.items():
            if dumped is not None:
                pipeline.restore(name, max(ttl_ms, 0), dumped)
        pipeline.execute()


@pytest.fixture
def rewind(valkey_server, redis_url):
    with closing(valkey_server.client()) as raw:
        yield Rewind(raw)
