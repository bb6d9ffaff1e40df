"""The files of a result, as the answer has them: each by its URL, or as bytes in base64."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any, Final

from conveyor.convertapi.cleaning import clean_text, clean_whole
from conveyor.convertapi.keeping import Keeper
from conveyor.convertapi.named_fields import field_of
from conveyor.convertapi.origins import origin_of
from conveyor.convertapi.payment import has_files_and_cost
from conveyor.convertapi.scrubbing import MOST_NAME_CHARACTERS, Scrubber
from conveyor.domain.answers import RemoteFile

__all__ = ["NoResult", "Part", "kept", "parts_of"]

_MOST_SIZE: Final = 2**53
_LONGEST_URL_CHARACTERS: Final = 4096
_DATA_URI: Final = re.compile(r"\Adata:[^,]{0,200};base64,", re.IGNORECASE)
_TO_BASE64: Final = str.maketrans("-_", "+/", "\r\n\t")
_URL: Final = re.compile(r"https?://[^\s\"<>\\]+", re.IGNORECASE)


class NoResult(ValueError):  # noqa: N818 - reads as what it says
    """The answer speaks of a result, and this of it can't be read."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file as the answer has it, before anything is kept.

    Attributes:
        name: Its name, cleaned.
        url: Where it can be fetched, empty where its content came.
        size: In bytes, None where the answer does not say.
        data: Its content, None where it has a URL.
    """

    name: str
    url: str = ""
    size: int | None = None
    data: bytes | None = None


def parts_of(body: dict[str, Any], scrubber: Scrubber) -> tuple[Part, ...]:
    """Understand every file of a result, before anything is kept.

    Args:
        body: The answer's object.
        scrubber: Cleans the files' names.

    Raises:
        NoResult: It lists no files, or one of them can't be read.
    """
    files = field_of(body, "Files")
    if files is None and has_files_and_cost(body):
        return ()
    if files is None:
        raise NoResult("it lists no Files")
    if not isinstance(files, list):
        raise NoResult("its Files is not a list")
    return tuple(_part(file, place, scrubber) for place, file in enumerate(files, 1))


def _part(file: Any, place: int, scrubber: Scrubber) -> Part:
    if not isinstance(file, dict):
        raise NoResult(f"file {place} is not an object")
    name = _name_of(file, scrubber)
    size = clean_whole(field_of(file, "FileSize"), _MOST_SIZE)
    url, data = field_of(file, "Url"), field_of(file, "FileData")
    if url:
        return Part(name, _checked_url(url, place), size)
    if isinstance(data, str) and (data.strip() or size == 0):
        return Part(name, data=_decoded(data, place))
    raise NoResult(f"file {place} has neither Url nor FileData")


def _name_of(file: dict[str, Any], scrubber: Scrubber) -> str:
    name = scrubber.name(_word(field_of(file, "FileName"))) or "result"
    extension = clean_text(_word(field_of(file, "FileExt")), 32).lstrip(".")
    if extension and not name.lower().endswith(f".{extension.lower()}"):
        return f"{name[: MOST_NAME_CHARACTERS - 1 - len(extension)]}.{extension}"
    return name


def _word(value: Any) -> str:
    return str(value)[:10_000] if isinstance(value, str | int) and value is not True else ""


def _checked_url(url: Any, place: int) -> str:
    if isinstance(url, str) and len(url) <= _LONGEST_URL_CHARACTERS:
        found = _URL.fullmatch(url.strip())
        if found and origin_of(found[0]) is not None:
            return found[0]
    raise NoResult(f"the Url of file {place} is not an http URL")


def _decoded(data: str, place: int) -> bytes:
    """Base64 in any of its usual forms: a data URI, the alphabet of URLs, in lines, unpadded."""
    digits = _DATA_URI.sub("", data.strip())
    digits = digits.translate(_TO_BASE64).rstrip("=")
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise NoResult(f"the FileData of file {place} is not base64") from None


def kept(part: Part, keep: Keeper) -> RemoteFile:
    """Store a file that came as bytes; one with a URL stays where it is.

    Args:
        part: The file.
        keep: Stores it.

    Raises:
        StorageError: It could not be kept.
    """
    if part.data is None:
        return RemoteFile(part.name, part.url, part.size)
    stored = keep(part.name, [part.data])
    return RemoteFile(part.name, size=stored.size, kept=stored)
