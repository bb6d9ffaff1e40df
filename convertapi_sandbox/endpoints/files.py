"""Upload, download and removal of files."""

from __future__ import annotations

import asyncio
from functools import partial

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from convertapi_sandbox.addresses import Address
from convertapi_sandbox.core import Core
from convertapi_sandbox.credentials import Right
from convertapi_sandbox.files import StoredFile
from convertapi_sandbox.incoming_files import multipart_form, no_file_name, save_body, save_part
from convertapi_sandbox.wire import json_response

__all__ = ["FilesEndpoint"]


class FilesEndpoint:
    """`POST /upload`, `GET /d/{id}`, `DELETE /d/{id}`.

    Args:
        core: The sandbox.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    def routes(self) -> list[Route]:
        """Return the addresses."""
        return [
            Route("/upload", self.upload, methods=["POST"]),
            Route("/d/{id}", self.download, methods=["GET"]),
            Route("/d/{id}", self.delete, methods=["DELETE"]),
        ]

    async def upload(self, request: Request) -> Response:
        """Keep a file: the body itself, a part of a multipart body, or what a URL serves."""
        return await self._core.road.carry(Address.UPLOAD, request, partial(self._keep, request))

    async def download(self, request: Request) -> Response:
        """Answer a file's bytes."""
        return await self._core.road.carry(Address.DOWNLOAD, request, partial(self._serve, request))

    async def delete(self, request: Request) -> Response:
        """Remove a file."""
        self._core.audit.count("deletes")
        return await self._core.road.carry(Address.DELETE, request, partial(self._remove, request))

    async def _keep(self, request: Request) -> Response:
        core = self._core
        core.account.authenticate(request, Right.CONVERT)
        if core.faults.strikes("stalled_upload"):
            await asyncio.sleep(core.config.slow_s)
        file = await self._received(request)
        core.audit.count("uploads")
        return json_response(
            {
                "FileId": file.id,
                "FileName": file.name,
                "FileExt": file.extension,
                "FileSize": file.size,
                "Url": f"{core.base_url(request)}/d/{file.id}",
            }
        )

    async def _serve(self, request: Request) -> Response:
        file = self._core.files.find(request.path_params["id"])
        return _not_found() if file is None else self._core.downloads.answer(file, request)

    async def _remove(self, request: Request) -> Response:
        if not self._core.files.remove(request.path_params["id"]):
            return _not_found()
        self._core.audit.count("deleted_files")
        return Response(status_code=200)

    async def _received(self, request: Request) -> StoredFile:
        files = self._core.files
        url = next(
            (text for name, text in request.query_params.items() if name.lower() == "url"), None
        )
        if url is not None:
            return await self._core.sources.fetch(url)
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            return await save_body(request, files)
        async with multipart_form(request) as form:
            for part in form.values():
                if isinstance(part, UploadFile):
                    return await save_part(part, files)
        raise no_file_name()


def _not_found() -> Response:
    return Response("File not found or expired.", 404, media_type="text/plain")
