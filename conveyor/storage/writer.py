"""A file that appears whole or not at all, its size and hash taken on the way."""

from __future__ import annotations

import hashlib
import io
import os
import posixpath
import re
from contextlib import AbstractContextManager, suppress
from secrets import token_hex
from typing import Any, Final, Protocol

from conveyor.domain.conversion import StoredFile
from conveyor.storage.faults import translated
from conveyor.storage.objects import Upload, can_move
from conveyor.storage.place import Place

__all__ = ["Writer", "is_partial"]

_MOST_HELD_BYTES: Final = 256 * 1024
# No safe name begins with a dot, so no result is called so.
_PARTIAL: Final = re.compile(r"\..+\.[0-9a-f]{16}\.part")


def is_partial(path: str) -> bool:
    """Whether a file is still being written, or was left by a writer that died."""
    return _PARTIAL.fullmatch(posixpath.basename(path)) is not None


class Writer:
    """Takes a file piece by piece.

    Args:
        place: Where it goes.
        target: The file's path there.

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


class _Way(Protocol):
    """How a file gets to where it appears whole."""

    def write(self, chunk: bytes) -> None: ...

    def finish(self) -> None: ...

    def abandon(self) -> None: ...


def _way_to(place: Place, target: str) -> _Way:
    if place.is_atomic:
        return Upload(place.fs, target)
    return _Local(target) if place.is_local else _Renamed(place.fs, target)


def _partial_of(target: str) -> str:
    """The temporary name in the same folder."""
    folder, name = posixpath.split(target)
    return posixpath.join(folder, f".{name}.{token_hex(8)}.part")


class _Local:
    """Written under a temporary name in the same folder, then renamed.

    Most results are small and the first of their folder. So a small one takes a call of the system
    for each of: the folder, the file, its content, its end, its name.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._partial = _partial_of(target)
        self._held: list[bytes] = []
        self._held_bytes = 0
        _make(posixpath.dirname(target))
        self._file = io.FileIO(self._partial, "x")

    def write(self, chunk: bytes) -> None:
        self._held.append(chunk)
        self._held_bytes += len(chunk)
        if self._held_bytes >= _MOST_HELD_BYTES:
            self._let_go()

    def finish(self) -> None:
        self._let_go()
        self._file.close()
        os.replace(self._partial, self._target)  # noqa: PTH105 - paths as fsspec has them

    def abandon(self) -> None:
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            os.remove(self._partial)  # noqa: PTH107 - the same

    def _let_go(self) -> None:
        rest = memoryview(b"".join(self._held))
        self._held.clear()
        self._held_bytes = 0
        while rest:
            rest = rest[self._file.write(rest) :]

    def __del__(self) -> None:
        # Whoever is interrupted forgets it.
        if hasattr(self, "_file"):
            self._file.close()


def _make(folder: str) -> None:
    """Make a folder where there is none. Nearly always its last part alone is missing."""
    try:
        os.mkdir(folder)  # noqa: PTH102 - the same
    except FileExistsError:
        pass
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - the same


class _Renamed:
    """Writes a file through fsspec under another name, and renames it."""

    def __init__(self, fs: Any, target: str) -> None:
        self._fs = fs
        self._rename = _renaming(fs)
        self._target = target
        self._partial = _partial_of(target)
        self._fs.makedirs(posixpath.dirname(target), exist_ok=True)
        self._stream = self._fs.open(self._partial, "wb")

    def write(self, chunk: bytes) -> None:
        self._stream.write(chunk)

    def finish(self) -> None:
        self._stream.close()
        self._rename(self._partial, self._target)

    def abandon(self) -> None:
        with suppress(Exception):
            self._stream.close()
        with suppress(Exception):
            self._fs.rm_file(self._partial)


def _renaming(fs: Any) -> Any:
    """How a file system renames a file."""
    return fs.mv if can_move(fs) else _Copying(fs).rename


class _Copying:
    """Renames where the file system can't: by a copy."""

    def __init__(self, fs: Any) -> None:
        self._fs = fs

    def rename(self, old: str, new: str) -> None:
        self._fs.cp_file(old, new)
        self._fs.rm_file(old)
