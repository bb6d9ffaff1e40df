"""Large files pass through `web` and a worker, both ways, and lie in nobody's memory."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import sys
import time
import zipfile
import zlib
from contextlib import closing
from functools import cached_property, reduce
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from conveyor import State
from workers.local.stack import LocalStack

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="a process's memory is read from Linux's /proc"
)

# Above what a process may hold at once.
BYTES = 25 * 10**7
LARGE_BYTES = 10**9
PIECE = 2**20
MOST_BYTES = 200 * 10**6
BOUNDARY = "a-boundary"
NAME = "large.bin"


class Content:
    """What can't be compressed, made as it is read; the same each time."""

    def __init__(self, size):
        self.size = size
        self._block = secrets.token_bytes(PIECE)

    def __iter__(self):
        for number in range(self.size // PIECE + 1):
            # Numbered, so that no piece can be lost, doubled or swapped unseen.
            piece = number.to_bytes(8, "big") + self._block[8:]
            yield piece[: self.size - number * PIECE]

    @cached_property
    def crc32(self):
        return reduce(lambda crc, piece: zlib.crc32(piece, crc), self, 0)


@pytest.fixture(scope="module")
def stack():
    # With webhooks a result is fetched at once: the sandbox packs equal files only once.
    with LocalStack(web=True, webhooks=True, settings={"LOG_LEVEL": "WARNING"}) as running:
        yield running


def _send(site, path, content_type, size, pieces):
    """POST a body of a known size, piece by piece; returns the conversion."""
    with closing(HTTPConnection(urlsplit(site.stack.web_url).netloc, timeout=120)) as connection:
        headers = {"Content-Type": content_type, "Content-Length": str(size)}
        connection.request("POST", path, pieces, headers)
        answer = connection.getresponse()
        assert answer.status == 202, answer.read()
        return json.load(answer)


def _send_raw(site, content):
    query = urlencode({"to": "zip", "from_format": "any", "name": NAME})
    path = f"/conversions?{query}"
    return _send(site, path, "application/octet-stream", content.size, iter(content))


def _send_form(site, content):
    before = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="to"\r\n\r\nzip\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="from_format"\r\n\r\nany\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{NAME}"\r\n\r\n'
    ).encode()
    after = f"\r\n--{BOUNDARY}--\r\n".encode()

    def pieces():
        yield before
        yield from content
        yield after

    size = len(before) + content.size + len(after)
    return _send(site, "/conversions", f"multipart/form-data; boundary={BOUNDARY}", size, pieces())


def _fetch(site, href):
    """Download a file; returns its size, its hash, and the hash that its tag tells."""
    digest, size = hashlib.sha256(), 0
    with site.get(href, stream=True) as answer:
        assert answer.status_code == 200
        for piece in answer.iter_content(PIECE):
            digest.update(piece)
            size += len(piece)
        return size, digest.hexdigest(), answer.headers["ETag"].strip('"')


def _peak_bytes(process):
    """The most memory that a process has had at once."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024


@pytest.mark.large
@pytest.mark.timeout(600)
@pytest.mark.parametrize("send", [_send_raw, _send_form], ids=["raw", "form"])
def test_large_upload_comes_back_whole_while_no_process_holds_it(send, large, site, tell, until):
    size = LARGE_BYTES if large else BYTES
    content = Content(size)
    begun = time.monotonic()
    conversion_id = send(site, content)["id"]
    sent = time.monotonic()
    ended = site.end(conversion_id)
    done = time.monotonic()
    assert (ended["state"], ended["failure"]) == (State.SUCCEEDED, None)
    (file,) = ended["files"]
    fetched = _fetch(site, file["href"])
    fetched_s = time.monotonic() - done
    peaks = {child.name: _peak_bytes(child) for child in (site.stack.web, *site.stack.workers)}
    tell(
        f"{size / 10**9:g} GB: sent in {sent - begun:.1f} s, converted in {done - sent:.1f} s, "
        f"fetched in {fetched_s:.1f} s; peaks: "
        + ", ".join(f"{name} {peak / 10**6:.0f} MB" for name, peak in peaks.items())
    )

    assert fetched == (file["size"], file["sha256"], file["sha256"])
    assert file["size"] > size
    assert max(peaks.values()) < MOST_BYTES
    (stored,) = (site.stack.directory / "files" / "results" / conversion_id).iterdir()
    with zipfile.ZipFile(stored) as archive:
        (packed,) = archive.infolist()
    # As it was sent: the archive tells what has arrived at the service.
    assert (packed.filename, packed.file_size, packed.CRC) == (NAME, size, content.crc32)
    # The worker clears up once it has said how the conversion ended.
    until(lambda: not site.staged())
    stored.unlink()
