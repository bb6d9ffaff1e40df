"""Files on their way out of a place."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from typing import IO, Any, Final, cast

from conveyor.errors import InvalidRequest
from conveyor.reasons import Reason
from conveyor.storage.objects import PART_BYTES, parts_of
from conveyor.storage.place import Place
from conveyor.storage.translated_stream import TranslatedStream

__all__ = ["CHUNK_BYTES", "chunks_of", "open_source", "read"]

CHUNK_BYTES: Final = 1024 * 1024


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


def read(place: Place, path: str, start: int, end: int | None) -> Iterator[bytes]:
    """Read a part of a file and no more.

    Args:
        place: Where the file lies.
        path: Its path there.
        start: The first byte.
        end: The first byte that is not wanted any more; None reads to the end.

    Raises:
        FileNotFoundError: There is none.
        IsADirectoryError: It is a folder, a pipe or a device.
    """
    if place.is_atomic:
        yield from _of_object(place, path, start, end)
        return
    _size_of(place, path)
    with place.fs.open(path, "rb") as stream:
        stream.seek(start)
        yield from chunks_of(stream, None if end is None else max(end - start, 0))


def open_source(place: Place, path: str, shown: str) -> IO[bytes]:
    """Open a source, to upload it.

    Args:
        place: Where the file lies.
        path: Its path there.
        shown: Its address, as an error may show it.

    Raises:
        FileNotFoundError: There is none.
        IsADirectoryError: It is a folder, a pipe or a device.
        InvalidRequest: It is empty.
    """
    stream = _source_of_object(place, path) if place.is_atomic else _source_of_file(place, path)
    if stream is None:
        raise InvalidRequest(f"The source {shown} is empty. Use a file with content.", Reason.EMPTY)
    return cast("IO[bytes]", io.BufferedReader(TranslatedStream(place, stream), CHUNK_BYTES))


def _of_object(place: Place, path: str, start: int, end: int | None) -> Iterator[bytes]:
    """Read a part of an object: its size is asked for only where it can't be done without."""
    if end is not None and end > start:
        yield from parts_of(place.fs, path, start, end)
        return
    first = _head_of(place, path, start) if end is None else b""
    if first:
        yield first
    if end is not None or len(first) == PART_BYTES:
        size = _size_of(place, path)
        yield from parts_of(place.fs, path, start + len(first), size if end is None else start)


def _source_of_object(place: Place, path: str) -> Any:
    """A small object in one request; a larger one in parts, all of the same version."""
    first = _head_of(place, path, 0)
    if len(first) < PART_BYTES:
        return io.BytesIO(first) if first else None
    return place.fs.open(path, "rb", block_size=PART_BYTES, cache_type="readahead")


def _source_of_file(place: Place, path: str) -> Any:
    return place.fs.open(path, "rb") if _size_of(place, path) else None


def _head_of(place: Place, path: str, start: int) -> bytes:
    """A part of an object, as long as there is one; empty where it ends before."""
    try:
        return bytes(place.fs.cat_file(path, start=start, end=start + PART_BYTES))
    except FileNotFoundError:
        _size_of(place, path)
        raise
    except Exception:
        # Stores refuse a range of what is empty, each in words of its own.
        if _size_of(place, path) > start:
            raise
        return b""


def _size_of(place: Place, path: str) -> int:
    """A file's size.

    Raises:
        FileNotFoundError: There is none.
        IsADirectoryError: It is a folder, a pipe or a device.
    """
    found = _found(place, path)
    if found["type"] != "file":
        raise IsADirectoryError(path)
    return int(found["size"])


def _found(place: Place, path: str) -> dict[str, Any]:
    if not place.is_local:
        return dict(place.fs.info(path))
    # fsspec calls a link to nothing a file of its own.
    seen = os.stat(path)  # noqa: PTH116 - a path as fsspec has it
    return {"type": "file" if stat.S_ISREG(seen.st_mode) else "other", "size": seen.st_size}
