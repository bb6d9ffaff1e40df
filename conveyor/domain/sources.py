"""The kinds of source that a conversion takes, distinguished by their form.

========================  ==============================================================
``https://…``             a URL that the service can reach: passed on
32 of a-z and 0-9         a FileId of an earlier upload: passed on
``s3://…``, ``file://…``  any other fsspec URL: the worker streams it to ``/upload``
a path                    a local file of the producer: staged in the storage first
a staged file             an upload that lies in the storage by now
a conversion's result     its files, so that one conversion feeds the next in a chain
========================  ==============================================================
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from conveyor.domain import rules
from conveyor.domain.conversion import Conversion, StagedFile
from conveyor.domain.source_urls import (
    bytes_of,
    check_length,
    check_url,
    half_a_character,
    scheme_of,
)
from conveyor.errors import InvalidRequest

__all__ = [
    "Source",
    "SourceInput",
    "SourceKind",
    "is_file_id",
    "parse_sources",
    "prefer_local",
    "staged",
]

SourceInput = (
    str | PathLike[str] | StagedFile | Conversion | Mapping[str, Any] | Sequence["SourceInput"]
)


class SourceKind(StrEnum):
    """The kind of a source, which says who reads it."""

    URL = "url"  # the service fetches it
    FILE_ID = "file_id"  # the service has it
    STORED = "stored"  # the worker uploads it
    LOCAL = "local"  # only the producer can read it: must be staged


@dataclass(frozen=True, slots=True)
class Source:
    """One source document.

    Attributes:
        kind: Who reads it.
        value: The URL, the FileId or the path.
        sha256: Of a file that was staged for this very request, the hash of its content: the
            conversion will own it. Empty for all others, and once it does.
    """

    kind: SourceKind
    value: str
    sha256: str = ""

    @property
    def name(self) -> str:
        """The file name that the source's path ends in; empty where it has none."""
        if self.kind is SourceKind.FILE_ID:
            return ""
        if self.kind is SourceKind.LOCAL:
            return Path(self.value).name
        if self.kind is SourceKind.STORED:
            # fsspec takes paths as they are: nothing in them is quoted, and # and ? are letters.
            return PurePosixPath(self.value.partition("://")[2]).name
        return PurePosixPath(unquote(urlsplit(self.value).path)).name

    @property
    def format(self) -> str:
        """The format in the file name's suffix, ``"docx"``; empty if there is none."""
        return PurePosixPath(self.name).suffix.removeprefix(".").lower()


def is_file_id(text: str) -> bool:
    """Whether a text has the form of the service's FileIds (protocol: 32 of a-z and 0-9)."""
    return rules.FILE_ID.fullmatch(text) is not None


def parse_sources(given: SourceInput) -> tuple[Source, ...]:
    """Parse sources as the caller gave them.

    Args:
        given: One source of any kind, or a list of them.

    Returns:
        The sources in their order, at least one.

    Raises:
        InvalidRequest: It is none of the kinds, or there is none.
    """
    try:
        sources = tuple(_flatten(given))
    except RecursionError:
        raise InvalidRequest("The sources are nested too deeply. Use one list.") from None
    if not sources:
        raise InvalidRequest("There is no source. Use a URL, a path, a FileId, or a list of these.")
    return sources


def prefer_local(source: Source) -> Source:
    """Read a text that has the form of a FileId as a file, where a file here has that name.

    Upload handlers name files with 32 hexadecimal digits. The official client decides the same.
    The order is: a path with a folder or a suffix is a file, a file in the working directory comes
    next, and only what is neither is a FileId. A `pathlib.Path` is always a file.

    Args:
        source: As `parse_sources` tells it.

    Returns:
        The local file, or the source as it was.
    """
    if source.kind is SourceKind.FILE_ID and os.path.isfile(source.value):  # noqa: PTH113 - it never raises
        return Source(SourceKind.LOCAL, source.value)
    return source


def staged(file: StagedFile) -> Source:
    """A staged file as the source of the conversion that will own it."""
    return Source(SourceKind.STORED, _stored(file.uri).value, file.sha256)


def _flatten(given: Any) -> list[Source]:
    if isinstance(given, str):
        return [_parse_text(given)]
    if isinstance(given, PathLike):
        return [_parse_path(os.fsdecode(given))]
    if isinstance(given, StagedFile):
        return [staged(given)]
    if isinstance(given, Conversion):
        return [_stored(file.uri) for file in given.files]
    if isinstance(given, Mapping):
        return _parse_result(given)
    if isinstance(given, Sequence) and not isinstance(given, bytes | bytearray):
        return [source for item in given for source in _flatten(item)]
    raise InvalidRequest(
        f"A source can't be a {type(given).__name__}. Use a URL, a path, a FileId, or a list of "
        "these."
    )


def _parse_text(text: str) -> Source:
    text = str.__str__(text)
    if not text.strip() or "\0" in text:
        raise InvalidRequest("The source is empty. Use a URL, a path or a FileId.")
    scheme = scheme_of(text)
    if not scheme:
        return Source(SourceKind.FILE_ID, text) if is_file_id(text) else _parse_path(text)
    check_length(bytes_of(text))
    if scheme in ("http", "https"):
        check_url(text)
        return Source(SourceKind.URL, text)
    return Source(SourceKind.STORED, text)


def _parse_path(text: str) -> Source:
    try:
        check_length(os.fsencode(text))
    except UnicodeEncodeError:
        raise half_a_character() from None
    return Source(SourceKind.LOCAL, text)


def _parse_result(result: Mapping[str, Any]) -> list[Source]:
    """Take the files of a conversion's result, as a chain passes it on."""
    try:
        return [_stored(file["uri"]) for file in result["files"]]
    except (KeyError, TypeError):
        raise InvalidRequest(
            "A mapping can only be a source if it is a conversion's result, with its 'files'."
        ) from None


def _stored(uri: Any) -> Source:
    """A file in the storage by its address.

    Raises:
        InvalidRequest: It is no such address.
    """
    source = _parse_text(uri) if isinstance(uri, str) else None
    if source is None or source.kind is not SourceKind.STORED:
        raise InvalidRequest("A stored file needs a storage URL, for example s3://bucket/a.pdf.")
    return source
