"""Files in and out of the storage, streamed, through fsspec.

::

    <storage>/staged/<token>/<name>              what a producer staged for the workers
    <storage>/results/<conversion id>/<name>     what a conversion brought

A file appears under its name only when it is whole. In an object store a write does so by itself.
Elsewhere it is written beside it under a temporary name, and then renamed. Its size and hash are
taken on the way.

Names are data. No call is made that expands them: `mv`, `cp`, `rm`, `cat` and `glob` of fsspec do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from math import ceil
from secrets import token_hex

from conveyor.async_twins import async_pieces, async_twin
from conveyor.domain.conversion import StoredFile
from conveyor.domain.spans import Span, seconds_of
from conveyor.errors import FileGone, StorageError
from conveyor.links import LEAST_LINK_S, MOST_LINK_S
from conveyor.storage.faults import translated
from conveyor.storage.marker import Marker
from conveyor.storage.names import folder_name, safe_name
from conveyor.storage.partial import is_partial
from conveyor.storage.reading import read
from conveyor.storage.removing import clear, remove_file, remove_folder_if_empty
from conveyor.storage.signed_urls import signed_url
from conveyor.storage.sources import Sources
from conveyor.storage.writer import Writer, write_whole

__all__ = ["Storage"]


class Storage(Sources):
    """A folder, local or of any file system that fsspec speaks: sources, and beside them results.

    Args:
        url: Its fsspec URL.
        source_folders: Further places that sources may be read from, as fsspec URLs. Without
            them a worker reads sources from the storage alone, so that no message can make it
            read its own files, or a bucket that only its role opens.
        marker: Tells where a file is missing whether this is the storage in use at all; without
            one the file is taken for removed.

    Attributes:
        location: Its URL as its file system writes it.

    Raises:
        StorageError: A URL's file system is unknown, or its package is not installed.
    """

    def __init__(
        self, url: str, source_folders: Iterable[str] = (), marker: Marker | None = None
    ) -> None:
        super().__init__(url, source_folders)
        self._marker = marker

    def save(self, conversion_id: str, name: str, chunks: Iterable[bytes]) -> StoredFile:
        """Store one result file.

        Args:
            conversion_id: The conversion's id.
            name: Its name, already safe and without a clash.
            chunks: Its content. When they raise, nothing is left behind.

        Returns:
            What was stored.

        Raises:
            StorageError: The storage can't be written.
        """
        return write_whole(self._place, self._result_path(conversion_id, name), chunks)

    def result(self, conversion_id: str, name: str) -> Writer:
        """Begin to write one result file, piece by piece.

        Args:
            conversion_id: The conversion's id.
            name: Its name, already safe and without a clash.

        Raises:
            StorageError: The storage can't be written.
        """
        return Writer(self._place, self._result_path(conversion_id, name))

    def read(self, uri: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """A stored file's content, piece by piece.

        Args:
            uri: As `StoredFile.uri` says.
            start: The first byte.
            end: The first byte that is not wanted any more; None reads to the end.

        Raises:
            FileGone: It is no longer there.
            StorageError: It can't be read, is not below the storage, or this is another storage.
            LedgerUnavailable: It is missing, and Redis can't tell whether this is the right one.
        """
        path = self._path_of(uri)
        try:
            yield from self._pieces(path, start, end)
        except FileGone:
            # A folder that is not mounted has no files.
            if self._marker is not None:
                self._marker.check(anew=True)
            raise

    aread = async_pieces(read)
    """Async version of `read`: ``async for chunk in storage.aread(file.uri)``."""

    def url(self, file: StoredFile, expires: Span = "1h") -> str:
        """Make a URL under which anybody can fetch a stored file for a while. The storage signs it.

        S3, Google's and Azure's stores can sign, with credentials that hold a key. Whether the file
        is still there is not looked at. For any other storage use `conveyor.Conveyor.link`.

        Args:
            file: The file.
            expires: For how long: ``"1h"``, ``"30m"``, a timedelta, or seconds, up to 7 days.

        Raises:
            InvalidRequest: ``expires`` is out of bounds.
            FileGone: The file was removed because its life was over.
            StorageError: The storage can't sign, or the file is not below it.
        """
        seconds = seconds_of("expires", expires, least_s=LEAST_LINK_S, most_s=MOST_LINK_S)
        if file.removed_at is not None:
            raise FileGone(
                "The file was removed because its life was over. Convert the document again."
            )
        return signed_url(self._place, self._path_of(file.uri), ceil(seconds))

    aurl = async_twin(url)
    """Async version of `url`."""

    def holds(self, file: StoredFile) -> bool:
        """Whether the storage has a file unchanged: whole, with the same hash."""
        digest = hashlib.sha256()
        try:
            for chunk in self.read(file.uri):
                digest.update(chunk)
        except StorageError:
            return False
        return digest.hexdigest() == file.sha256

    def remove_partials(self, conversion_id: str) -> None:
        """Remove what broken deliveries of an ended conversion left; faults are left alone.

        In an object store that is nothing: what is not whole never appears.
        """
        if not self._place.is_atomic:
            with suppress(StorageError):
                clear(self._place, self._result_path(conversion_id), is_partial)

    def remove_results(self, conversion_id: str) -> None:
        """Remove all files that a conversion has stored, for example after a cancel. None is fine.

        Args:
            conversion_id: The conversion's id.

        Raises:
            StorageError: It can't be removed.
        """
        clear(self._place, self._result_path(conversion_id))

    def remove_files(self, conversion_id: str, names: Iterable[str]) -> None:
        """Remove single files that a conversion has stored. Nothing is listed, and none is fine.

        Args:
            conversion_id: The conversion's id.
            names: The names of its files, as `StoredFile.name` says.

        Raises:
            StorageError: One can't be removed.
        """
        for name in names:
            remove_file(self._place, self._result_path(conversion_id, safe_name(name)))
        remove_folder_if_empty(self._place, self._result_path(conversion_id))

    def check(self) -> None:
        """Write, read and remove a small file.

        Raises:
            StorageError: One of these does not work.
        """
        path = f"{self._place.root}/.conveyor-check-{token_hex(8)}"
        write_whole(self._place, path, [b"ok"])
        with translated("read from the storage", self.location):
            self._place.fs.cat_file(path, start=0, end=2)
        with translated("remove from the storage", self.location):
            self._place.fs.rm_file(path)

    def _pieces(self, path: str, start: int, end: int | None) -> Iterator[bytes]:
        with translated("read from the storage", self.location):
            try:
                yield from read(self._place, path, start, end)
            except IsADirectoryError:
                raise StorageError(
                    "The storage holds something at this path that is not a file. Find out what "
                    "else writes to the storage."
                ) from None
            except (FileNotFoundError, NotADirectoryError):
                self._place.check_there()
                raise FileGone(
                    "The file is no longer in the storage. Something removed it: check the "
                    "storage's lifecycle rules."
                ) from None

    def _result_path(self, conversion_id: str, *name: str) -> str:
        # An id comes from a message, so it is data too.
        return "/".join((self._place.root, "results", folder_name(conversion_id), *name))

    def _path_of(self, uri: str) -> str:
        """The path of a file in the storage.

        Raises:
            StorageError: It is not below the storage.
        """
        path = self._place.path_of(uri)
        if path is None:
            raise StorageError(
                "The file's URL points outside the storage. Set CONVEYOR_STORAGE_URL to the "
                "workers' value. If it is the same, something has changed the conversion in "
                "Redis."
            )
        return path
