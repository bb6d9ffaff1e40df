"""Errors as RFC 9457 problem details: one table of types, and how each is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from itertools import islice
from typing import Any, Final

from starlette.responses import JSONResponse

from web.languages import ENGLISH

__all__ = [
    "Kind",
    "Problem",
    "ProblemResponse",
    "errors_of",
]

MEDIA_TYPE: Final = "application/problem+json"
# A character is six bytes in JSON at most. Together these stay far below 64 KiB, whatever was sent.
_MOST_ERRORS: Final = 20
_MOST_NAME: Final = 100
_MOST_MESSAGE: Final = 200
_MOST_DETAIL: Final = 1000


class Kind(Enum):
    """A type of problem: its status, its name and its title."""

    UNAUTHORIZED = (401, "unauthorized", "API key needed")
    FOREIGN_ORIGIN = (403, "foreign-origin", "Foreign origin")
    NOT_FOUND = (404, "not-found", "Not found")
    METHOD_NOT_ALLOWED = (405, "method-not-allowed", "Method not allowed")
    TIMEOUT = (408, "request-timeout", "Request timeout")
    GONE = (410, "gone", "Gone")
    TOO_LARGE = (413, "too-large", "Too large")
    UNSUPPORTED_MEDIA_TYPE = (415, "unsupported-media-type", "Unsupported media type")
    RANGE_NOT_SATISFIABLE = (416, "range-not-satisfiable", "Range not satisfiable")
    INVALID_REQUEST = (422, "invalid-request", "Invalid request")
    TOO_MANY_REQUESTS = (429, "too-many-requests", "Too many requests")
    INTERNAL = (500, "internal", "Internal error")
    UNAVAILABLE = (503, "unavailable", "Unavailable")

    def __init__(self, status: int, slug: str, title: str) -> None:
        self.status = status
        self.slug = slug
        self.title = title

    @property
    def type(self) -> str:
        """The type's URI; `/problems` explains it."""
        return f"/problems#{self.slug}"


class Problem(Exception):  # noqa: N818 - named as RFC 9457 does
    """Ends a request with a problem.

    Args:
        kind: The kind of problem.
        detail: What is wrong with this request, and what to do.
        headers: More headers of the answer.
        errors: What is wrong with single fields, as `errors_of` writes it.
    """

    def __init__(
        self,
        kind: Kind,
        detail: str,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.headers = headers
        self.errors = errors


class ProblemResponse(JSONResponse):
    """A problem as an answer; arguments as those of `Problem`."""

    media_type = MEDIA_TYPE

    def __init__(
        self,
        kind: Kind,
        detail: str,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> None:
        content: dict[str, Any] = {
            "type": kind.type,
            "title": kind.title,
            "status": kind.status,
            "detail": _cut(detail, _MOST_DETAIL),
        }
        if errors:
            content["errors"] = errors[:_MOST_ERRORS]
        super().__init__(content, kind.status, {"Content-Language": ENGLISH, **(headers or {})})


def errors_of(found: Iterable[Any], place: str = "") -> list[dict[str, str]]:
    """Pydantic's errors by field, without the values, because one may be a secret.

    Args:
        found: The errors of pydantic or of FastAPI.
        place: Where the fields stand, ``"body"``.

    Returns:
        The first of them, long names and messages cut.
    """
    return [
        {
            "field": _cut(".".join(map(str, (*filter(None, [place]), *item["loc"]))), _MOST_NAME),
            "message": _cut(str(item["msg"]).removeprefix("Value error, "), _MOST_MESSAGE),
        }
        for item in islice(found, _MOST_ERRORS)
    ]


def _cut(text: str, most: int) -> str:
    """As much of a text as a reader needs; half a character, which no wire takes, is a ``?``."""
    shown = text if len(text) <= most else f"{text[: most - 1]}…"
    return shown.encode(errors="replace").decode()
