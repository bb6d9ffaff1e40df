"""An outcome as an answer: JSON with links or content, or the bytes of the file."""

from __future__ import annotations

import base64
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from convertapi_sandbox.disposition import attachment
from convertapi_sandbox.errors import ApiError
from convertapi_sandbox.files import StoredFile
from convertapi_sandbox.jobs import Failure, Outcome, Success
from convertapi_sandbox.odd_changes import Material
from convertapi_sandbox.odd_results import OCTET_STREAM, Odd
from convertapi_sandbox.wire import json_response

__all__ = ["error_response", "odd_response", "outcome_response", "raw_response"]


def outcome_response(outcome: Outcome, request: Request) -> Response:
    """Return the answer that tells how a conversion ended.

    Args:
        outcome: Its result or error.
        request: May accept the bare file.
    """
    if isinstance(outcome, Failure):
        return error_response(outcome.error)
    bare = OCTET_STREAM in request.headers.get("accept", "")
    if bare and not outcome.stored and len(outcome.files) == 1:
        return raw_response(outcome.files[0])
    return json_response(_result_body(outcome))


def _result_body(result: Success) -> dict[str, Any]:
    """Return the JSON object of a result."""
    return {"ConversionCost": 1, "Files": [_described(file, result) for file in result.files]}


def odd_response(odd: Odd, outcome: Outcome, request: Request, elsewhere: str) -> Response:
    """Return an answer that tells a result in an odd form; a failure as it is.

    Args:
        odd: The form.
        outcome: The result, or an error.
        request: May accept the bare file.
        elsewhere: Base URL of a host that is not the sandbox's.
    """
    if isinstance(outcome, Failure):
        return outcome_response(outcome, request)
    first = outcome.files[0] if outcome.files else None
    return odd.answer(
        Material(
            body=_result_body(outcome),
            name=first.name if first else "",
            content=first.path.read_bytes() if first else b"",
            elsewhere=elsewhere,
        )
    )


def raw_response(file: StoredFile) -> Response:
    """Return the bytes of a file.

    Args:
        file: What is answered.
    """
    headers = {"Content-Disposition": attachment(file.name)}
    return Response(file.path.read_bytes(), headers=headers, media_type=OCTET_STREAM)


def error_response(error: ApiError) -> Response:
    """Return an error in the vendor's form.

    Args:
        error: What went wrong.
    """
    return json_response(error.body(), error.status)


def _described(file: StoredFile, result: Success) -> dict[str, Any]:
    described = {"FileName": file.name, "FileExt": file.extension, "FileSize": file.size}
    if result.stored:
        url = f"{result.base_url}/d/{file.id}"
        return {**described, "FileId": file.id, "Url": url}
    return {**described, "FileData": base64.b64encode(file.path.read_bytes()).decode()}
