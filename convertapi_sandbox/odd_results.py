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
from convertapi_sandbox.wire import json_response

__all__ = ["OCTET_STREAM", "ODD_DISPOSITION", "ODD_RESULTS", "Material", "Odd"]

# A header on which Python's own parser raises.
ODD_DISPOSITION: Final = "attachment; filename*;filename*1"
OCTET_STREAM: Final = "application/octet-stream"

_Body = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Material:
    """What an odd result is made of.

    Args:
        body: The true result in JSON.
        name: File name of its first file; empty if it has none.
        content: That file's bytes.
        elsewhere: Base URL of a host that is not the sandbox's.
    """

    body: _Body
    name: str
    content: bytes
    elsewhere: str


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


def _set(**fields: Any) -> Callable[[Material], _Body]:
    """Return a change of fields of the result; None takes one away."""
    return lambda material: _changed(material.body, fields)


def _set_in_file(**fields: Any) -> Callable[[Material], _Body]:
    """Return a change of fields of the first file; None takes one away."""
    return lambda material: _with_file(material, fields)


def _data(encode: Callable[[bytes], str]) -> Callable[[Material], _Body]:
    """Return a change that puts the first file's content into the result."""
    return lambda material: _with_file(
        material, {"Url": None, "FileId": None, "FileData": encode(material.content)}
    )


def _size(of: Callable[[int], Any]) -> Callable[[Material], _Body]:
    return lambda material: _with_file(material, {"FileSize": of(len(material.content))})


def _beside_a_good_one(material: Material) -> _Body:
    files = material.body["Files"]
    bare = [_changed(file, {"Url": None, "FileData": None}) for file in files[:1]]
    return {**material.body, "Files": [*files, *bare]}


def _time_for_cost(material: Material) -> _Body:
    return _changed(material.body, {"ConversionCost": None, "ConversionTime": 3})


def _elsewhere(material: Material) -> _Body:
    file_id = next((file.get("FileId", "") for file in material.body["Files"]), "")
    return _with_file(material, {"Url": f"{material.elsewhere}/d/{file_id}"})


# Name → what is odd, and the result that is.
_BODIES: Final[Mapping[str, _OddBody]] = {
    "files_empty": _OddBody("`Files` is an empty list", _set(Files=[])),
    "files_null": _OddBody("`Files` is null", lambda material: {**material.body, "Files": None}),
    "files_missing": _OddBody("there is no `Files`", _set(Files=None)),
    "files_text": _OddBody("`Files` is text", _set(Files="a.pdf")),
    "file_null": _OddBody("a file is null", _set(Files=[None])),
    "file_bare": _OddBody(
        "a file has neither `Url` nor `FileData`", _set_in_file(Url=None, FileData=None)
    ),
    "file_bare_beside_good": _OddBody("such a file stands beside a good one", _beside_a_good_one),
    "data_plain": _OddBody("content is base64", _data(lambda raw: b64encode(raw).decode())),
    "data_urlsafe": _OddBody(
        "content is base64 in its URL-safe form",
        _data(lambda raw: urlsafe_b64encode(raw).decode()),
    ),
    "data_unpadded": _OddBody(
        "content is base64 without padding",
        _data(lambda raw: b64encode(raw).decode().rstrip("=")),
    ),
    "data_newlines": _OddBody(
        "content is base64 in lines", _data(lambda raw: encodebytes(raw).decode())
    ),
    "data_uri": _OddBody(
        "content is a data URI",
        _data(lambda raw: f"data:application/pdf;base64,{b64encode(raw).decode()}"),
    ),
    "data_garbage": _OddBody("content is not base64", _data(lambda _: "%%%")),
    "size_text": _OddBody("`FileSize` is text", _size(str)),
    "size_wrong": _OddBody("`FileSize` is 1,000 bytes too large", _size(lambda size: size + 1000)),
    "size_negative": _OddBody("`FileSize` is negative", _size(lambda _: -1)),
    "size_missing": _OddBody("there is no `FileSize`", _set_in_file(FileSize=None)),
    "cost_huge": _OddBody("the cost is 10^19", _set(ConversionCost=10**19)),
    "cost_float": _OddBody("the cost is 1e19", _set(ConversionCost=1e19)),
    "cost_infinite": _OddBody("the cost is Infinity", _set(ConversionCost=float("inf"))),
    "cost_negative": _OddBody("the cost is negative", _set(ConversionCost=-1)),
    "cost_text": _OddBody("the cost is text", _set(ConversionCost="1")),
    "cost_missing": _OddBody("there is no cost", _set(ConversionCost=None)),
    "conversion_time": _OddBody("`ConversionTime` stands for the cost", _time_for_cost),
    "extra_fields": _OddBody("there are more fields", _set(Extra={"a": [1]}, Billing="x")),
    "job_id_too": _OddBody("a `JobId` stands beside the files", _set(JobId="0" * 32)),
    "name_surrogate": _OddBody(
        "a file's name holds a lone surrogate",
        _set_in_file(FileName="a\ud83d.pdf"),
    ),
    "name_path": _OddBody(
        "a file's name leads out of its folder", _set_in_file(FileName="../../etc/a")
    ),
    "name_missing": _OddBody("a file has no name", _set_in_file(FileName=None, FileExt=None)),
    "url_elsewhere": _OddBody("a file lies on another port of this host", _elsewhere),
    "url_bad": _OddBody("a file's `Url` is one that parsers refuse", _set_in_file(Url="http://[x")),
    "url_local": _OddBody(
        "a file's `Url` is a path of the client's",
        _set_in_file(Url="file:///etc/hosts"),
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


def _changed(fields: _Body, changes: Mapping[str, Any]) -> _Body:
    merged = {**fields, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def _with_file(material: Material, changes: Mapping[str, Any]) -> _Body:
    first, rest = material.body["Files"][:1], material.body["Files"][1:]
    return {**material.body, "Files": [*(_changed(file, changes) for file in first), *rest]}


ODD_RESULTS: Final[tuple[Odd, ...]] = tuple(_rows())
