"""Parameters out of a JSON body, with the files in it."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any

from convertapi_sandbox.errors import BAD_REQUEST, ApiError
from convertapi_sandbox.file_store import FileStore
from convertapi_sandbox.files import safe_name
from convertapi_sandbox.incoming_files import no_file_name
from convertapi_sandbox.values import Pair, Value

__all__ = ["json_pairs"]


def json_pairs(body: bytes, files: FileStore) -> list[Pair]:
    """Return the parameters in a JSON body.

    Args:
        body: The whole body.
        files: Where files in it go.

    Raises:
        ApiError: 4002, bad JSON; 4001, a file without a name; 4005, one without content.
    """
    try:
        entries = json.loads(body)["Parameters"]
        return [pair for entry in entries for pair in _from_entry(entry, files)]
    except (ValueError, KeyError, TypeError) as error:
        raise ApiError(BAD_REQUEST, 4002, "Bad JSON format.") from error


def _from_entry(entry: dict[str, Any], files: FileStore) -> Iterator[Pair]:
    name = entry["Name"]
    if not isinstance(name, str):
        raise TypeError(name)
    if "FileValues" in entry:
        for number, value in enumerate(entry["FileValues"]):
            yield f"{name}[{number}]", _file_value(value, files)
    elif "FileValue" in entry:
        yield name, _file_value(entry["FileValue"], files)
    else:
        yield name, _text(entry["Value"])


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str | int | float):
        return str(value)
    raise TypeError(value)


def _file_value(value: dict[str, Any], files: FileStore) -> Value:
    for reference in ("Id", "Url"):
        if reference in value:
            return _text(value[reference])
    data = value.get("Data")
    if not isinstance(data, str) or not data:
        raise ApiError(BAD_REQUEST, 4005, "File encoded in Base64 not found.")
    name = safe_name(str(value.get("Name", "")))
    if not name:
        raise no_file_name()
    try:
        content = base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise ApiError(BAD_REQUEST, 4005, "The file is not encoded in Base64.") from error
    with files.writer() as writer:
        writer.write(content)
        return writer.finish(name)
