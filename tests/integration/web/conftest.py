"""The web process in a thread: uvicorn on loopback, before a real Valkey and a real storage."""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import structlog

from config.web import WebSettings
from conveyor import Conveyor
from conveyor.settings import load
from conveyor.storage import Storage
from web.auth import hash_of
from web.server import make_server
from web.serving import address_of, listen

KEY = "conveyor_key-of-the-tests"
WEBHOOK_KEY = "key-of-the-webhooks"
START_S = 60


@dataclass
class Site:
    """A running web process, and what it stands on."""

    url: str
    conveyor: Conveyor
    folder: Path
    session: requests.Session

    def ask(self, method, path, **options):
        options.setdefault("timeout", 60)
        return self.session.request(method, self.url + path, **options)

    def get(self, path, **options):
        return self.ask("GET", path, **options)

    def post(self, path, **options):
        return self.ask("POST", path, **options)

    def staged(self):
        """What lies in the storage for the workers, broken pieces among it."""
        # Unlike a glob it takes folders that vanish meanwhile.
        return sorted(name for _, _, names in os.walk(self.folder / "staged") for name in names)


class _Thread:
    """Runs a server until it is told to end."""

    def __init__(self, settings, conveyor):
        self._ready = threading.Event()
        self._listener = listen("127.0.0.1", 0)
        self.url = address_of(self._listener)
        self.server = make_server(settings, conveyor, self._ready.set)
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        with self._listener:
            self.server.run(sockets=[self._listener])

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(START_S), "the server did not start"
        return self

    def __exit__(self, *_):
        self.server.should_exit = True
        self._thread.join(START_S)
        assert not self._thread.is_alive()


@contextmanager
def _site(server_url, folder, *, has_key=False, redis_url=None, **settings):
    if has_key:
        settings["web_api_keys"] = f"tests:{hash_of(KEY)}"
    where = {
        "broker_url": server_url,
        "redis_url": redis_url or server_url,
        "storage_url": folder.as_uri(),
    }
    conveyor = Conveyor(**where, link_key=settings.get("link_key"))
    with (
        _Thread(load(WebSettings, **where, **settings), conveyor) as thread,
        requests.Session() as session,
    ):
        session.trust_env = False
        if has_key:
            session.headers["Authorization"] = f"Bearer {KEY}"
        yield Site(thread.url, conveyor, folder, session)


@pytest.fixture
def folder(tmp_path_factory, redis_url):
    """The storage of every site; empty."""
    place = tmp_path_factory.getbasetemp() / "files"
    shutil.rmtree(place, ignore_errors=True)
    return place


@pytest.fixture
def serve(redis_url, folder, _log):
    """Start a web process with these settings; it ends with the test."""
    with ExitStack() as running:
        yield lambda **settings: running.enter_context(_site(redis_url, folder, **settings))


@pytest.fixture(scope="session")
def _log():
    """What the servers' threads log, a test finds in `caplog`."""
    structlog.configure(
        processors=[structlog.stdlib.render_to_log_kwargs],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    yield
    structlog.reset_defaults()


@pytest.fixture
def logged_requests(caplog):
    """What was logged of requests, whatever an earlier test has configured structlog with."""

    def look():
        told = [it.msg if isinstance(it.msg, dict) else vars(it) for it in caplog.records]
        return [fields for fields in told if fields.get("event", fields.get("msg")) == "request"]

    return look


@pytest.fixture(scope="session")
def _standing_site(valkey_server, tmp_path_factory, _log):
    place = tmp_path_factory.getbasetemp() / "files"
    with _site(
        valkey_server.url(), place, web_requests_per_minute=0, webhook_key=WEBHOOK_KEY
    ) as site:
        yield site


@pytest.fixture
def site(_standing_site, folder):
    """The web process that most tests share, before an empty Valkey and an empty storage."""
    return _standing_site


@pytest.fixture
def heard():
    """Reads a connection to its end, a reset where the other end has left bytes unread."""

    def read(client):
        pieces = []
        with suppress(ConnectionResetError):
            while piece := client.recv(4096):
                pieces.append(piece)
        return b"".join(pieces)

    return read


@pytest.fixture
def storage(folder):
    """The storage of the sites."""
    return Storage(folder.as_uri())


@pytest.fixture
def converted(make, ledger, storage):
    """A conversion that has succeeded, with one file."""

    def end(name="a.pdf", content=b"0123456789" * 10):
        entry = make.ready()
        file = storage.save(entry.id, name, [content])
        assert ledger.succeeded(entry, (file,)) is not None
        return entry.id

    return end
