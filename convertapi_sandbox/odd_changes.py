"""Changes of a true result that make it an odd one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Material",
    "beside_a_good_one",
    "change_fields",
    "change_file_fields",
    "change_size",
    "elsewhere",
    "put_content",
    "time_for_cost",
]

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


def change_fields(**fields: Any) -> Callable[[Material], _Body]:
    """Return a change of fields of the result.

    Args:
        fields: Their new values; None takes one away.
    """
    return lambda material: _changed(material.body, fields)


def change_file_fields(**fields: Any) -> Callable[[Material], _Body]:
    """Return a change of fields of the first file.

    Args:
        fields: Their new values; None takes one away.
    """
    return lambda material: _with_file(material, fields)


def put_content(encode: Callable[[bytes], str]) -> Callable[[Material], _Body]:
    """Return a change that puts the first file's content into the result.

    Args:
        encode: Writes the content as text.
    """
    return lambda material: _with_file(
        material, {"Url": None, "FileId": None, "FileData": encode(material.content)}
    )


def change_size(of: Callable[[int], Any]) -> Callable[[Material], _Body]:
    """Return a change of the first file's size.

    Args:
        of: Makes the new value of the true one, in bytes.
    """
    return lambda material: _with_file(material, {"FileSize": of(len(material.content))})


def beside_a_good_one(material: Material) -> _Body:
    """Add a file that has neither `Url` nor `FileData`.

    Args:
        material: The true result.
    """
    files = material.body["Files"]
    bare = [_changed(file, {"Url": None, "FileData": None}) for file in files[:1]]
    return {**material.body, "Files": [*files, *bare]}


def time_for_cost(material: Material) -> _Body:
    """Tell the cost by the field that older texts of the vendor have.

    Args:
        material: The true result.
    """
    return _changed(material.body, {"ConversionCost": None, "ConversionTime": 3})


def elsewhere(material: Material) -> _Body:
    """Let the first file lie on a host that is not the sandbox's.

    Args:
        material: The true result.
    """
    file_id = next((file.get("FileId", "") for file in material.body["Files"]), "")
    return _with_file(material, {"Url": f"{material.elsewhere}/d/{file_id}"})


def _changed(fields: _Body, changes: Mapping[str, Any]) -> _Body:
    merged = {**fields, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def _with_file(material: Material, changes: Mapping[str, Any]) -> _Body:
    first, rest = material.body["Files"][:1], material.body["Files"][1:]
    return {**material.body, "Files": [*(_changed(file, changes) for file in first), *rest]}
