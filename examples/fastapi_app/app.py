"""FastAPI: a visitor uploads a document, looks on while it becomes a PDF, and downloads it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import FastAPI, Form, Header, HTTPException, Request, UploadFile
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse

from conveyor import Conveyor, ConveyorError, Event, InvalidRequest, UnknownConversion

PAGE: Final = Path(__file__).with_name("page.html")
CHUNK_BYTES: Final = 1024 * 1024

conveyor = Conveyor.from_env()


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Close the connections at the end."""
    yield
    await conveyor.aclose()


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def page() -> FileResponse:
    """The form."""
    return FileResponse(PAGE)


@app.post("/conversions", status_code=202)
async def convert(
    document: UploadFile, key: Annotated[str | None, Form()] = None
) -> dict[str, str]:
    """Take a document and enqueue its conversion. Its PDF is kept for a week."""
    staged = await conveyor.astage(document.filename or "", chunks_of(document))
    handle = await conveyor.aconvert(staged, to="pdf", idempotency_key=key, keep="7d")
    return {"id": handle.id}


@app.get("/conversions/{conversion_id}")
async def status(
    conversion_id: str, accept_language: Annotated[str, Header()] = ""
) -> dict[str, Any]:
    """The conversion as it stands."""
    conversion = await conveyor.aget(conversion_id)
    failure, language = conversion.failure, accept_language
    return {
        "state": conversion.state,
        "files": [file.name for file in conversion.files],
        "failure": failure and f"{failure.sentence(language)} {failure.advice(language)}",
    }


@app.get("/conversions/{conversion_id}/events")
async def events(
    conversion_id: str, last_event_id: Annotated[str, Header()] = ""
) -> StreamingResponse:
    """Every change of its state, as server-sent events."""
    changes = (await conveyor.ahandle(conversion_id)).aevents(last_event_id)
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(lines(changes), media_type="text/event-stream", headers=headers)


@app.get("/conversions/{conversion_id}/files/{name}")
async def download(conversion_id: str, name: str) -> StreamingResponse:
    """A result, streamed from the storage."""
    conversion = await conveyor.aget(conversion_id)
    file = next((file for file in conversion.files if file.name == name), None)
    if file is None:
        raise HTTPException(404, "There is no such file.")
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
        "Content-Length": str(file.size),
        "X-Content-Type-Options": "nosniff",
    }
    content = conveyor.storage.aread(file.uri)
    return StreamingResponse(content, media_type="application/octet-stream", headers=headers)


@app.exception_handler(ConveyorError)
async def explain(_request: Request, error: ConveyorError) -> JSONResponse:
    """Say what went wrong in the visitor's words; the operator's are for the log."""
    match error:
        case InvalidRequest():
            return JSONResponse({"detail": str(error)}, 422)
        case UnknownConversion():
            return JSONResponse({"detail": "There is no such conversion."}, 404)
    return JSONResponse({"detail": "Not just now: try again in a minute."}, 503)


async def chunks_of(document: UploadFile) -> AsyncIterator[bytes]:
    """An upload, piece by piece."""
    while chunk := await document.read(CHUNK_BYTES):
        yield chunk


async def lines(changes: AsyncIterator[Event]) -> AsyncIterator[str]:
    """Events as the browser's `EventSource` reads them."""
    async for event in changes:
        data = {"state": event.state, "over": event.state.is_final}
        yield f"id: {event.id}\ndata: {json.dumps(data)}\n\n"
