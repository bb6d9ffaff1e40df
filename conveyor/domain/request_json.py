"""Requests as the JSON that the ledger keeps."""

from __future__ import annotations

import json
from types import NoneType
from typing import Any

from conveyor.domain.request import ConversionRequest
from conveyor.domain.shapes import list_of, plain_of, text_of, texts_of
from conveyor.domain.sources import Source, SourceKind

__all__ = ["dump_request", "load_request"]


def dump_request(request: ConversionRequest) -> str:
    """Write a request; what was not asked for is left out.

    Args:
        request: The request.

    Returns:
        JSON.
    """
    plain: dict[str, Any] = {
        "sources": list(map(_dump_source, request.sources)),
        "from": request.from_format,
        "to": request.to_format,
        "params": dict(request.params),
    }
    if request.files:
        plain["files"] = {name: _dump_source(source) for name, source in request.files.items()}
    if request.semi_async_seconds is not None:
        plain["semi_async"] = request.semi_async_seconds
    return json.dumps(plain, separators=(",", ":"))


def load_request(text: str) -> ConversionRequest:
    """Read what `dump_request` wrote.

    Args:
        text: JSON.

    Raises:
        LookupError: A field is missing.
        TypeError: A field is of another type.
        ValueError: The text is not JSON, or names an unknown kind of source.
    """
    plain = plain_of(text)
    waits_s = plain.get("semi_async")
    if type(waits_s) not in (int, NoneType):
        raise TypeError("seconds are a whole number")
    return ConversionRequest(
        tuple(map(_load_source, list_of(plain["sources"]))),
        text_of(plain["from"]),
        text_of(plain["to"]),
        texts_of(plain["params"]),
        {name: _load_source(pair) for name, pair in plain.get("files", {}).items()},
        waits_s,
    )


def _dump_source(source: Source) -> list[str]:
    return [source.kind.value, source.value]


def _load_source(pair: Any) -> Source:
    kind, value = list_of(pair)
    return Source(SourceKind(kind), text_of(value))
