"""Faults where something that is not the service answers with success, or sends the client away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from starlette.responses import Response

from convertapi_sandbox.mishap import Mishap, Struck, always

__all__ = ["PORTAL", "impostors"]


@dataclass(frozen=True)
class _Page:
    """A page's content type, and its text."""

    kind: str
    text: str


@dataclass(frozen=True)
class _Junk:
    """What the client meets, and the body."""

    meaning: str
    text: str


_REDIRECTS: Final = (301, 302, 303, 307, 308)

PORTAL: Final = "<html><head><title>Sign in</title></head><body>Sign in to go on.</body></html>"
_XHTML_PORTAL: Final = (
    '<?xml version="1.0" encoding="UTF-8"?><html xmlns="http://www.w3.org/1999/xhtml">'
    "<head><title>Sign in</title></head><body><p>Sign in to go on.</p></body></html>"
)
# Pages that stand in the way with status 200.
_PORTALS: Final[Mapping[str, _Page]] = {
    "html": _Page("text/html", PORTAL),
    "xhtml": _Page("application/xhtml+xml", _XHTML_PORTAL),
    "text": _Page("text/plain", "Access denied by proxy"),
    "text_json": _Page("text/json", PORTAL),
    "json": _Page("application/json", PORTAL),
    "octets": _Page("application/octet-stream", PORTAL),
}
# A 200 in JSON that says nothing.
_JUNK: Final[Mapping[str, _Junk]] = {
    "null_json": _Junk("200 with `null`", "null"),
    "cut_json": _Junk("200 with JSON that is cut", '{"JobId": "0'),
    "deep_json": _Junk("200 with JSON 100,000 levels deep", "[" * 100_000 + "]" * 100_000),
    "empty_body": _Junk("200 in JSON without a body", ""),
}


def impostors() -> Iterator[Mishap]:
    """Make the faults of portals, of JSON that says nothing, and of redirects."""
    for name, page in _PORTALS.items():
        yield Mishap(
            name=f"portal_{name}",
            meaning=f"a portal's 200 as {page.kind}",
            answer=always(partial(_typed, page.text, page.kind)),
            after=True,
        )
    for name, junk in _JUNK.items():
        yield Mishap(
            name=name,
            meaning=junk.meaning,
            answer=always(partial(_typed, junk.text, "application/json")),
            after=True,
        )
    for status in _REDIRECTS:
        yield Mishap(
            name=f"redirect_{status}",
            meaning=f"{status} to another port of this host",
            answer=partial(_redirect, status),
            after=True,
        )


def _typed(text: str, kind: str) -> Response:
    return Response(text, headers={"Content-Type": kind})


def _redirect(status: int, struck: Struck) -> Response:
    location = struck.elsewhere + struck.request.url.path
    return Response(status_code=status, headers={"Location": location})
