"""The kinds of source that a conversion takes, told apart by their form.

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

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from os import PathLike, fspath
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from conveyor.conversion import Conversion, StagedFile
from conveyor.errors import InvalidRequest

__all__ = ["Source", "SourceInput", "SourceKind", "is_file_id", "parse_sources", "staged"]

SourceInput = (
    str | PathLike[str] | StagedFile | Conversion | Mapping[str, Any] | Sequence["SourceInput"]
)

_FILE_ID = re.compile(r"[a-z0-9]{32}")


class SourceKind(StrEnum):
    """Who reads the source."""

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
        """The format that the name tells, ``"docx"``; empty where it tells none."""
        return PurePosixPath(self.name).suffix.removeprefix(".").lower()


def is_file_id(text: str) -> bool:
    """Whether a text has the form of the service's FileIds (protocol: 32 of a-z and 0-9)."""
    return _FILE_ID.fullmatch(text) is not None


def parse_sources(given: SourceInput) -> tuple[Source, ...]:
    """Tell what was given as a source.

    Args:
        given: One source of any kind, or a list of them.

    Returns:
        The sources in their order, at least one.

    Raises:
        InvalidRequest: It is none of the kinds, or there is none.
    """
    sources = tuple(_flatten(given))
    if not sources:
        raise InvalidRequest("There is no source: give a URL, a path, a FileId or a list of these.")
    return sources


def staged(file: StagedFile) -> Source:
    """A staged file as the source of the conversion that will own it."""
    return Source(SourceKind.STORED, file.uri, file.sha256)


def _flatten(given: Any) -> list[Source]:
    if isinstance(given, str):
        return [_parse_text(given)]
    if isinstance(given, PathLike):
        return [Source(SourceKind.LOCAL, fspath(given))]
    if isinstance(given, StagedFile):
        return [staged(given)]
    if isinstance(given, Conversion):
        return [Source(SourceKind.STORED, file.uri) for file in given.files]
    if isinstance(given, Mapping):
        return _parse_result(given)
    if isinstance(given, Sequence) and not isinstance(given, bytes | bytearray):
        return [source for item in given for source in _flatten(item)]
    raise InvalidRequest(
        f"A source can't be a {type(given).__name__}: give a URL, a path, a FileId or a list "
        "of these."
    )


def _parse_text(text: str) -> Source:
    if not text.strip() or "\0" in text:
        raise InvalidRequest("The source is empty: give a URL, a path or a FileId.")
    try:
        parts = urlsplit(text) if "://" in text else None
    except ValueError:
        raise InvalidRequest("The source URL can't be read: check its host.") from None
    scheme = parts.scheme if parts else ""
    if scheme in ("http", "https"):
        if not (parts and parts.hostname):
            raise InvalidRequest("The source URL names no host.")
        return Source(SourceKind.URL, text)
    if scheme:
        return Source(SourceKind.STORED, text)
    if is_file_id(text):
        return Source(SourceKind.FILE_ID, text)
    return Source(SourceKind.LOCAL, text)


def _parse_result(result: Mapping[str, Any]) -> list[Source]:
    """Take the files of a conversion's result, as a chain passes it on."""
    try:
        return [Source(SourceKind.STORED, str(file["uri"])) for file in result["files"]]
    except (KeyError, TypeError):
        raise InvalidRequest(
            "A mapping given as a source must be the result of a conversion, with its 'files'."
        ) from None
