"""What files cost at an object store: requests, and memory.

`STORAGE_MB=200 python -m pytest -s tests/integration/storage/test_price.py` measures what stands in
docs/production.md. The servers take most of its time.
"""

from __future__ import annotations

import os
import sys
from secrets import token_hex

import pytest

from conveyor.storage import CHUNK_BYTES
from conveyor.storage.objects import PART_BYTES
from tests.integration.storage.conftest import run_python

SIZE_MB = int(os.environ.get("STORAGE_MB", "40"))
# Above what the process took before: the parts on their way, and copies of them.
MOST_MB = 60
OBJECT_STORES = ["s3", "gs", "abfs"]


def _words(asked):
    return [each.method for each in asked]


@pytest.mark.parametrize("kind", ["s3", "gs", "abfs"], indirect=True)
def test_a_small_conversion_costs_five_requests(storage, kind):
    writer = storage.stage(token_hex(16), "a.docx")

    def stage():
        writer.write(b"words")
        writer.finish()

    def open_source():
        with storage.open_source(writer.uri) as stream:
            assert stream.read() == b"words"

    def store():
        storage.save("c1", "a.pdf", [b"%PDF", b"-1.4"])

    uri = f"{storage.location}/results/c1/a.pdf"
    write = ["POST"] if kind.url.startswith("gs") else ["PUT"]

    assert _words(kind.asked(stage)) == write
    assert _words(kind.asked(open_source)) == ["GET"]
    assert _words(kind.asked(store)) == write
    assert _words(kind.asked(lambda: list(storage.read(uri)))) == ["GET"]
    assert _words(kind.asked(lambda: list(storage.read(uri, 2, 4)))) == ["GET"]
    assert _words(kind.asked(lambda: storage.remove_staged([writer.uri]))) == ["DELETE"]
    assert _words(kind.asked(lambda: storage.remove_partials("c1"))) == []
    assert len(kind.asked(storage.check)) == 3


@pytest.mark.parametrize("kind", ["s3"], indirect=True)
def test_a_large_file_is_one_multipart_upload(storage, kind):
    pieces = [bytes(CHUNK_BYTES)] * 12
    open_before = kind.server.open_uploads()
    asked = kind.asked(lambda: storage.save("c1", "a.bin", pieces))
    parts = -(-len(pieces) * CHUNK_BYTES // PART_BYTES)

    assert _words(asked) == ["POST", *["PUT"] * parts, "POST"]
    assert kind.server.open_uploads() == open_before


@pytest.mark.parametrize("kind", ["s3"], indirect=True)
def test_ten_bytes_of_a_large_file_are_read_alone(storage, kind):
    """Seen: 50 MB for a range of ten bytes."""
    stored = storage.save("c1", "a.bin", [bytes(CHUNK_BYTES)] * 12)
    received = []

    def read():
        received.extend(storage.read(stored.uri, 7 * CHUNK_BYTES, 7 * CHUNK_BYTES + 10))

    assert _words(kind.asked(read)) == ["GET"]
    assert received == [bytes(10)]


@pytest.mark.skipif(sys.platform != "linux", reason="memory is told in other units elsewhere")
@pytest.mark.parametrize("kind", OBJECT_STORES)
def test_a_large_file_passes_in_parts(servers, kind):
    """Written, opened and read in a process that has all modules of a worker."""
    server = servers[kind]
    program = "import runpy, sys; sys.argv[0] = 'passing'; runpy.run_path('{}', run_name='x')"
    code = program.format("tests/integration/storage/passing.py")
    ran = run_python(code, server.environment(), server.url, str(SIZE_MB))
    assert ran.returncode == 0, ran.stderr
    before, most, *seconds = ran.stdout.split()
    sys.stdout.write(f"\n{kind}: {SIZE_MB} MB, {before} to {most} MB of memory, {seconds} s\n")

    assert int(most) - int(before) < MOST_MB
