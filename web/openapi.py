"""The OpenAPI document: what every operation may answer beside its own, and who may ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from web.answers import ProblemAnswer, StateEvent
from web.auth import is_link, is_open
from web.models import CallbacksReplayOrder, ConversionOrder, ReplayOrder
from web.problems import MEDIA_TYPE, Kind

__all__ = ["document_of", "problems"]

_SCHEME: Final = "apiKey"
_REF: Final = "#/components/schemas/"
_MORE: Final = (
    *(ProblemAnswer, ConversionOrder, ReplayOrder, StateEvent),
    CallbacksReplayOrder,
)
_TAGS: Final = (
    {"name": "conversions", "description": "Documents on their way into another format."},
    {"name": "dead letters", "description": "Conversions that have ended without files."},
    {"name": "callbacks", "description": "What Conveyor tells its callers' addresses."},
    {"name": "formats", "description": "The known pairs of formats."},
    {"name": "fleet", "description": "How the workers stand."},
    {"name": "health", "description": "For load balancers and Prometheus."},
)


def problems(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """The problems that an operation may answer with, for its ``responses``."""
    return {kind.status: _problem(kind) for kind in kinds}


def document_of(app: FastAPI, *, has_keys: bool) -> dict[str, Any]:
    """The document that describes an app.

    Args:
        app: With all of its routes.
        has_keys: Whether it asks for API keys.
    """
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=list(_TAGS),
    )
    _add_models(document["components"]["schemas"])
    for path, operation in _operations(document):
        _remove_frameworks_own(operation)
        _say_optional(operation)
        if not is_open(path):
            _guard(operation, has_keys=has_keys and not is_link(path))
    if has_keys:
        document["components"]["securitySchemes"] = {_SCHEME: {"type": "http", "scheme": "bearer"}}
    return document


def _add_models(schemas: dict[str, Any]) -> None:
    """Add those that no signature names; take out the framework's own errors."""
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    _, made = models_json_schema(
        [(model, "validation") for model in _MORE], ref_template=f"{_REF}{{model}}"
    )
    schemas.update(made["$defs"])
    # The library's words are for its own readers.
    schemas["State"]["description"] = "Where a conversion stands."


def _remove_frameworks_own(operation: dict[str, Any]) -> None:
    """A path that fits nothing is not found; the framework would foresee a 422 of its own form."""
    answers = operation["responses"]
    if "application/json" in answers.get("422", {}).get("content", ()):
        del answers["422"]


def _say_optional(operation: Mapping[str, Any]) -> None:
    """A parameter may be left out; there is no null in a query or a header."""
    for parameter in operation.get("parameters", ()):
        schema = parameter["schema"]
        kinds = [kind for kind in schema.pop("anyOf", ()) if kind != {"type": "null"}]
        for kind in kinds:
            schema.update(kind)


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def _guard(operation: dict[str, Any], *, has_keys: bool) -> None:
    """Add what stands before every operation."""
    kinds = [Kind.FOREIGN_ORIGIN, Kind.TOO_MANY_REQUESTS, Kind.UNAVAILABLE]
    if has_keys:
        kinds.append(Kind.UNAUTHORIZED)
        operation["security"] = [{_SCHEME: []}]
    operation["responses"].update({str(kind.status): _problem(kind) for kind in kinds})


def _problem(kind: Kind) -> dict[str, Any]:
    example = {"type": kind.type, "title": kind.title, "status": kind.status, "detail": "…"}
    answer: dict[str, Any] = {
        "description": kind.title,
        "content": {MEDIA_TYPE: {"schema": {"$ref": f"{_REF}ProblemAnswer"}, "example": example}},
    }
    if kind is Kind.TOO_MANY_REQUESTS:
        answer["headers"] = {
            "Retry-After": {
                "description": "Seconds until the next request may pass.",
                "required": True,
                "schema": {"type": "integer", "minimum": 1},
            }
        }
    return answer
