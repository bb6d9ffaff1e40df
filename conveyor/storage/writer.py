"""A file that appears whole or not at all, its size and hash taken on the way."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Protocol

from conveyor.domain.conversion import StoredFile
from conveyor.storage.faults import translated
from conveyor.storage.partial import LocalFile, RenamedFile
from conveyor.storage.place import Place
from conveyor.storage.upload import Upload

__all__ = ["Writer", "write_whole"]


class Writer:
    """Takes a file piece by piece.

    Args:
        place: Where it goes.
        target: The file's path there.

    Attributes:
        size: Bytes that were written so far.

    Raises:
        StorageError: The place can't be written.
    """

    def __init__(self, place: Place, target: str) -> None:
        self._place = place
        self._target = target
        self._digest = hashlib.sha256()
        self.size = 0
        with self._translated():
            self._way = _way_to(place, target)

    @property
    def uri(self) -> str:
        """The file's future location, an fsspec URL."""
        return self._place.uri_of(self._target)

    @property
    def file(self) -> StoredFile:
        """A record of the file as written so far."""
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
            self._way.write(chunk)

    def finish(self) -> None:
        """Have the file appear.

        Raises:
            StorageError: The storage can't be written.
        """
        with self._translated():
            self._way.finish()

    def abandon(self) -> None:
        """Leave nothing behind; faults are left alone."""
        self._way.abandon()

    def _translated(self) -> AbstractContextManager[None]:
        return translated("write to the storage", self._place.url)


def write_whole(place: Place, target: str, chunks: Iterable[bytes]) -> StoredFile:
    """Write a file that appears whole or not at all.

    Args:
        place: Where it goes.
        target: The file's path there.
        chunks: Its content. When they raise, nothing is left behind.

    Returns:
        A record of the file.

    Raises:
        StorageError: The place can't be written.
    """
    writer = Writer(place, target)
    try:
        for chunk in chunks:
            writer.write(chunk)
        writer.finish()
    except BaseException:
        writer.abandon()
        raise
    return writer.file


class _Way(Protocol):
    """How a file gets to where it appears whole."""

    def write(self, chunk: bytes) -> None:
        """Take the next piece."""

    def finish(self) -> None:
        """Have the file appear."""

    def abandon(self) -> None:
        """Leave nothing behind."""


def _way_to(place: Place, target: str) -> _Way:
    if place.is_atomic:
        return Upload(place.fs, target)
    return LocalFile(target) if place.is_local else RenamedFile(place.fs, target)
