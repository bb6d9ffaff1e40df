"""Files of clients and results, on disk, each for a limited time."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from convertapi_sandbox.files import StoredFile

__all__ = ["FileStore", "FileWriter"]

_FILE_ID_BYTES: Final = 16


class FileWriter:
    """Takes a file piece by piece; leaves nothing behind unless `finish` was called.

    Args:
        store: Where the finished file belongs.
        path: Where its bytes go.
    """

    def __init__(self, store: FileStore, path: Path) -> None:
        self._store = store
        self._path = path
        self._digest = hashlib.sha256()
        self._size = 0
        self._file: BinaryIO = path.open("wb")
        self._finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        if not self._finished:
            self._path.unlink(missing_ok=True)

    @property
    def size(self) -> int:
        """Bytes taken so far."""
        return self._size

    def write(self, chunk: bytes) -> None:
        """Take the next bytes.

        Args:
            chunk: What comes next.
        """
        self._file.write(chunk)
        self._digest.update(chunk)
        self._size += len(chunk)

    def finish(self, name: str) -> StoredFile:
        """Make what was written a file of the store.

        Args:
            name: The file's name for its client.
        """
        self._file.close()
        self._finished = True
        return self._store.enter(self._path, name, self._size, self._digest.hexdigest())


class FileStore:
    """The files that are not expired.

    Args:
        folder: An existing directory that belongs to the store alone.
        ttl_s: Seconds that a file lives.
        clock: Reading in seconds, monotonic.
    """

    def __init__(self, folder: Path, *, ttl_s: float, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._ttl_s = ttl_s
        self._clock = clock
        # In order of creation, so that the oldest expire from the front.
        self._files: dict[str, StoredFile] = {}
        self._known: set[str] = set()

    def writer(self) -> FileWriter:
        """Return a writer for a new file."""
        return FileWriter(self, self._folder / secrets.token_hex(_FILE_ID_BYTES))

    def enter(self, path: Path, name: str, size: int, digest: str) -> StoredFile:
        """Make a file within the store's folder known.

        Args:
            path: Where its bytes are.
            name: Its name for the client.
            size: In bytes.
            digest: SHA-256, hexadecimal.
        """
        self._expire()
        file = StoredFile(
            id=secrets.token_hex(_FILE_ID_BYTES),
            name=name,
            path=path,
            size=size,
            digest=digest,
            created=self._clock(),
        )
        self._files[file.id] = file
        self._known.add(file.id)
        return file

    def adopt(self, source: Path, name: str, size: int, digest: str) -> StoredFile:
        """Keep a finished file of the same file system without copying it.

        Args:
            source: The file; it may be removed afterwards, but not written to.
            name: Its name for the client.
            size: In bytes.
            digest: SHA-256, hexadecimal.
        """
        path = self._folder / secrets.token_hex(_FILE_ID_BYTES)
        os.link(source, path)
        return self.enter(path, name, size, digest)

    def find(self, file_id: str) -> StoredFile | None:
        """Return a living file.

        Args:
            file_id: Its FileId.
        """
        self._expire()
        return self._files.get(file_id)

    def remove(self, file_id: str) -> bool:
        """Remove a file; tell whether there was one.

        Args:
            file_id: Its FileId.
        """
        self._expire()
        file = self._files.pop(file_id, None)
        if file is None:
            return False
        file.path.unlink(missing_ok=True)
        return True

    def has_known(self, file_id: str) -> bool:
        """Tell whether a file was ever here, expired and removed ones included.

        Args:
            file_id: Its FileId.
        """
        return file_id in self._known

    def vanish(self, file_ids: Iterable[str]) -> int:
        """Remove files behind the client's back; return how many there were.

        Args:
            file_ids: Their FileIds; those that are not here are passed over.
        """
        return sum(self.remove(file_id) for file_id in tuple(file_ids))

    def clear(self) -> None:
        """Remove all files."""
        for file_id in list(self._files):
            self.remove(file_id)
        self._known.clear()

    def _expire(self) -> None:
        horizon = self._clock() - self._ttl_s
        while self._files:
            oldest = next(iter(self._files.values()))
            if oldest.created > horizon:
                return
            del self._files[oldest.id]
            oldest.path.unlink(missing_ok=True)
