"""A result, read from the answer that brings it. It has been paid, so nothing readable is lost.

Reading has two steps: first everything is understood, then what came as bytes is kept. So an answer
that can't be understood leaves no file behind.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any, Final

from conveyor.convertapi.answer import Answer, Unparsed
from conveyor.convertapi.cleaning import (
    MOST_ANSWER_CHARACTERS,
    MOST_NAME_CHARACTERS,
    Scrubber,
    clean_text,
    clean_whole,
)
from conveyor.convertapi.fitting import is_binary, is_file, is_page
from conveyor.convertapi.keeping import Keeper
from conveyor.convertapi.origins import origin_of
from conveyor.domain.answers import Finished, Lost, RemoteFile, Result, Unreadable

__all__ = ["field_of", "has_field", "may_be_paid", "read_result", "speaks_of_result"]

_MOST_COST: Final = 10**9
_MOST_SIZE: Final = 2**53
_LONGEST_URL_CHARACTERS: Final = 4096
_READ_BYTES: Final = 256 * 1024
_KNOWN: Final = frozenset({"conversioncost", "conversiontime", "files", "jobid"})
_OF_RESULT: Final = _KNOWN - {"jobid"}
_COSTS: Final = ("ConversionCost", "ConversionTime")  # older texts of the vendor say the second
# As JSON, or in another form: no page and no message of anybody else holds the last two words.
_SPEAKS: Final = re.compile(r"[\"']files[\"']\s*:|\bconversion(?:cost|time)\b", re.IGNORECASE)
_DATA_URI: Final = re.compile(r"\Adata:[^,]{0,200};base64,", re.IGNORECASE)
_TO_BASE64: Final = str.maketrans("-_", "+/", "\r\n\t")
_URL: Final = re.compile(r"https?://[^\s\"<>\\]+", re.IGNORECASE)
# What opens a document, or is one.
_OPENERS: Final = re.compile(
    r'("(?:FileData|FileId|JobId|Secret|Token|Password)"\s*:\s*)"[^"]*("?)', re.IGNORECASE
)


class _NoResult(ValueError):  # noqa: N818 - reads as what it says
    """The answer speaks of a result, and this of it can't be read."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A file as the answer has it, before anything is kept."""

    name: str
    url: str = ""
    size: int | None = None
    data: bytes | None = None


def field_of(body: dict[str, Any], name: str) -> Any:
    """A field by its name, in whatever case it is written; None where it is not there."""
    if name in body:
        return body[name]
    folded = name.casefold()
    return next((body[key] for key in body if key.casefold() == folded), None)


def has_field(body: dict[str, Any], name: str) -> bool:
    """Whether a field is there, in whatever case its name is written, and whatever it holds."""
    return name.casefold() in {key.casefold() for key in body}


def speaks_of_result(answer: Answer) -> bool:
    """Whether a whole answer says that there is a result: then the conversion has been paid."""
    body = answer.json()
    if body is not None and any(key.casefold() in _OF_RESULT for key in body):
        return True
    return not is_page(answer) and bool(_SPEAKS.search(_text_of(answer)))


def may_be_paid(answer: Answer) -> bool:
    """Whether a 200 that is no readable result may still be one that has been paid.

    It speaks of a result, or it is a file that nothing vouches for: no page is binary.
    """
    return speaks_of_result(answer) or bool(answer.body and is_binary(answer))


def read_result(
    answer: Answer, target: str, keep: Keeper, scrubber: Scrubber
) -> Finished | Unreadable | Lost:
    """Read a whole 200 that should hold a result.

    Args:
        answer: The service's answer.
        target: The target format, empty where it is not known.
        keep: Stores what comes as bytes.
        scrubber: Cleans foreign text.

    Returns:
        The result. Unreadable where the answer speaks of one that can't be read. Lost where it does
        not speak of one, or breaks off.

    Raises:
        StorageError: What came as bytes could not be kept.
    """
    body = answer.json()
    if body is not None and speaks_of_result(answer):
        return _read_body(answer, body, keep, scrubber)
    if is_file(answer, target):
        name = scrubber.name(answer.file_name) or "result"
        part = _Part(name, data=answer.body)
        return Finished(Result(1, (_kept(part, keep),)))
    if speaks_of_result(answer) and not _breaks_off(answer):
        return _unreadable(answer, "it has no known form", scrubber)
    return Lost(_why_none(answer), paid=may_be_paid(answer))


