"""Upload, download and removal of files."""

from __future__ import annotations

from functools import partial

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from conveyor.sandbox.addresses import Address
from conveyor.sandbox.core import Core
from conveyor.sandbox.credentials import Right
from conveyor.sandbox.disposition import attachment
from conveyor.sandbox.files import StoredFile
from conveyor.sandbox.request_body import no_file_name, save_body, save_part
from conveyor.sandbox.results import OCTET_STREAM, raw_response
from conveyor.sandbox.wire import CutShort, json_response

#: Smaller files are read at once, which costs less than streaming them.
STREAM_BYTES = 1 << 20


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
        core = self._core
        file = core.files.find(request.path_params["id"])
        if file is None:
            return _not_found()
        core.audit.count("downloads")
        if core.faults.strikes("truncated_download"):
            return CutShort(file.path.read_bytes(), media_type=OCTET_STREAM)
        if core.faults.strikes("short_download"):
            return Response(file.path.read_bytes()[: file.size // 2], media_type=OCTET_STREAM)
        if file.size <= STREAM_BYTES:
            return raw_response(file)
        headers = {"Content-Disposition": attachment(file.name)}
        return FileResponse(file.path, headers=headers, media_type=OCTET_STREAM)

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
        async with request.form() as form:
            for part in form.values():
                if isinstance(part, UploadFile):
                    return await save_part(part, files)
        raise no_file_name()


def _not_found() -> Response:
    return Response("File not found or expired.", 404, media_type="text/plain")
