"""JSON schemas as HTML: a line for a shape, a table for an object, and links between them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

__all__ = ["as_html", "schema_tables", "shape_of"]

Schema = Mapping[str, Any]

_REQUIRED: Final = " (required)"
_CODE: Final = re.compile("`([^`]+)`")
_BOUNDS: Final = {
    "minimum": "from {}",
    "maximum": "to {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {}",
    "maxItems": "at most {}",
    "maxProperties": "at most {} members",
}


def schema_tables(schemas: Mapping[str, Schema]) -> Iterator[str]:
    """Each schema with its members, under an id that shapes link to.

    Args:
        schemas: By name, as an OpenAPI document has them.
    """
    for name, schema in schemas.items():
        yield f'<section class="card schema" id="schema-{escape(name)}"><h3>{escape(name)}</h3>'
        yield f"<p>{as_html(schema.get('description', ''))}"
        if "properties" in schema:
            yield from _members(schema)
        else:
            yield f"<p>{shape_of(schema)}"
        yield "</section>"


def as_html(text: str) -> str:
    """A description as HTML: what stands in backticks is code.

    Args:
        text: As the OpenAPI document has it.
    """
    return _CODE.sub(r"<code>\1</code>", escape(text, quote=False))


def shape_of(schema: Schema) -> str:
    """A schema in one line of HTML: ``list of FileAnswer``, ``string, at most 20 characters``."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return "one of " + ", ".join(f"<code>{escape(str(value))}</code>" for value in values)
    if "anyOf" in schema:
        return " or ".join(map(shape_of, schema["anyOf"]))
    if schema.get("type") == "array":
        return ", ".join([f"list of {shape_of(schema.get('items', {}))}", *_bounds(schema)])
    if "properties" in schema:
        return _inline(schema)
    return ", ".join([_kind(schema), *_bounds(schema)])


def _members(schema: Schema) -> Iterator[str]:
    required = schema.get("required", ())
    yield '<div class="table"><table>'
    for name, member in schema["properties"].items():
        needed = _REQUIRED if name in required else ""
        text = as_html(member.get("description", ""))
        yield f'<tr><th scope="row"><code>{escape(name)}</code>{needed}'
        yield f"<td>{shape_of(member)}<td>{text}"
    yield "</table></div>"


def _inline(schema: Schema) -> str:
    """An object that has no name of its own."""
    required = schema.get("required", ())
    rows = (
        f"<li><code>{escape(name)}</code>{_REQUIRED if name in required else ''}: "
        f"{shape_of(member)}. {as_html(member.get('description', ''))}"
        for name, member in schema["properties"].items()
    )
    return f"<ul>{''.join(rows)}</ul>"


def _kind(schema: Schema) -> str:
    kind = escape(str(schema.get("type", "anything")))
    values = schema.get("additionalProperties")
    if kind == "object" and isinstance(values, Mapping):
        return f"object of {shape_of(values)}"
    shown = {"binary": "file", "date-time": "time"}.get(schema.get("format", ""))
    return shown or kind


def _bounds(schema: Schema) -> list[str]:
    """In words. That a text has a character at least goes without saying."""
    given = (
        name for name in _BOUNDS if name in schema and (name, schema[name]) != ("minLength", 1)
    )
    return [_BOUNDS[name].format(f"{schema[name]:,}") for name in given]
