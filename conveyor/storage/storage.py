"""Files in and out of the storage, streamed, through fsspec.

::

    <storage>/staged/<token>/<name>              what a producer staged for the workers
    <storage>/results/<conversion id>/<name>     what a conversion brought

A file appears under its name only when it is whole: it is written beside it under a temporary
name, its size and hash are taken on the way, and then it is moved.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from secrets import token_hex
from typing import IO, Any, Final
from urllib.parse import urlsplit

import fsspec

from conveyor.conversion import StoredFile
from conveyor.errors import FileGone, InvalidRequest, StorageError
from conveyor.process_local import process_local
from conveyor.redaction import redact_url
from conveyor.storage.faults import translated
from conveyor.storage.names import safe_name
from conveyor.storage.writer import Writer

__all__ = ["CHUNK_BYTES", "Storage", "chunks_of"]

CHUNK_BYTES: Final = 1024 * 1024


def _there(fs: Any, path: str) -> Any:
    try:
        return fs.open(path, "rb")
    except FileNotFoundError:
        raise FileGone(
            "The file is no longer in the storage: somebody, or the storage's own rules, have "
            "removed it."
        ) from None


def chunks_of(stream: IO[bytes], most: int | None = None) -> Iterator[bytes]:
    """Read a stream piece by piece.

    Args:
        stream: From where it stands.
        most: At most so many bytes; None reads to the end.
    """
    left = most
    while chunk := stream.read(CHUNK_BYTES if left is None else min(CHUNK_BYTES, left)):
        yield chunk
        left = None if left is None else left - len(chunk)


class Storage:
    """A folder, local or of any file system that fsspec speaks.

    Args:
        url: Its fsspec URL.
        source_folders: Further places that sources may be read from, as fsspec URLs. Without
            them a worker reads local files from the storage alone, so that no message can make
            it read its own.

    Raises:
        StorageError: The URL's file system is unknown, or its package is not installed.
    """

    def __init__(self, url: str, source_folders: Iterable[str] = ()) -> None:
        self._given_url = url = url.rstrip("/")
        with translated("open the storage", url):
            fs, self._root = fsspec.core.url_to_fs(url, **_options(url))
        # As the file system itself writes it, so that its own URIs begin with it.
        self.url = str(fs.unstrip_protocol(self._root)).rstrip("/")
        self._source_folders = (self.url, *(folder.rstrip("/") for folder in source_folders))

    @process_local
    def _fs(self) -> Any:
        # Those of object stores have a thread and sockets, and refuse to work after a fork.
        return fsspec.core.url_to_fs(self._given_url, **_options(self._given_url))[0]

    def stage(self, token: str, name: str) -> Writer:
        """Begin to write a source to where the workers can read it.

        Args:
            token: Of its folder, 32 hexadecimal digits; nobody else writes there.
            name: Its file name, as it came.

        Raises:
            StorageError: The storage can't be written.
        """
        return self._writer(f"{self._root}/staged/{token}/{safe_name(name)}")

    def save(self, conversion_id: str, name: str, chunks: Iterable[bytes]) -> StoredFile:
        """Store one result file.

        Args:
            conversion_id: Whose.
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
            InvalidRequest: It is outside the allowed folders, missing or empty.
            StorageError: It can't be read just now.
        """
        self._check_allowed(uri)
        with translated("read the source", redact_url(uri)):
            fs, path = fsspec.core.url_to_fs(uri)
            try:
                size = fs.size(path)
                stream = fs.open(path, "rb")
            except (FileNotFoundError, IsADirectoryError):
                raise InvalidRequest(
                    f"The source {redact_url(uri)} does not exist as a file: check its name."
                ) from None
            if not size:
                stream.close()
                raise InvalidRequest(f"The source {redact_url(uri)} is empty.")
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
            StorageError: It can't be read.
        """
        with translated("read from the storage", redact_url(uri)):
            fs, path = fsspec.core.url_to_fs(uri)
            with _there(fs, path) as stream:
                stream.seek(start)
                yield from chunks_of(stream, None if end is None else end - start)

    def holds(self, file: StoredFile) -> bool:
        """Whether a file lies in the storage as it was stored: whole, with the same hash."""
        digest = hashlib.sha256()
        try:
            for chunk in self.read(file.uri):
                digest.update(chunk)
        except StorageError:
            return False
        return digest.hexdigest() == file.sha256

    def remove_partials(self, conversion_id: str) -> None:
        """Remove what broken deliveries of an ended conversion left; faults are left alone."""
        with suppress(Exception):
            for path in self._fs.glob(f"{self._root}/results/{safe_name(conversion_id)}/*.part"):
                self._fs.rm(path)

    def remove_staged(self, uris: Iterable[str]) -> None:
        """Remove sources that a producer staged; others are left alone, and so are faults.

        A staged file that stays behind costs room and nothing else.
        """
        for token in self.tokens_of(uris):
            with suppress(StorageError):
                self.remove_folder(token)

    def remove_folder(self, token: str) -> None:
        """Remove a staged file with its folder; nothing where there is none.

        Args:
            token: The folder's.

        Raises:
            StorageError: It can't be removed.
        """
        folder = f"{self._root}/staged/{token}"
        with translated("remove from the storage", self.url), suppress(FileNotFoundError):
            self._fs.rm(folder, recursive=True)

    def tokens_of(self, uris: Iterable[str]) -> list[str]:
        """The tokens of the folders that hold these sources; of others there are none."""
        staged = re.compile(rf"{re.escape(self.url)}/staged/([0-9a-f]{{32}})/[^/]+")
        return [match[1] for uri in uris if (match := staged.fullmatch(uri))]

    def check(self) -> None:
        """Write, read and remove a small file.

        Raises:
            StorageError: One of these does not work.
        """
        path = f"{self._root}/.conveyor-check-{token_hex(8)}"
        self._write_whole(path, [b"ok"])
        with translated("read from the storage", self.url):
            self._fs.cat_file(path)
            self._fs.rm(path)

    @contextmanager
    def probe(self) -> Iterator[str]:
        """A small file that another process should be able to read.

        Yields:
            Its URI; it is removed at the end.

        Raises:
            StorageError: It can't be written.
        """
        path = f"{self._root}/staged/{token_hex(16)}/probe"
        self._write_whole(path, [b"ok"])
        uri = str(self._fs.unstrip_protocol(path))
        try:
            yield uri
        finally:
            self.remove_staged([uri])

    def _result_path(self, conversion_id: str, name: str) -> str:
        # An id comes from a message, so it is data too.
        return f"{self._root}/results/{safe_name(conversion_id)}/{name}"

    def _writer(self, target: str) -> Writer:
        return Writer(self._fs, target, self.url)

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

    def _check_allowed(self, uri: str) -> None:
        """Confine sources: a message must not make a worker read its own files.

        fsspec also knows schemes that wrap others (``zip://…::file:///…``) or reach into this
        machine, so what is neither an object store nor inside an allowed folder is refused.
        """
        scheme = urlsplit(uri).scheme
        if "::" in uri or not uri.startswith(f"{scheme}://"):
            allowed = False
        elif scheme in _LOCAL_SCHEMES:
            allowed = self._is_inside_local(uri)
        else:
            allowed = scheme in _OBJECT_STORES or self._is_inside(uri)
        if not allowed:
            raise InvalidRequest(
                "The source lies outside the folders that workers may read: put it into the "
                "storage, or name its folder in CONVEYOR_SOURCE_FOLDERS."
            )

    def _is_inside_local(self, uri: str) -> bool:
        path = Path(fsspec.core.url_to_fs(uri)[1]).resolve()
        folders = (
            Path(fsspec.core.url_to_fs(folder)[1]).resolve()
            for folder in self._source_folders
            if urlsplit(folder).scheme in ("", *_LOCAL_SCHEMES)
        )
        return any(path.is_relative_to(folder) for folder in folders)

    def _is_inside(self, uri: str) -> bool:
        return ".." not in PurePosixPath(uri).parts and any(
            uri.startswith(f"{folder}/") for folder in self._source_folders
        )


_OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "oss"})
_LOCAL_SCHEMES = ("file", "local")


def _options(url: str) -> dict[str, Any]:
    """A local folder is made as needed; object stores have none."""
    return {"auto_mkdir": True} if urlsplit(url).scheme in ("", *_LOCAL_SCHEMES) else {}
