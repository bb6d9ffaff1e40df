"""Pass a file through the storage, and print the most memory that this took, in MB.

python passing.py URL MB: as a worker does it that fetches a result, and as one that uploads it.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("CONVEYOR_API_SECRET", "sandbox")
importlib.import_module("workers.app").app.loader.import_default_modules()
storage_module = importlib.import_module("conveyor.storage")

_CHUNK = 1024 * 1024


def peak_mb() -> int:
    # Not `getrusage`: it counts what this process was before it ran this program.
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    raise AssertionError("no VmHWM")


def main(url: str, size_mb: int) -> None:
    storage = storage_module.Storage(url)
    storage.check()
    before = peak_mb()
    began = time.monotonic()
    written = hashlib.sha256()
    writer = storage.result("big", "big.bin")
    for number in range(size_mb):
        chunk = number.to_bytes(4, "big") * (_CHUNK // 4)
        written.update(chunk)
        writer.write(chunk)
    writer.finish()
    stored = time.monotonic()
    sent = hashlib.sha256()
    with storage.open_source(writer.uri) as stream:
        for chunk in storage_module.chunks_of(stream):
            sent.update(chunk)
    read = hashlib.sha256()
    size = 0
    for chunk in storage.read(writer.uri):
        read.update(chunk)
        size += len(chunk)
    storage.remove_results("big")
    assert size == size_mb * _CHUNK
    assert written.digest() == sent.digest() == read.digest()
    times = f"{stored - began:.1f} {time.monotonic() - stored:.1f}"
    sys.stdout.write(f"{before} {peak_mb()} {times}\n")


main(sys.argv[1], int(sys.argv[2]))
