"""Files on their way into an object store, where a file appears when its write ends.

A file of up to `PART_BYTES` is one PUT. A larger one is one multipart upload. Both appear whole or
not at all, so nothing is written under another name first, copied and removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from conveyor.storage.objects import GCS, PART_BYTES

__all__ = ["Upload"]

# How gcsfs tells the end of a file in a single request. A file that holds it goes another way.
_GCSFS_BOUNDARY: Final = b"--==0=="


class Upload:
    """One object on its way.

    Args:
        fs: The file system, fsspec's.
        path: The object's path there.
    """

    def __init__(self, fs: Any, path: str) -> None:
        self._fs = fs
        self._path = path
        # What has come so far of a file that may be small.
        self._piece = bytearray()
        self._parts: Any = None
        self._filled = 0

    def write(self, chunk: bytes) -> None:
        """Take the next piece, of any size."""
        if self._parts is not None:
            self._send(chunk)
            return
        self._piece += chunk
        if len(self._piece) >= PART_BYTES:
            self._begin()

    def finish(self) -> None:
        """Have the object appear."""
        if self._parts is None and _GCSFS_BOUNDARY in self._piece:
            self._begin()
        if self._parts is None:
            self._fs.pipe_file(self._path, bytes(self._piece))
            return
        with self._awake() as parts:
            parts.close()

    def abandon(self) -> None:
        """Leave nothing behind: the store forgets the parts that it has."""
        self._piece.clear()
        if self._parts is None:
            return
        # Google's forgets by itself, for nothing, and calls a deletion an error.
        if GCS[0] not in self._fs.protocol:
            with suppress(Exception):
                self._parts.discard()
        # Otherwise fsspec ends the upload when it forgets the file, and half of it appears.
        self._parts.closed = True

    def _begin(self) -> None:
        self._parts = self._fs.open(self._path, "wb", block_size=PART_BYTES)
        piece, self._piece = self._piece, bytearray()
        self._send(piece)

    def _send(self, chunk: bytes | bytearray) -> None:
        """Fill part after part to the byte: Google takes others only with pains."""
        rest = memoryview(chunk)
        while rest:
            piece = rest[: PART_BYTES - self._filled]
            with self._awake() as parts:
                parts.write(piece)
            self._filled = (self._filled + len(piece)) % PART_BYTES
            rest = rest[len(piece) :]

    @contextmanager
    def _awake(self) -> Iterator[Any]:
        """Let the upload go on. Meanwhile it counts as ended, in case that it is forgotten."""
        self._parts.forced = False
        try:
            yield self._parts
        finally:
            self._parts.forced = True
