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
from typing import Any

from starlette.responses import Response

from convertapi_sandbox.addresses import Address, Family
from convertapi_sandbox.disposition import attachment
from convertapi_sandbox.wire import json_response

#: A header on which Python's own parser raises.
ODD_DISPOSITION = "attachment; filename*;filename*1"
OCTET_STREAM = "application/octet-stream"

Body = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Material:
    """What an odd result is made of.

    Args:
        body: The true result in JSON.
        name: File name of its first file; empty if it has none.
        content: That file's bytes.
        elsewhere: Base URL of a host that is not the sandbox's.
    """

    body: Body
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


def _set(**fields: Any) -> Callable[[Material], Body]:
    """Return a change of fields of the result; None takes one away."""
    return lambda material: _changed(material.body, fields)


def _set_in_file(**fields: Any) -> Callable[[Material], Body]:
    """Return a change of fields of the first file; None takes one away."""
    return lambda material: _with_file(material, fields)


def _data(encode: Callable[[bytes], str]) -> Callable[[Material], Body]:
    """Return a change that puts the first file's content into the result."""
    return lambda material: _with_file(
        material, {"Url": None, "FileId": None, "FileData": encode(material.content)}
    )


def _size(of: Callable[[int], Any]) -> Callable[[Material], Body]:
    return lambda material: _with_file(material, {"FileSize": of(len(material.content))})


def _beside_a_good_one(material: Material) -> Body:
    files = material.body["Files"]
    bare = [_changed(file, {"Url": None, "FileData": None}) for file in files[:1]]
    return {**material.body, "Files": [*files, *bare]}


def _time_for_cost(material: Material) -> Body:
    return _changed(material.body, {"ConversionCost": None, "ConversionTime": 3})


def _elsewhere(material: Material) -> Body:
    file_id = next((file.get("FileId", "") for file in material.body["Files"]), "")
    return _with_file(material, {"Url": f"{material.elsewhere}/d/{file_id}"})


#: Name → what is odd, and the result that is.
BODIES: Mapping[str, tuple[str, Callable[[Material], Body]]] = {
    "files_empty": ("`Files` is an empty list", _set(Files=[])),
    "files_null": ("`Files` is null", lambda material: {**material.body, "Files": None}),
    "files_missing": ("there is no `Files`", _set(Files=None)),
    "files_text": ("`Files` is text", _set(Files="a.pdf")),
    "file_null": ("a file is null", _set(Files=[None])),
    "file_bare": ("a file has neither `Url` nor `FileData`", _set_in_file(Url=None, FileData=None)),
    "file_bare_beside_good": ("such a file stands beside a good one", _beside_a_good_one),
    "data_plain": ("content is base64", _data(lambda raw: b64encode(raw).decode())),
    "data_urlsafe": (
        "content is base64 in its URL-safe form",
        _data(lambda raw: urlsafe_b64encode(raw).decode()),
    ),
    "data_unpadded": (
        "content is base64 without padding",
        _data(lambda raw: b64encode(raw).decode().rstrip("=")),
    ),
    "data_newlines": ("content is base64 in lines", _data(lambda raw: encodebytes(raw).decode())),
    "data_uri": (
        "content is a data URI",
        _data(lambda raw: f"data:application/pdf;base64,{b64encode(raw).decode()}"),
    ),
    "data_garbage": ("content is not base64", _data(lambda _: "%%%")),
    "size_text": ("`FileSize` is text", _size(str)),
    "size_wrong": ("`FileSize` is 1,000 bytes too large", _size(lambda size: size + 1000)),
    "size_negative": ("`FileSize` is negative", _size(lambda _: -1)),
    "size_missing": ("there is no `FileSize`", _set_in_file(FileSize=None)),
    "cost_huge": ("the cost is 10^19", _set(ConversionCost=10**19)),
    "cost_float": ("the cost is 1e19", _set(ConversionCost=1e19)),
    "cost_infinite": ("the cost is Infinity", _set(ConversionCost=float("inf"))),
    "cost_negative": ("the cost is negative", _set(ConversionCost=-1)),
    "cost_text": ("the cost is text", _set(ConversionCost="1")),
    "cost_missing": ("there is no cost", _set(ConversionCost=None)),
    "conversion_time": ("`ConversionTime` stands for the cost", _time_for_cost),
    "extra_fields": ("there are more fields", _set(Extra={"a": [1]}, Billing="x")),
    "job_id_too": ("a `JobId` stands beside the files", _set(JobId="0" * 32)),
    "name_surrogate": (
        "a file's name holds a lone surrogate",
        _set_in_file(FileName="a\ud83d.pdf"),
    ),
    "name_path": ("a file's name leads out of its folder", _set_in_file(FileName="../../etc/a")),
    "name_missing": ("a file has no name", _set_in_file(FileName=None, FileExt=None)),
    "url_elsewhere": ("a file lies on another port of this host", _elsewhere),
    "url_bad": ("a file's `Url` is one that parsers refuse", _set_in_file(Url="http://[x")),
    "url_local": (
        "a file's `Url` is a path of the client's",
        _set_in_file(Url="file:///etc/hosts"),
    ),
}

#: Name → what is odd about bytes in place of JSON, and their headers.
RAWS: Mapping[str, tuple[str, Callable[[str], Mapping[str, str]]]] = {
    "raw": (
        "the bytes of the first file, with a Content-Disposition",
        lambda name: {"Content-Type": OCTET_STREAM, "Content-Disposition": attachment(name)},
    ),
    "raw_unnamed": (
        "the bytes of the first file, without a Content-Disposition",
        lambda _: {"Content-Type": OCTET_STREAM},
    ),
    "raw_typed": (
        "the bytes of the first file, their own type and no Content-Disposition",
        lambda name: {"Content-Type": mimetypes.guess_type(name)[0] or OCTET_STREAM},
    ),
    "raw_as_json": (
        "the bytes of the first file, said to be JSON",
        lambda _: {"Content-Type": "application/json"},
    ),
    "raw_odd_disposition": (
        "the bytes of the first file, with a Content-Disposition on which parsers raise",
        lambda _: {"Content-Type": OCTET_STREAM, "Content-Disposition": ODD_DISPOSITION},
    ),
}


def _rows() -> Iterator[Odd]:
    row = partial(Odd, addresses=(Address.SUBMIT, Address.POLL))
    for name, (meaning, change) in BODIES.items():
        yield row(name=f"odd_{name}", meaning=f"a result where {meaning}", answer=_json(change))
    for name, (meaning, headers) in RAWS.items():
        yield row(name=f"odd_{name}", meaning=f"a result: {meaning}", answer=_raw(headers))
    yield row(name="odd_cut", meaning="a result whose JSON is cut in half", answer=_cut)


def _json(change: Callable[[Material], Body]) -> Callable[[Material], Response]:
    return lambda material: json_response(change(material))


def _raw(headers: Callable[[str], Mapping[str, str]]) -> Callable[[Material], Response]:
    return lambda material: Response(material.content, headers=headers(material.name))


def _cut(material: Material) -> Response:
    whole = bytes(json_response(material.body).body)
    return Response(whole[: len(whole) // 2], media_type="application/json")


def _changed(fields: Body, changes: Mapping[str, Any]) -> Body:
    merged = {**fields, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def _with_file(material: Material, changes: Mapping[str, Any]) -> Body:
    first, rest = material.body["Files"][:1], material.body["Files"][1:]
    return {**material.body, "Files": [*(_changed(file, changes) for file in first), *rest]}


ODD_RESULTS: tuple[Odd, ...] = tuple(_rows())
