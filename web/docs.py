"""The API's description for people, made of the OpenAPI document, in the dress of the page.

It can be read without a script. With one, each operation can be tried.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import HTMLResponse, JSONResponse

from web.page import HEADERS
from web.problems import Kind
from web.schema_tables import as_html, schema_tables, shape_of

__all__ = ["make_router"]

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · Conveyor</title>
<link rel="icon" type="image/svg+xml" href="/static/icon.svg">
<link rel="stylesheet" href="/static/app.css">
<link rel="stylesheet" href="/static/docs.css">
{scripts}</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header class="top">
<p class="brand"><img src="/static/icon.svg" alt="" width="26" height="26">Conveyor</p>
<nav aria-label="Pages">
<a href="/">Convert</a>
<a href="/operate">Fleet</a>
<a href="/docs"{here}>API</a>
</nav>
</header>
<main id="content" class="docs" tabindex="-1">
<h1>{title}</h1>
{content}
</main>
<p id="said" class="unseen" role="status"></p>
</body>
</html>
"""
_SCRIPT: Final = '<script type="module" src="/static/docs.js"></script>\n'
_KEY: Final = """<form id="key-form" class="key" hidden>
<label for="key">API key</label>
<input id="key" type="password" autocomplete="off" spellcheck="false" required
aria-describedby="key-hint">
<button class="primary">Use this key</button>
<p id="key-hint" role="status"></p>
</form>
"""


def make_router(document: Mapping[str, Any]) -> APIRouter:
    """The addresses that describe the API.

    Args:
        document: The OpenAPI document.
    """
    router = APIRouter(include_in_schema=False)
    docs = _page("The API", _described(document), scripts=_SCRIPT, here=' aria-current="page"')
    problems = _page("Problems", _problems())

    @router.get("/openapi.json")
    async def show_document() -> JSONResponse:
        """Answer with the OpenAPI document."""
        return JSONResponse(document)

    @router.get("/docs")
    async def show_docs() -> HTMLResponse:
        """Answer with the API's description as a page."""
        return HTMLResponse(docs, headers=HEADERS)

    @router.get("/problems")
    async def show_problems() -> HTMLResponse:
        """Answer with the page that explains each type of problem."""
        return HTMLResponse(problems, headers=HEADERS)

    return router


def _page(title: str, content: Iterable[str], *, scripts: str = "", here: str = "") -> str:
    lines = "\n".join(content)
    return _PAGE.format(title=escape(title), content=lines, scripts=scripts, here=here)


def _problems() -> Iterator[str]:
    """Every type of problem: a problem's ``type`` points here."""
    yield "<p>An error is answered as RFC 9457 problem details. Its <code>type</code> points here."
    yield '<div class="card table"><table>'
    yield '<tr><th scope="col">Status<th scope="col">Type<th scope="col">Title'
    for kind in Kind:
        yield f'<tr id="{kind.slug}"><td>{kind.status}<td><code>{kind.slug}</code><td>{kind.title}'
    yield "</table></div>"


def _described(document: Mapping[str, Any]) -> Iterator[str]:
    yield f"<p>{escape(document['info']['description'])}"
    yield 'You can read it as an <a href="/openapi.json">OpenAPI document</a>, too.'
    yield 'Errors are answered as <a href="/problems">problems</a>.'
    yield _KEY
    for tag in document["tags"]:
        yield f"<h2>{escape(tag['name'].capitalize())}</h2><p>{as_html(tag['description'])}"
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if tag["name"] in operation["tags"]:
                    yield from _operation(method, path, operation)
    yield '<h2 id="schemas">Schemas</h2><p>What the API takes and answers.'
    yield from schema_tables(document["components"]["schemas"])


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    name = escape(operation["operationId"])
    yield f'<details class="card operation" id="{name}" data-operation="{name}"><summary>'
    yield f"<h3><code>{method.upper()} {escape(path)}</code></h3> {escape(operation['summary'])}"
    yield f"</summary><p>{as_html(operation.get('description', ''))}"
    yield from _table("Parameters", map(_parameter, operation.get("parameters", ())))
    contents = operation.get("requestBody", {}).get("content", {})
    yield from _table("Bodies", (_content(*content) for content in contents.items()))
    yield from _table("Answers", (_answer(*answer) for answer in operation["responses"].items()))
    yield "</details>"


def _table(title: str, rows: Iterable[str]) -> Iterator[str]:
    made = list(rows)
    if made:
        yield f'<h4>{title}</h4><div class="table"><table>'
        yield from made
        yield "</table></div>"


def _parameter(parameter: Mapping[str, Any]) -> str:
    name, where = escape(parameter["name"]), parameter["in"]
    needed = " (required)" if parameter.get("required") else ""
    shape = f"{where}, {shape_of(parameter['schema'])}{needed}"
    text = parameter.get("description") or parameter["schema"].get("description", "")
    return _row(f"<code>{name}</code>", shape, as_html(text))


def _content(media_type: str, content: Mapping[str, Any]) -> str:
    return _row(f"<code>{escape(media_type)}</code>", shape_of(content.get("schema", {})), "")


def _answer(status: str, answer: Mapping[str, Any]) -> str:
    shapes = (shape_of(content.get("schema", {})) for content in answer.get("content", {}).values())
    return _row(status, ", ".join(filter(None, shapes)), as_html(answer["description"]))


def _row(name: str, shape: str, text: str) -> str:
    """A row of HTML."""
    return f'<tr><th scope="row">{name}<td>{shape}<td>{text}'
