"""The API's description for people, made of the OpenAPI document; no script, nothing foreign."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import HTMLResponse, JSONResponse

from web.problems import Kind

__all__ = ["make_router"]

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem }}
h3 {{ margin-bottom: 0 }}
code {{ font-size: .95em }}
td, th {{ padding: .1rem 1rem .1rem 0; text-align: left; vertical-align: top }}
</style>
<h1>{title}</h1>
{content}
</html>
"""


def make_router(document: Mapping[str, Any]) -> APIRouter:
    """The addresses that describe the API.

    Args:
        document: The OpenAPI document.
    """
    router = APIRouter(include_in_schema=False)
    title = f"{document['info']['title']}: the API"
    docs = _page(title, _described(document))
    problems = _page("Problems", _problems())

    @router.get("/openapi.json")
    async def show_document() -> JSONResponse:
        """Answer with the OpenAPI document."""
        return JSONResponse(document)

    @router.get("/docs")
    async def show_docs() -> HTMLResponse:
        """Answer with the API's description as a page."""
        return HTMLResponse(docs, headers=_HEADERS)

    @router.get("/problems")
    async def show_problems() -> HTMLResponse:
        """Answer with the page that explains each type of problem."""
        return HTMLResponse(problems, headers=_HEADERS)

    return router


def _page(title: str, content: Iterable[str]) -> str:
    return _PAGE.format(title=escape(title), content="\n".join(content))


def _problems() -> Iterator[str]:
    """Every type of problem: a problem's ``type`` points here."""
    yield "<table>"
    for kind in Kind:
        yield f'<tr id="{kind.slug}"><td>{kind.status}<td><code>{kind.slug}</code><td>{kind.title}'
    yield "</table>"


def _described(document: Mapping[str, Any]) -> Iterator[str]:
    yield f"<p>{escape(document['info']['description'])}"
    yield '<p><a href="/openapi.json">OpenAPI document</a> · <a href="/problems">problems</a>'
    for tag in document["tags"]:
        yield f"<h2>{escape(tag['name'])}</h2><p>{escape(tag['description'])}"
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if tag["name"] in operation["tags"]:
                    yield from _operation(method, path, operation)


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h3><code>{method.upper()} {escape(path)}</code></h3>"
    yield f"<p>{escape(operation['summary'])}. {escape(operation.get('description', ''))}"
    yield "<table>"
    for parameter in operation.get("parameters", ()):
        yield _row(parameter["name"], parameter["in"], parameter.get("description", ""))
    for media_type in operation.get("requestBody", {}).get("content", ()):
        yield _row("body", media_type, "")
    for status, answer in operation["responses"].items():
        yield _row(status, ", ".join(answer.get("content", ())), answer["description"])
    yield "</table>"


def _row(*cells: str) -> str:
    return "<tr>" + "".join(f"<td>{escape(cell)}" for cell in cells)
