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
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from secrets import token_hex
from typing import IO, Any, Final
from urllib.parse import urlsplit

import fsspec

from conveyor.conversion import StoredFile
from conveyor.errors import InvalidRequest, StorageError
from conveyor.redaction import redact_url

__all__ = ["Storage", "chunks_of", "safe_name", "unique_names"]

CHUNK_BYTES: Final = 1024 * 1024

_MAX_NAME_BYTES: Final = 200  # file systems allow 255; the temporary name needs some of it
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')


def safe_name(name: str) -> str:
    """Make a file name from the service safe to use as one.

    A name is data: it may hold a path, control characters, or nothing at all.

    Args:
        name: As it came.

    Returns:
        A name without folders and special characters, of at most 200 bytes, never empty.
    """
    # JSON may bring half a character (a lone surrogate), which no file system takes.
    text = name.encode(errors="replace").decode()
    base = PurePosixPath(unicodedata.normalize("NFC", text).replace("\\", "/")).name
    clean = _FORBIDDEN.sub("_", base).strip(" .") or "file"
    if len(clean.encode()) <= _MAX_NAME_BYTES:
        return clean
    suffix = PurePosixPath(clean).suffix[:20]
    kept = clean.encode()[: _MAX_NAME_BYTES - len(suffix.encode())]
    return kept.decode(errors="ignore") + suffix


def unique_names(names: Iterable[str]) -> list[str]:
    """Make names safe, and different from each other: ``a.png``, ``a-1.png``.

    Args:
        names: As they came.

    Returns:
        One for each, in their order. Case does not make a difference, as on some file systems.
    """
    used: set[str] = set()
    unique = []
    for name in map(safe_name, names):
        stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix
        candidate, count = name, 0
        while candidate.lower() in used:
            count += 1
            candidate = f"{stem}-{count}{suffix}"
        used.add(candidate.lower())
        unique.append(candidate)
    return unique


def chunks_of(stream: IO[bytes]) -> Iterator[bytes]:
    """Read a stream piece by piece."""
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk


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
        url = url.rstrip("/")
        with _translated("open the storage", url):
            self._fs, self._root = fsspec.core.url_to_fs(url, **_options(url))
        # As the file system itself writes it, so that its own URIs begin with it.
        self.url = str(self._fs.unstrip_protocol(self._root)).rstrip("/")
        self._source_folders = (self.url, *(folder.rstrip("/") for folder in source_folders))

    def stage(self, path: str) -> str:
        """Copy a producer's local file to where the workers can read it.

        Args:
            path: The local file.

        Returns:
            Its URI in the storage.

        Raises:
            InvalidRequest: There is no such file, or it is empty.
            StorageError: The storage can't be written.
        """
        source = Path(path).expanduser()
        _check_local(source)
        target = f"{self._root}/staged/{token_hex(16)}/{safe_name(source.name)}"
        try:
            stream = source.open("rb")
        except OSError as error:
            raise InvalidRequest(f"Can't read {source}: {error.strerror}.") from None
        with stream:
            self._write_whole(target, chunks_of(stream))
        return str(self._fs.unstrip_protocol(target))

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
        # An id comes from a message, so it is data too.
        target = f"{self._root}/results/{safe_name(conversion_id)}/{name}"
        size, digest = self._write_whole(target, chunks)
        return StoredFile(name, str(self._fs.unstrip_protocol(target)), size, digest)

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
        with _translated("read the source", redact_url(uri)):
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

    def read(self, uri: str) -> Iterator[bytes]:
        """A stored file's content, piece by piece.

        Args:
            uri: As `StoredFile.uri` says.

        Raises:
            StorageError: It can't be read.
        """
        with _translated("read from the storage", redact_url(uri)):
            fs, path = fsspec.core.url_to_fs(uri)
            with fs.open(path, "rb") as stream:
                yield from chunks_of(stream)

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
        for uri in uris:
            # Each staged file has a folder of its own, which goes with it.
            match = re.fullmatch(rf"{re.escape(self.url)}/staged/([0-9a-f]{{32}})/[^/]+", uri)
            if match:
                with suppress(Exception):
                    self._fs.rm(f"{self._root}/staged/{match[1]}", recursive=True)

    def check(self) -> None:
        """Write, read and remove a small file.

        Raises:
            StorageError: One of these does not work.
        """
        path = f"{self._root}/.conveyor-check-{token_hex(8)}"
        self._write_whole(path, [b"ok"])
        with _translated("read from the storage", self.url):
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

    def _write_whole(self, target: str, chunks: Iterable[bytes]) -> tuple[int, str]:
        """Write a file that appears whole or not at all; return its size and sha256."""
        partial = f"{target}.{token_hex(8)}.part"
        digest, size = hashlib.sha256(), 0
        try:
            with _translated("write to the storage", self.url):
                stream = self._fs.open(partial, "wb")
            try:
                for chunk in chunks:
                    digest.update(chunk)
                    size += len(chunk)
                    with _translated("write to the storage", self.url):
                        stream.write(chunk)
            finally:
                with _translated("write to the storage", self.url):
                    stream.close()
            with _translated("write to the storage", self.url):
                self._fs.mv(partial, target)
        except BaseException:
            with suppress(Exception):
                self._fs.rm(partial)
            raise
        return size, digest.hexdigest()

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


def _check_local(path: Path) -> None:
    if not path.exists():
        raise InvalidRequest(f"The file {path} does not exist: check its name.")
    if not path.is_file():
        raise InvalidRequest(f"{path} is no file: give a document.")
    if path.stat().st_size == 0:
        raise InvalidRequest(f"The file {path} is empty: there is nothing to convert.")


@contextmanager
def _translated(what: str, where: str) -> Iterator[None]:
    """Turn a file system's own errors into ours, once.

    Each fsspec back end raises types of its own; only those of the storage pass here.
    """
    try:
        yield
    except (StorageError, InvalidRequest):
        raise
    except PermissionError:
        raise StorageError(
            f"Can't {what} ({where}): permission denied. Let this user write there, or set "
            "CONVEYOR_STORAGE_URL to a place that it may."
        ) from None
    except ImportError as error:
        raise StorageError(f"Can't {what}: {error}. Install that package.") from None
    except Exception as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise StorageError(
            f"Can't {what} ({where}): {reason}. Check CONVEYOR_STORAGE_URL."
        ) from error
