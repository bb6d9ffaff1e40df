"""The finished result in forms that no documentation shows, as one table.

Each row changes a true result, or answers something else in its place. At a submit the job is
taken and charged, so that none of these answers may lead to another one.
"""

from __future__ import annotations

import mimetypes
from base64 import b64encode, encodebytes, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from starlette.responses import Response

from convertapi_sandbox.addresses import Address, Family
from convertapi_sandbox.disposition import attachment
from convertapi_sandbox.odd_changes import (
    Material,
    beside_a_good_one,
    change_fields,
    change_file_fields,
    change_size,
    elsewhere,
    put_content,
    time_for_cost,
)
from convertapi_sandbox.wire import json_response

__all__ = ["OCTET_STREAM", "ODD_DISPOSITION", "ODD_RESULTS", "Odd"]

# A header on which Python's own parser raises.
ODD_DISPOSITION: Final = "attachment; filename*;filename*1"
OCTET_STREAM: Final = "application/octet-stream"

_Body = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Odd(Family):
    """A result that is odd in one way.

    Args:
        answer: Makes the answer.
    """

    answer: Callable[[Material], Response]


@dataclass(frozen=True)
class _OddBody:
    """What is odd, and the result that is."""

    meaning: str
    change: Callable[[Material], _Body]


@dataclass(frozen=True)
class _OddHeaders:
    """What is odd about bytes in place of JSON, and their headers by the file's name."""

    meaning: str
    headers: Callable[[str], Mapping[str, str]]


# Name → what is odd, and the result that is.
_BODIES: Final[Mapping[str, _OddBody]] = {
    "files_empty": _OddBody("`Files` is an empty list", change_fields(Files=[])),
    "files_null": _OddBody("`Files` is null", lambda material: {**material.body, "Files": None}),
    "files_missing": _OddBody("there is no `Files`", change_fields(Files=None)),
    "files_text": _OddBody("`Files` is text", change_fields(Files="a.pdf")),
    "file_null": _OddBody("a file is null", change_fields(Files=[None])),
    "file_bare": _OddBody(
        "a file has neither `Url` nor `FileData`", change_file_fields(Url=None, FileData=None)
    ),
    "file_bare_beside_good": _OddBody("such a file stands beside a good one", beside_a_good_one),
    "data_plain": _OddBody("content is base64", put_content(lambda raw: b64encode(raw).decode())),
    "data_urlsafe": _OddBody(
        "content is base64 in its URL-safe form",
        put_content(lambda raw: urlsafe_b64encode(raw).decode()),
    ),
    "data_unpadded": _OddBody(
        "content is base64 without padding",
        put_content(lambda raw: b64encode(raw).decode().rstrip("=")),
    ),
    "data_newlines": _OddBody(
        "content is base64 in lines", put_content(lambda raw: encodebytes(raw).decode())
    ),
    "data_uri": _OddBody(
        "content is a data URI",
        put_content(lambda raw: f"data:application/pdf;base64,{b64encode(raw).decode()}"),
    ),
    "data_garbage": _OddBody("content is not base64", put_content(lambda _: "%%%")),
    "size_text": _OddBody("`FileSize` is text", change_size(str)),
    "size_wrong": _OddBody(
        "`FileSize` is 1,000 bytes too large", change_size(lambda size: size + 1000)
    ),
    "size_negative": _OddBody("`FileSize` is negative", change_size(lambda _: -1)),
    "size_missing": _OddBody("there is no `FileSize`", change_file_fields(FileSize=None)),
    "cost_huge": _OddBody("the cost is 10^19", change_fields(ConversionCost=10**19)),
    "cost_float": _OddBody("the cost is 1e19", change_fields(ConversionCost=1e19)),
    "cost_infinite": _OddBody("the cost is Infinity", change_fields(ConversionCost=float("inf"))),
    "cost_negative": _OddBody("the cost is negative", change_fields(ConversionCost=-1)),
    "cost_text": _OddBody("the cost is text", change_fields(ConversionCost="1")),
    "cost_missing": _OddBody("there is no cost", change_fields(ConversionCost=None)),
    "conversion_time": _OddBody("`ConversionTime` stands for the cost", time_for_cost),
    "extra_fields": _OddBody("there are more fields", change_fields(Extra={"a": [1]}, Billing="x")),
    "job_id_too": _OddBody("a `JobId` stands beside the files", change_fields(JobId="0" * 32)),
    "name_surrogate": _OddBody(
        "a file's name holds a lone surrogate",
        change_file_fields(FileName="a\ud83d.pdf"),
    ),
    "name_path": _OddBody(
        "a file's name leads out of its folder", change_file_fields(FileName="../../etc/a")
    ),
    "name_missing": _OddBody("a file has no name", change_file_fields(FileName=None, FileExt=None)),
    "url_elsewhere": _OddBody("a file lies on another port of this host", elsewhere),
    "url_bad": _OddBody(
        "a file's `Url` is one that parsers refuse", change_file_fields(Url="http://[x")
    ),
    "url_local": _OddBody(
        "a file's `Url` is a path of the client's",
        change_file_fields(Url="file:///etc/hosts"),
    ),
}

# Name → what is odd about bytes in place of JSON, and their headers.
_RAWS: Final[Mapping[str, _OddHeaders]] = {
    "raw": _OddHeaders(
        "the bytes of the first file, with a Content-Disposition",
        lambda name: {"Content-Type": OCTET_STREAM, "Content-Disposition": attachment(name)},
    ),
    "raw_unnamed": _OddHeaders(
        "the bytes of the first file, without a Content-Disposition",
        lambda _: {"Content-Type": OCTET_STREAM},
    ),
    "raw_typed": _OddHeaders(
        "the bytes of the first file, their own type and no Content-Disposition",
        lambda name: {"Content-Type": mimetypes.guess_type(name)[0] or OCTET_STREAM},
    ),
    "raw_as_json": _OddHeaders(
        "the bytes of the first file, said to be JSON",
        lambda _: {"Content-Type": "application/json"},
    ),
    "raw_odd_disposition": _OddHeaders(
        "the bytes of the first file, with a Content-Disposition on which parsers raise",
        lambda _: {"Content-Type": OCTET_STREAM, "Content-Disposition": ODD_DISPOSITION},
    ),
}


def _rows() -> Iterator[Odd]:
    row = partial(Odd, addresses=(Address.SUBMIT, Address.POLL))
    for name, body in _BODIES.items():
        meaning = f"a result where {body.meaning}"
        yield row(name=f"odd_{name}", meaning=meaning, answer=_json(body.change))
    for name, raw in _RAWS.items():
        yield row(name=f"odd_{name}", meaning=f"a result: {raw.meaning}", answer=_raw(raw.headers))
    yield row(name="odd_cut", meaning="a result whose JSON is cut in half", answer=_cut)


def _json(change: Callable[[Material], _Body]) -> Callable[[Material], Response]:
    return lambda material: json_response(change(material))


def _raw(headers: Callable[[str], Mapping[str, str]]) -> Callable[[Material], Response]:
    return lambda material: Response(material.content, headers=headers(material.name))


def _cut(material: Material) -> Response:
    whole = bytes(json_response(material.body).body)
    return Response(whole[: len(whole) // 2], media_type="application/json")


ODD_RESULTS: Final[tuple[Odd, ...]] = tuple(_rows())
