"""Bodies, read as they come: whole and bounded for an answer, piece by piece for a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import requests

from conveyor.convertapi.answer import Answer
from conveyor.convertapi.cleaning import clean_whole
from conveyor.convertapi.errors import Unclear
from conveyor.convertapi.exchange import Exchange
from conveyor.convertapi.faults import translated
from conveyor.convertapi.payment import may_be_paid

__all__ = ["Download", "begin_file", "read_answer"]

_MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
_CHUNK_BYTES: Final = 1024 * 1024
_OK: Final = 200
_PARTIAL: Final = 206
_MOST_SIZE: Final = 2**53
_RANGE: Final = re.compile(r"\s*bytes\s+(\d{1,18})-\d{1,18}/(?:(\d{1,18})|\*)", re.IGNORECASE)
_TAG: Final = re.compile(r'"[\x21\x23-\x7e]{0,200}"')


@dataclass(frozen=True, slots=True)
class Download:
    """A result file that is being fetched.

    Attributes:
        chunks: Its content, piece by piece.
        start: The first byte that comes: above 0 where the service went on from there (206).
        size: Of the whole file in bytes, None where the answer does not say.
        tag: What tells this version of the file from another, empty where nothing does.
        is_plain: Whether a fetch that breaks can go on from where it stands: the content comes as
            it is, not compressed on the way.
        is_framed: Whether the answer tells where it ends. If not, a cut one looks whole.
    """

    chunks: Iterator[bytes]
    start: int
    size: int | None
    tag: str
    is_plain: bool
    is_framed: bool


def read_answer(response: requests.Response, exchange: Exchange) -> Answer:
    """Read a whole answer, of 64 MiB at most.

    Args:
        response: Its head has come.
        exchange: Bounds it in time.

    Returns:
        The answer, whatever its status.

    Raises:
        Unclear: It was cut, malformed, or larger than an answer can be.
    """
    parts: list[bytes] = []
    try:
        with response, translated(exchange):
            parts.extend(_chunks(response, _MAX_ANSWER_BYTES))
    except Unclear as error:
        error.paid = response.status_code == _OK and may_be_paid(_answer(response, parts))
        raise
    return _answer(response, parts)


def begin_file(response: requests.Response, start: int, exchange: Exchange) -> Download | None:
    """Begin to read a result file.

    Args:
        response: Its head has come.
        start: The first byte that was asked for.
        exchange: Bounds it in time.

    Returns:
        The file; None where the answer is none.

    Raises:
        Unclear: Another part of the file came than was asked for.
    """
    begun = _begin_of(response, start)
    if begun is None:
        return None
    is_plain = _is_plain(response)
    return Download(
        _guarded(_chunks(response), exchange),
        begun,
        _size_of(response) if is_plain else None,
        _tag_of(response),
        is_plain,
        _is_framed(response),
    )


def _answer(response: requests.Response, parts: list[bytes]) -> Answer:
    return Answer.read(response.status_code, response.headers, b"".join(parts))


def _chunks(response: requests.Response, most: int | None = None) -> Iterator[bytes]:
    """Read what has come, as it comes, until the end."""
    size, raw, is_plain = 0, response.raw, _is_plain(response)
    while chunk := raw.read1(_CHUNK_BYTES, decode_content=True):
        yield chunk
        size += len(chunk)
        if most is not None and size > most:
            raise Unclear("the answer was larger than any answer of ConvertAPI")
        if is_plain and raw.length_remaining == 0:
            return


def _guarded(chunks: Iterator[bytes], exchange: Exchange) -> Iterator[bytes]:
    with translated(exchange):
        yield from chunks


def _begin_of(response: requests.Response, start: int) -> int | None:
    """Where the content of a download begins, None where it is no file."""
    if response.status_code == _OK:
        return 0
    if response.status_code != _PARTIAL:
        return None
    told = _RANGE.match(response.headers.get("Content-Range", ""))
    if not start or told is None or int(told[1]) != start:
        raise Unclear("the service sent another part of the file than the one asked for")
    return start


def _size_of(response: requests.Response) -> int | None:
    """The whole file's size, as far as the head tells."""
    if response.status_code == _PARTIAL:
        told = _RANGE.match(response.headers.get("Content-Range", ""))
        return int(told[2]) if told and told[2] else None
    return clean_whole(response.headers.get("Content-Length"), _MOST_SIZE)


def _tag_of(response: requests.Response) -> str:
    """A strong ETag: a weak one does not vouch for bytes (RFC 9110)."""
    tag = response.headers.get("ETag", "").strip()
    return tag if _TAG.fullmatch(tag) else ""


def _is_framed(response: requests.Response) -> bool:
    return "Content-Length" in response.headers or "Transfer-Encoding" in response.headers


def _is_plain(response: requests.Response) -> bool:
    return response.headers.get("Content-Encoding", "identity").strip().lower() == "identity"
