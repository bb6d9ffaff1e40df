"""A file that appears whole or not at all, its size and hash taken on the way."""

from __future__ import annotations

import hashlib
import posixpath
from contextlib import suppress
from secrets import token_hex
from typing import Any

from conveyor.conversion import StoredFile
from conveyor.storage.faults import translated

__all__ = ["Writer"]


class Writer:
    """Takes a file piece by piece, under a temporary name beside its own.

    Args:
        fs: The file system, fsspec's.
        target: The file's path there.
        where: The storage, as an error names it.

    Raises:
        StorageError: The storage can't be written.
    """

    def __init__(self, fs: Any, target: str, where: str) -> None:
        self._fs = fs
        self._target = target
        self._where = where
        self._partial = f"{target}.{token_hex(8)}.part"
        self._digest = hashlib.sha256()
        self.size = 0
        with self._translated():
            self._stream = fs.open(self._partial, "wb")

    @property
    def uri(self) -> str:
        """Where the file will lie, an fsspec URL."""
        return str(self._fs.unstrip_protocol(self._target))

    @property
    def file(self) -> StoredFile:
        """What was written so far, as a record."""
        return StoredFile(posixpath.basename(self._target), self.uri, self.size, self.sha256)

    @property
    def sha256(self) -> str:
        """The hash of what was written so far, hexadecimal."""
        return self._digest.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Take the next piece.

        Raises:
            StorageError: The storage can't be written.
        """
        self._digest.update(chunk)
        self.size += len(chunk)
        with self._translated():
            self._stream.write(chunk)

    def finish(self) -> None:
        """Have the file appear.

        Raises:
            StorageError: The storage can't be written.
        """
        with self._translated():
            self._stream.close()
            self._fs.mv(self._partial, self._target)

    def abandon(self) -> None:
        """Leave nothing behind; faults are left alone."""
        with suppress(Exception):
            self._stream.close()
        with suppress(Exception):
            self._fs.rm(self._partial)

    def _translated(self) -> Any:
        return translated("write to the storage", self._where)
