"""A deleted conversion is found nowhere: canaries are planted, and looked for everywhere."""

from __future__ import annotations

import base64
import os
import threading
import urllib.request
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import redis
from celery.result import AsyncResult

from conveyor import ConversionFailed
from conveyor.ledger.keys import Keys
from local_stack.ports import free_port
from local_stack.stack import LocalStack

KEYS = Keys()
CANARIES = {
    "file name": "canary-in-the-name",
    "words": "canary-among-the-words",
    "URL": "canary-in-the-path",
    "query": "canary-in-the-query",
    "parameter": "canary-in-a-parameter",
    "metadata": "canary-in-the-metadata",
    "idempotency key": "canary-in-the-key",
    "words at a URL": "canary-behind-the-url",
}


class Documents(BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"# {CANARIES['words at a URL']}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def documents():
    with ThreadingHTTPServer(("127.0.0.1", 0), Documents) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def vendors_folder(tmp_path_factory):
    """Where the sandbox keeps its `files`. Beside them lies what it repeats for load tests."""
    folder = tmp_path_factory.mktemp("vendor")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        yield folder


@pytest.fixture(scope="module")
def stack(vendors_folder):
    assert vendors_folder
    with LocalStack(web=True, settings={"LOG_LEVEL": "INFO"}) as running:
        yield running


class Everywhere:
    """All that is kept, by where it is."""

    def __init__(self, stack, vendors_folder):
        self._stack = stack
        self._vendors_folder = vendors_folder

    def read(self):
        own = [child for child in self._stack.processes() if child is not self._stack.sandbox]
        return {
            "Redis": _redis(self._stack.valkey),
            "storage": _files(Path(self._stack.storage_url.removeprefix("file://"))),
            "vendor": b"\0".join(map(_files, self._vendors_folder.glob("*/files"))),
            "logs": b"".join(child.log.read_bytes() for child in own),
        }

    def found(self):
        """Which canaries are where."""
        held = self.read()
        return {
            (name, where)
            for name, canary in CANARIES.items()
            for where, content in held.items()
            if any(form in content for form in _forms(canary.encode()))
        }


def _forms(canary):
    """As it is, and as base64 has it, wherever it begins: so messages carry their bodies."""
    yield canary
    for shift in range(3):
        encoded = base64.b64encode(b"x" * shift + canary)
        # What is shared with neighbours is left out.
        yield encoded[4 if shift else 0 : len(encoded) - 4]


def _redis(valkey):
    """Names and values of every database."""
    pieces = []
    for database in range(16):
        with closing(redis.Redis.from_url(valkey.url(database))) as client:
            for name in client.scan_iter(count=1000):
                pieces += [name, repr(_value(client, name)).encode()]
    return b"\0".join(pieces)


def _value(client, name):
    read = {
        b"hash": client.hgetall,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        b"string": client.get,
        b"stream": client.xrange,
    }
    kind = client.type(name)
    return None if kind == b"none" else read[kind](name)


def _files(folder):
    """Names and bytes of all files below a folder."""
    pieces = []
    for place, folders, names in os.walk(folder):
        pieces += [name.encode() for name in (*folders, *names)]
        for name in names:
            path = Path(place, name)
            if path.is_file():
                pieces.append(path.read_bytes())
    return b"\0".join(pieces)


def _delete_over_http(stack, conversion_id):
    url = f"{stack.web_url}/conversions/{conversion_id}?erase=true"
    urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=60).close()


def test_canaries_of_deleted_conversions_are_found_nowhere(
    *, stack, sandbox, documents, vendors_folder, tmp_path, until
):
    everywhere = Everywhere(stack, vendors_folder)
    document = tmp_path / f"{CANARIES['file name']}.md"
    document.write_text(f"# {CANARIES['words']}\n")
    url = f"{documents}/{CANARIES['URL']}.md?token={CANARIES['query']}"
    # Nobody answers there, so what is to be told waits.
    callback = f"http://127.0.0.1:{free_port()}/hooks"
    wishes = {"metadata": {"order": CANARIES["metadata"]}, "callback": callback}
    locked = {"Password": CANARIES["parameter"]}
    key = CANARIES["idempotency key"]

    with closing(stack.conveyor()) as conveyor:
        with sandbox.faults(error_5001=1.0):
            dead = conveyor.convert(document, to="html", params=locked, **wishes)
            dead_by_url = conveyor.convert(url, to="html")
            for handle in (dead, dead_by_url):
                with pytest.raises(ConversionFailed):
                    handle.wait(timeout=120)
        # What was to be deleted at the service is still there: a DELETE is refused.
        with sandbox.faults(leaky_error_delete=1.0):
            done = conveyor.convert(document, to="html", idempotency_key=key, **wishes)
            by_url = conveyor.convert(url, to="html", params=locked)
            signed = conveyor.signature(url, to="html", **wishes).apply_async()
            for handle in (done, by_url):
                handle.wait(timeout=120)
            signed.get(timeout=120)
        # It is uploaded, and waits: the result of a job that ends after the cancellation has an
        # address that nobody is told.
        with sandbox.faults(leaky_error_delete=1.0, throttle_submit=1.0):
            running = conveyor.convert(document, to="pdf", **wishes)
            until(lambda: conveyor.ledger.get(running.id).uploads)
            ids = [dead.id, dead_by_url.id, done.id, by_url.id, signed.id, running.id]
            before = everywhere.found()
            deletions = [conveyor.delete(each) for each in ids[1:]]
            _delete_over_http(stack, dead.id)
        until(lambda: all(conveyor.delete(each).erased_at for each in ids), seconds=180)
        until(lambda: conveyor.ledger.leftovers.count() == 0, seconds=180)

        assert [deletion.id for deletion in deletions] == ids[1:]
        states = {AsyncResult(each, app=conveyor.celery_app).state for each in ids}

    # There was something to find, in each place but the log.
    assert {where for _, where in before} == {"Redis", "storage", "vendor"}
    assert {name for name, _ in before} >= CANARIES.keys() - {"idempotency key"}
    # What the service has fetched itself has no address that anybody is told. It removes it itself.
    assert everywhere.found() == {("words at a URL", "vendor")}
    assert states == {"PENDING"}
