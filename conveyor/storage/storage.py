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
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from secrets import token_hex
from typing import IO

from conveyor.domain.conversion import StoredFile
from conveyor.domain.redaction import redact_url
from conveyor.errors import FileGone, InvalidRequest, StorageError
from conveyor.storage.faults import translated
from conveyor.storage.marker import Marker
from conveyor.storage.names import folder_name, safe_name, staged_tokens
from conveyor.storage.place import Place
from conveyor.storage.reading import open_source, read
from conveyor.storage.writer import Writer, is_partial

__all__ = ["Storage"]


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a source lies: below which folder, and its path there."""

    place: Place
    path: str


class Storage:
    """A folder, local or of any file system that fsspec speaks.

    Args:
        url: Its fsspec URL.
        source_folders: Further places that sources may be read from, as fsspec URLs. Without
            them a worker reads sources from the storage alone, so that no message can make it
            read its own files, or a bucket that only its role opens.
        marker: Tells where a file is missing whether this is the storage in use at all; without
            one the file is taken for removed.

    Raises:
        StorageError: A URL's file system is unknown, or its package is not installed.
    """

    def __init__(
        self, url: str, source_folders: Iterable[str] = (), marker: Marker | None = None
    ) -> None:
        self._place = Place(url)
        self._marker = marker
        self._sources = (
            self._place,
            *(
                Place(folder, "a folder of sources", "CONVEYOR_SOURCE_FOLDERS")
                for folder in source_folders
            ),
        )
        self.url = self._place.url

    def stage(self, token: str, name: str) -> Writer:
        """Begin to write a source to where the workers can read it.

        Args:
            token: Of its folder, 32 hexadecimal digits; nobody else writes there.
            name: Its file name, as it came.

        Raises:
            StorageError: The storage can't be written.
        """
        return self._writer(f"{self._place.root}/staged/{token}/{safe_name(name)}")

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
        writer = self._write_whole(self._result_path(conversion_id, name), chunks)
        return writer.file

    def result(self, conversion_id: str, name: str) -> Writer:
        """Begin to write one result file, piece by piece.

        Args:
            conversion_id: The conversion's id.
            name: Its name, already safe and without a clash.

        Raises:
            StorageError: The storage can't be written.
        """
        return self._writer(self._result_path(conversion_id, name))

    @contextmanager
    def open_source(self, uri: str) -> Iterator[IO[bytes]]:
        """Open a source for reading.

        Args:
            uri: An fsspec URL.

        Yields:
            Its content as a stream with a known end.

        Raises:
            InvalidRequest: It is outside the allowed folders, missing, empty or no file.
            StorageError: It can't be read just now.
        """
        shown = redact_url(uri)
        source = self._find_source(uri)
        with translated("read the source", shown, source.place.setting):
            try:
                stream = open_source(source.place, source.path, shown)
            except IsADirectoryError:
                raise InvalidRequest(
                    f"The source {shown} is not a file. Name a document."
                ) from None
            except (FileNotFoundError, NotADirectoryError):
                source.place.check_there()
                raise InvalidRequest(
                    f"The source {shown} does not exist. Check its name."
                ) from None
        with stream:
            yield stream

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

    def contains(self, uri: str) -> bool:
        """Whether a URL points into the storage, whether or not a file exists there.

        Raises:
            InvalidRequest: It names a version of an object.
        """
        return self._place.path_of(uri) is not None

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
                self._clear(self._result_path(conversion_id), is_partial)

    def remove_results(self, conversion_id: str) -> None:
        """Remove all files that a conversion has stored, for example after a cancel. None is fine.

        Args:
            conversion_id: The conversion's id.

        Raises:
            StorageError: It can't be removed.
        """
        self._clear(self._result_path(conversion_id))

    def remove_staged(self, uris: Iterable[str]) -> None:
        """Remove sources that a producer staged; others are left alone, and so are faults.

        A staged file that stays behind costs room and nothing else.
        """
        for uri in uris:
            for token in self.tokens_of([uri]):
                with suppress(StorageError):
                    self._remove_staged(token, uri)

    def remove_folder(self, token: str) -> None:
        """Remove a staged file with its folder; nothing where there is none.

        Args:
            token: The folder's.

        Raises:
            StorageError: It can't be removed.
        """
        self._clear(f"{self._place.root}/staged/{token}")

    def tokens_of(self, uris: Iterable[str]) -> list[str]:
        """The tokens of the folders that hold these sources; of others there are none."""
        return staged_tokens(uris, self.url)

    def check(self) -> None:
        """Write, read and remove a small file.

        Raises:
            StorageError: One of these does not work.
        """
        path = f"{self._place.root}/.conveyor-check-{token_hex(8)}"
        self._write_whole(path, [b"ok"])
        with translated("read from the storage", self.url):
            self._place.fs.cat_file(path, start=0, end=2)
        with translated("remove from the storage", self.url):
            self._place.fs.rm_file(path)

    @contextmanager
    def probe(self) -> Iterator[str]:
        """A small file that another process should be able to read.

        Yields:
            Its URI; it is removed at the end.

        Raises:
            StorageError: It can't be written.
        """
        path = f"{self._place.root}/staged/{token_hex(16)}/probe"
        self._write_whole(path, [b"ok"])
        uri = self._place.uri_of(path)
        try:
            yield uri
        finally:
            self.remove_staged([uri])

    def _pieces(self, path: str, start: int, end: int | None) -> Iterator[bytes]:
        with translated("read from the storage", self.url):
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

    def _remove_staged(self, token: str, uri: str) -> None:
        if not self._place.is_atomic:
            self.remove_folder(token)
            return
        # Nothing but the file can lie there, so nothing needs to be listed.
        path = f"{self._place.root}/staged/{token}/{uri.rpartition('/')[2]}"
        with translated("remove from the storage", self.url), suppress(FileNotFoundError):
            self._place.fs.rm_file(path)

    def _clear(self, folder: str, which: Callable[[str], bool] = lambda _: True) -> None:
        """Remove a folder's files, and the folder where it is empty then."""
        fs = self._place.fs
        with translated("remove from the storage", self.url), suppress(FileNotFoundError):
            paths = [str(path) for path in fs.ls(folder, detail=False)]
            for path in filter(which, paths):
                with suppress(FileNotFoundError):
                    fs.rm_file(path)
            if not self._place.is_atomic and all(map(which, paths)):
                with suppress(OSError):
                    fs.rmdir(folder)

    def _writer(self, target: str) -> Writer:
        return Writer(self._place, target)

    def _write_whole(self, target: str, chunks: Iterable[bytes]) -> Writer:
        """Write a file that appears whole or not at all."""
        writer = self._writer(target)
        try:
            for chunk in chunks:
                writer.write(chunk)
            writer.finish()
        except BaseException:
            writer.abandon()
            raise
        return writer

    def _find_source(self, uri: str) -> _Source:
        """Confine sources: a message must not make a worker read what is its own alone.

        Raises:
            InvalidRequest: The source lies nowhere where workers may read.
        """
        for place in self._sources:
            path = place.path_of(uri)
            if path is not None:
                return _Source(place, path)
        raise InvalidRequest(
            "The source is outside the folders that workers may read. Put it into the storage, "
            "or add its folder or bucket to CONVEYOR_SOURCE_FOLDERS."
        )
