"""The HTTP API's reference, from the OpenAPI document that the web process serves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from config.web import WebSettings
from conveyor import Conveyor
from conveyor.settings import load
from docsite.markdown import code, sentence, table
from web import openapi
from web.app import make_app
from web.problems import Kind

__all__ = ["document", "page"]

_HEAD: Final = """# HTTP API

This page is the OpenAPI document of your web process. `GET /openapi.json` gives you the document
itself. Once you have set `CONVEYOR_WEB_API_KEYS`, send a key with every request, as
`Authorization: Bearer KEY`. The health checks are open.
"""
_PROBLEMS: Final = """## Problems

Every error is a problem as RFC 9457 describes it. Decide by its `type`, and show its
`detail` to people.
"""
# The document depends on no setting. These are complete, and nobody connects to them.
_SETTINGS: Final = {
    "broker_url": "redis://127.0.0.1:6379/0",
    "storage_url": "file:///var/conveyor",
}
_BOUNDS: Final = (
    ("minimum", "maximum", ""),
    ("minLength", "maxLength", " characters"),
    ("minItems", "maxItems", " items"),
)

_Schema = Mapping[str, Any]


def page() -> str:
    """The page's Markdown."""
    found = document()
    parts = [_HEAD, *(_tag(tag, found["paths"]) for tag in found["tags"])]
    parts += [_PROBLEMS, _kinds(), "## Objects\n"]
    schemas = found["components"]["schemas"]
    return "\n".join([*parts, *(_object(name, schemas[name]) for name in sorted(schemas))])


def document() -> dict[str, Any]:
    """The OpenAPI document of a web process that asks for API keys."""
    app = make_app(load(WebSettings, **_SETTINGS), Conveyor(**_SETTINGS))
    return openapi.document_of(app, has_keys=True)


def _tag(tag: _Schema, paths: _Schema) -> str:
    parts = [f"## {tag['name'].capitalize()}\n", f"{sentence(tag['description'])}\n"]
    for path, methods in paths.items():
        for method, operation in methods.items():
            if tag["name"] in operation["tags"]:
                parts.append(_operation(f"{method.upper()} {path}", operation))
    return "\n".join(parts)


def _operation(address: str, operation: _Schema) -> str:
    description = "\n\n".join(filter(None, (sentence(operation["summary"]), _text(operation))))
    parts = [f"### {code(address)}\n", f"{description}\n"]
    if rows := [_parameter(each) for each in operation.get("parameters", ())]:
        parts.append(table(("parameter", "in", "value", "meaning"), rows))
    if body := operation.get("requestBody"):
        parts.append(f"{_text(body) or 'The body is one of these.'}\n")
        parts.append(table(("body", "value"), _contents(body["content"])))
        parts += map(_form, body["content"].items())
    parts.append(table(("answer", "value", "meaning"), _answers(operation["responses"])))
    return "\n".join(parts)


def _text(schema: _Schema) -> str:
    text: str = schema.get("description", "")
    return text if text.endswith(".") or not text else f"{text}."


def _parameter(parameter: _Schema) -> tuple[str, str, str, str]:
    schema = parameter["schema"]
    meaning = parameter.get("description") or schema.get("description", "")
    must = " *required*" if parameter.get("required") else ""
    return code(parameter["name"]) + must, parameter["in"], _value(schema), sentence(meaning)


def _contents(contents: _Schema) -> Iterator[tuple[str, str]]:
    return ((code(kind), _value(each.get("schema", {}))) for kind, each in contents.items())


def _form(content: tuple[str, _Schema]) -> str:
    """The fields of a body that no object of the document describes."""
    kind, described = content
    schema = described.get("schema", {})
    fields = {**schema.get("properties", {}), **_by_pattern(schema)}
    if not fields:
        return ""
    rows = _members(fields, schema.get("required", ()))
    return table((f"field of {code(kind)}", "value", "meaning"), rows)


def _by_pattern(schema: _Schema) -> dict[str, Any]:
    patterns = schema.get("patternProperties", {})
    return dict(zip(["*other*"], patterns.values(), strict=False))


def _answers(answers: _Schema) -> Iterator[tuple[str, str, str]]:
    for status in sorted(answers):
        contents = ", ".join(
            f"{code(kind)} {_value(each['schema'])}"
            for kind, each in answers[status].get("content", {}).items()
        )
        text = answers[status]["description"]
        yield status, contents, sentence("" if text == "Successful Response" else text)


def _value(schema: _Schema) -> str:
    """What a value may be, in few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_value(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(code(str(each)) for each in schema["enum"])
    kind = schema.get("format") or schema.get("type", "")
    if kind == "array":
        kind = f"list of {_value(schema['items'])}"
    bounds = [_bounds(schema.get(least), schema.get(most), unit) for least, most, unit in _BOUNDS]
    default = [f"by default {code(str(schema['default']))}"] if schema.get("default") else []
    return ", ".join(filter(None, [kind, *bounds, *default]))


def _bounds(least: float | None, most: float | None, unit: str) -> str:
    if least is None:
        return "" if most is None else f"at most {most}{unit}"
    if most is None:
        return "not empty" if unit and least == 1 else f"at least {least}{unit}"
    return f"{least} to {most}{unit}"


def _kinds() -> str:
    rows = ((str(kind.status), code(kind.type), sentence(kind.title)) for kind in Kind)
    return table(("status", "type", "meaning"), rows)


def _object(name: str, schema: _Schema) -> str:
    parts = [f"### {name}\n", f"{sentence(schema.get('description', ''))}\n"]
    rows = _members(schema.get("properties", {}), schema.get("required", ()))
    parts.append(table(("member", "value", "meaning"), rows) if rows else f"{_value(schema)}\n")
    return "\n".join([*parts, *map(_example, schema.get("examples", ()))])


def _members(members: _Schema, required: Sequence[str]) -> list[tuple[str, str, str]]:
    return [
        (
            (name if name.startswith("*") else code(name)) + " *required*" * (name in required),
            _value(each),
            sentence(each.get("description", "")),
        )
        for name, each in members.items()
    ]


def _example(value: Any) -> str:
    return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```\n"
