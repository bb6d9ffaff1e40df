"""Flask: a visitor uploads a document, looks on while it becomes a PDF, and downloads it."""

import json
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, abort, request, send_file

from conveyor import Conveyor, ConveyorError, Event, InvalidRequest, UnknownConversion

app = Flask(__name__)
conveyor = Conveyor.from_env()


@app.get("/")
def page() -> Response:
    """The form."""
    return send_file("page.html")


@app.post("/conversions")
def convert() -> tuple[dict[str, str], int]:
    """Take a document and enqueue its conversion. Its PDF is kept for a week."""
    document = request.files["document"]
    staged = conveyor.stage(document.filename or "", document.stream)
    key = request.form.get("key")
    handle = conveyor.convert(staged, to="pdf", idempotency_key=key, keep="7d")
    return {"id": handle.id}, 202


@app.get("/conversions/<conversion_id>")
def status(conversion_id: str) -> dict[str, Any]:
    """The conversion as it stands."""
    conversion = conveyor.get(conversion_id)
    failure, language = conversion.failure, request.headers.get("Accept-Language", "")
    return {
        "state": conversion.state,
        "files": [file.name for file in conversion.files],
        "failure": failure and f"{failure.sentence(language)} {failure.advice(language)}",
    }


@app.get("/conversions/<conversion_id>/events")
def events(conversion_id: str) -> Response:
    """Every change of its state, as server-sent events; each viewer holds a thread."""
    changes = conveyor.handle(conversion_id).events(request.headers.get("Last-Event-ID", ""))
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return Response(lines(changes), mimetype="text/event-stream", headers=headers)


@app.get("/conversions/<conversion_id>/files/<name>")
def download(conversion_id: str, name: str) -> Response:
    """A result, streamed from the storage."""
    conversion = conveyor.get(conversion_id)
    file = next((file for file in conversion.files if file.name == name), None)
    if file is None:
        abort(404, "There is no such file.")
    response = Response(conveyor.storage.read(file.uri), mimetype="application/octet-stream")
    response.headers.set("Content-Disposition", "attachment", filename=file.name)
    response.headers["Content-Length"] = str(file.size)
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@app.errorhandler(ConveyorError)
def explain(error: ConveyorError) -> tuple[dict[str, str], int]:
    """Say what went wrong in the visitor's words; the operator's are for the log."""
    match error:
        case InvalidRequest():
            return {"detail": str(error)}, 422
        case UnknownConversion():
            return {"detail": "There is no such conversion."}, 404
    return {"detail": "Not just now: try again in a minute."}, 503


def lines(changes: Iterator[Event]) -> Iterator[str]:
    """Events as the browser's `EventSource` reads them."""
    for event in changes:
        data = {"state": event.state, "over": event.state.is_final}
        yield f"id: {event.id}\ndata: {json.dumps(data)}\n\n"
