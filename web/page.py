"""The two pages, a visitor's and the operator's, and their files: nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from os import PathLike, stat_result
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

__all__ = ["HEADERS", "install"]

_FOLDER: Final = Path(__file__).parent / "static"
# After an upgrade a browser asks whether it has changed, and is told by its tag.
_FRESH: Final = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
_PAGES: Final = {"/": "index.html", "/operate": "operate.html"}
HEADERS: Final = {
    **_FRESH,
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
"""Of every page: it runs its own scripts, shows its own styles, and asks its own server."""


class _Files(StaticFiles):
    """Files that are asked for again when they have changed."""

    def file_response(
        self,
        full_path: str | PathLike[str],
        stat_result: stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """A file, or that the client has it."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(_FRESH)
        return response


def install(app: FastAPI) -> None:
    """Have the app show its pages."""
    for path, file in _PAGES.items():
        app.add_api_route(path, _shows(file), methods=["GET", "HEAD"], include_in_schema=False)
    app.mount("/static", _Files(directory=_FOLDER))


def _shows(file: str) -> Callable[[Request], Awaitable[Response]]:
    async def show(_: Request) -> Response:
        return FileResponse(_FOLDER / file, headers=HEADERS)

    return show