def _read_body(
    answer: Answer, body: dict[str, Any], keep: Keeper, scrubber: Scrubber
) -> Finished | Unreadable:
    try:
        parts = _parts_of(body, scrubber)
    except _NoResult as error:
        return _unreadable(answer, str(error), scrubber)
    extra = {name: value for name, value in body.items() if name.casefold() not in _KNOWN}
    files = tuple(_kept(part, keep) for part in parts)
    return Finished(Result(_cost_of(body), files, scrubber.fields(extra)))


def _parts_of(body: dict[str, Any], scrubber: Scrubber) -> tuple[_Part, ...]:
    files = field_of(body, "Files")
    if files is None and _has_files_and_cost(body):
        return ()
    if files is None:
        raise _NoResult("it lists no Files")
    if not isinstance(files, list):
        raise _NoResult("its Files is no list")
    return tuple(_part(file, place, scrubber) for place, file in enumerate(files, 1))


def _has_files_and_cost(body: dict[str, Any]) -> bool:
    """``"Files": null`` with a price: a conversion that found nothing to extract."""
    names = {key.casefold() for key in body}
    return "files" in names and any(
        clean_whole(field_of(body, name), _MOST_COST) is not None for name in _COSTS
    )


def _part(file: Any, place: int, scrubber: Scrubber) -> _Part:
    if not isinstance(file, dict):
        raise _NoResult(f"file {place} is no object")
    name = _name_of(file, scrubber)
    size = clean_whole(field_of(file, "FileSize"), _MOST_SIZE)
    url, data = field_of(file, "Url"), field_of(file, "FileData")
    if url:
        return _Part(name, _checked_url(url, place), size)
    if isinstance(data, str) and (data.strip() or size == 0):
        return _Part(name, data=_decoded(data, place))
    raise _NoResult(f"file {place} has neither Url nor FileData")


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
    raise _NoResult(f"the Url of file {place} is no http address")


def _decoded(data: str, place: int) -> bytes:
    """Base64 in any of its usual forms: a data URI, the alphabet of URLs, in lines, unpadded."""
    digits = _DATA_URI.sub("", data.strip(), count=1)
    digits = digits.translate(_TO_BASE64).rstrip("=")
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise _NoResult(f"the FileData of file {place} is no base64") from None


def _kept(part: _Part, keep: Keeper) -> RemoteFile:
    if part.data is None:
        return RemoteFile(part.name, part.url, part.size)
    stored = keep(part.name, [part.data])
    return RemoteFile(part.name, size=stored.size, kept=stored)


def _cost_of(body: dict[str, Any]) -> int:
    names = {key.casefold() for key in body}
    for name in _COSTS:
        if name.casefold() in names:
            return clean_whole(field_of(body, name), _MOST_COST) or 0
    return 1


def _unreadable(answer: Answer, reason: str, scrubber: Scrubber) -> Unreadable:
    body = answer.json() or {}
    cost = next(
        (cost for name in _COSTS if (cost := clean_whole(field_of(body, name), _MOST_COST))), 1
    )
    return Unreadable(reason, _shown(answer, scrubber), cost)


def _shown(answer: Answer, scrubber: Scrubber) -> str:
    """The answer as support may see it: nothing in it opens a document, or is one."""
    body = answer.json()
    text = _text_of(answer) if body is None else json.dumps(scrubber.tree(body), ensure_ascii=False)
    hidden = _OPENERS.sub(r'\1"…\2', text[: 32 * MOST_ANSWER_CHARACTERS])
    return scrubber.text(hidden, MOST_ANSWER_CHARACTERS)


def _text_of(answer: Answer) -> str:
    """The answer's beginning as text: a result names its fields before a file's content."""
    return "" if is_binary(answer) else answer.body[:_READ_BYTES].decode("utf-8", "replace")


def _breaks_off(answer: Answer) -> bool:
    """Whether the body is no whole JSON, so that it is worth asking for it once more."""
    value = answer.value
    return isinstance(value, Unparsed) and not value.is_whole


def _why_none(answer: Answer) -> str:
    if not answer.body:
        return "the answer was empty"
    if is_page(answer):
        return "a page of somebody on the way came for an answer"
    if _breaks_off(answer) and "json" in answer.content_type:
        return "the answer was cut"
    return "the answer was no result in a known form"
