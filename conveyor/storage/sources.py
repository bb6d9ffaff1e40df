"""Sources: staged by producers, read by workers, removed after the conversion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from secrets import token_hex
from typing import IO

from conveyor.domain.redaction import redact_url
from conveyor.errors import InvalidRequest, StorageError
from conveyor.reasons import Reason
from conveyor.storage.faults import translated
from conveyor.storage.names import safe_name, staged_tokens
from conveyor.storage.place import Place
from conveyor.storage.reading import open_source
from conveyor.storage.removing import clear, remove_file
from conveyor.storage.source_folders import SourceFolders
from conveyor.storage.writer import Writer, write_whole

__all__ = ["Sources"]


class Sources:
    """The sources in a storage, and those in further folders that workers may read.

    Args:
        url: The storage's fsspec URL.
        source_folders: Further places that sources may be read from, as fsspec URLs. Without
            them a worker reads sources from the storage alone, so that no message can make it
            read its own files, or a bucket that only its role opens.

    Attributes:
        location: The storage's URL as its file system writes it.

    Raises:
        StorageError: A URL's file system is unknown, or its package is not installed.
    """

    def __init__(self, url: str, source_folders: Iterable[str] = ()) -> None:
        self._place = Place(url)
        self._folders = SourceFolders(self._place, source_folders)
        self.location = self._place.url

    def stage(self, token: str, name: str) -> Writer:
        """Begin to write a source to where the workers can read it.

        Args:
            token: Of its folder, 32 hexadecimal digits; nobody else writes there.
            name: Its file name, as it came.

        Raises:
            StorageError: The storage can't be written.
        """
        return Writer(self._place, f"{self._staged(token)}/{safe_name(name)}")

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
        source = self._folders.find(uri)
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
                    f"The source {shown} does not exist. Check its name.", Reason.MISSING
                ) from None
        with stream:
            yield stream

    def contains(self, uri: str) -> bool:
        """Whether a URL points into the storage, whether or not a file exists there.

        Raises:
            InvalidRequest: It names a version of an object.
        """
        return self._place.path_of(uri) is not None

    def remove_staged(self, uris: Iterable[str]) -> bool:
        """Remove sources that a producer staged; others are left alone.

        Returns:
            Whether nothing is left of them. A fault keeps none of the others from being removed.
        """
        are_gone = True
        for uri in uris:
            for token in self.tokens_of([uri]):
                try:
                    self._remove_staged(token, uri)
                except StorageError:
                    are_gone = False
        return are_gone

    def remove_folder(self, token: str) -> None:
        """Remove a staged file with its folder; nothing where there is none.

        Args:
            token: The folder's.

        Raises:
            StorageError: It can't be removed.
        """
        clear(self._place, self._staged(token))

    def tokens_of(self, uris: Iterable[str]) -> list[str]:
        """The tokens of the folders that hold these sources; of others there are none."""
        return staged_tokens(uris, self.location)

    @contextmanager
    def probe(self) -> Iterator[str]:
        """A small file that another process should be able to read.

        Yields:
            Its URI; it is removed at the end.

        Raises:
            StorageError: It can't be written.
        """
        path = f"{self._staged(token_hex(16))}/probe"
        write_whole(self._place, path, [b"ok"])
        uri = self._place.uri_of(path)
        try:
            yield uri
        finally:
            self.remove_staged([uri])

    def _remove_staged(self, token: str, uri: str) -> None:
        if not self._place.is_atomic:
            self.remove_folder(token)
            return
        # Nothing but the file can lie there, so nothing needs to be listed.
        remove_file(self._place, f"{self._staged(token)}/{uri.rpartition('/')[2]}")

    def _staged(self, token: str) -> str:
        return f"{self._place.root}/staged/{token}"
