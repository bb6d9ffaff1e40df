"""`web` killed, or its client gone, in the middle of an upload: nothing half-made, nothing kept."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

import pytest

from conveyor import State
from conveyor.ledger.keys import Keys
from local_stack.stack import LocalStack
from workers.cleaner import EVERY_S

KEYS = Keys()

BOUNDARY = "a-boundary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
PIECE = b"# Words\n" * 2**18
# More than is sent: the upload is under way.
DECLARED_BYTES = 10 * len(PIECE)


def _part(name, content, file_name=None):
    file = f'; filename="{file_name}"' if file_name else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return head.encode() + content + b"\r\n"


TARGET = _part("to", b"html")
HALF_PART = _part("file", PIECE, "half.md")[:-2]
# The uploads that are under way, by what lies in the storage then: path, media type, content.
UPLOADS = {
    "raw.md.part": ("/conversions?to=html&name=raw.md", "application/octet-stream", PIECE),
    "half.md.part": ("/conversions", FORM, TARGET + HALF_PART),
    # Staged, and no conversion yet: the target is still to come.
    "whole.md": ("/conversions", FORM, _part("file", PIECE, "whole.md") + TARGET[:-2]),
    "first.md half.md.part": (
        "/conversions",
        FORM,
        TARGET + _part("file", PIECE, "first.md") + HALF_PART,
    ),
}


@pytest.fixture(scope="module")
def stack():
    with LocalStack(web=True) as running:
        yield running


@pytest.fixture
def upload(site, until):
    """Begins an upload and leaves it open, once its files lie in the storage."""
    with ExitStack() as connections:

        def upload(lying, path, content_type, begun):
            there = set(site.staged())
            where = urlsplit(site.stack.web_url)
            connection = socket.create_connection((where.hostname, where.port), timeout=30)
            connections.enter_context(closing(connection))
            connection.sendall(
                f"POST {path} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: {content_type}\r\n"
                f"Content-Length: {DECLARED_BYTES}\r\n\r\n".encode()
                + begun
            )
            until(lambda: _shown(set(site.staged()) - there) == lying)
            return connection

        yield upload


def _shown(paths):
    """Files by their names, without what makes a temporary name one of its own."""
    names = [path.name for path in paths if path.is_file() and path.stat().st_size]
    return " ".join(sorted(_plain(name) for name in names))


def _plain(name):
    return f"{name[1:].rsplit('.', 2)[0]}.part" if name.endswith(".part") else name


@pytest.mark.parametrize("lying", UPLOADS)
def test_a_client_that_goes_away_leaves_nothing(lying, upload, site, until):
    upload(lying, *UPLOADS[lying]).close()

    until(lambda: site.staged() == [] and site.reservations() == [])
    assert site.get("/conversions").json()["conversions"] == []


def test_a_killed_web_leaves_no_conversion_and_a_worker_clears_away(upload, stack, site, until):
    for lying, (path, content_type, begun) in UPLOADS.items():
        upload(lying, path, content_type, begun)
    tokens = {path.name for path in site.staged() if path.is_dir()}
    stack.web.kill()

    stack.start_web()
    assert site.get("/conversions").json()["conversions"] == []
    assert site.get("/fleet").json()["states"] == dict.fromkeys(State, 0)
    assert set(site.reservations()) == tokens, "the files are nobody's, and on record"
    assert " ".join(sorted(map(_plain, _files(site)))) == " ".join(sorted(UPLOADS))

    with closing(stack.conveyor()) as conveyor:
        conveyor.stage("waiting.md", [PIECE])
    with closing(stack.valkey.client()) as redis:
        redis.zadd(KEYS.staging, dict.fromkeys(tokens, time.time() - 1), xx=True)
    until(lambda: _files(site) == ["waiting.md"], EVERY_S + 60)
    assert tokens.isdisjoint(site.reservations())
    assert site.end(site.convert())["state"] == State.SUCCEEDED


def _files(site):
    return [path.name for path in site.staged() if path.is_file()]
