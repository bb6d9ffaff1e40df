"""Which recorded answer stands for which answer of the sandbox's, as one table."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from convertapi_sandbox.recording import Exchange, Recording

__all__ = ["SITUATIONS", "Situation", "answers_of", "object_in"]

_OK: Final = 200
# What Starlette says of an address that is not there.
_NO_ADDRESS: Final = b"Not Found"


@dataclass(frozen=True, kw_only=True)
class Situation:
    """When a recorded answer is served instead of the sandbox's.

    Args:
        label: Of the exchange in the recording.
        method: Of the request.
        path: What the request's path matches.
        status: Of the sandbox's answer.
        code: Of its JSON, None where it does not matter.
        body: Of its body, None where it does not matter.
        invalid: A parameter that it calls invalid, empty where it does not matter.
        shapes: The recorded answer gives the fields, and the sandbox their values.
    """

    label: str
    method: str
    path: re.Pattern[str]
    status: int
    code: int | None = None
    body: bytes | None = None
    invalid: str = ""
    shapes: bool = False

    def fits(self, method: str, path: str, status: int, body: bytes) -> bool:
        """Tell whether an answer of the sandbox's is this one.

        Args:
            method: The request's.
            path: The request's.
            status: The answer's.
            body: The answer's, whole.
        """
        return (
            (method, status) == (self.method, self.status)
            and self.path.fullmatch(path) is not None
            and (self.code is None or object_in(body).get("Code") == self.code)
            and (self.body is None or body == self.body)
            and (not self.invalid or self.invalid in _invalid(body))
        )


def _situation(label: str, request: str, status: int, **conditions: Any) -> Situation:
    method, path = request.split(" ")
    return Situation(label=label, method=method, path=re.compile(path), status=status, **conditions)


# The first that fits is taken.
SITUATIONS: Final = (
    *(_situation("wrong-credential", "GET /user", 401, code=code) for code in (4010, 4011, 4012)),
    _situation("user-refused", "GET /user", 200),
    *(_situation("statistic", "GET /user/statistic", status) for status in (200, 404)),
    *(_situation("info-pair", "GET /info/[^/]+/to/[^/]+", status) for status in (200, 404)),
    _situation("unknown-file", "GET /d/[^/]+", 404),
    _situation("unknown-file-delete", "DELETE /d/[^/]+", 404),
    _situation("unknown-job-path", "GET /async/job/[^/]+", 404),
    _situation("unknown-job-query", "GET /job/[^/]+", 404),
    _situation("unknown-delete-path", "DELETE /async/job/[^/]+", 404),
    _situation("unknown-delete-query", "DELETE /job/[^/]+", 404),
    _situation("unsupported-pair", "POST (?:/async)?/convert/[^/]+/to/[^/]+", 415, code=415),
    _situation("address-query", "POST /convert/[^/]+/to/[^/]+", 400, invalid="Timeout"),
    _situation("address-path", "POST /async/convert/[^/]+/to/[^/]+", 400, invalid="Timeout"),
    _situation("address-path", "POST /async/convert/[^/]+/to/[^/]+", 404),
    _situation("no-such-address", "GET .*", 404, body=_NO_ADDRESS),
    _situation("upload", "POST /upload", 200, shapes=True),
    _situation("first-poll-end", "GET (?:/async)?/job/[^/]+", 200, shapes=True),
    _situation("semi-start", "POST /convert/[^/]+/to/[^/]+", 200, shapes=True),
)


def answers_of(recording: Recording) -> dict[str, Exchange]:
    """Find the answers of a recording that can be served, by the label of their situation.

    Args:
        recording: Of a run.
    """
    labels = {one.label for one in SITUATIONS}
    found = {label: answer for label in labels if (answer := recording.answer(label))}
    user = recording.answer("user")
    if user is not None and user.status != _OK:
        found["user-refused"] = user
    # A result's form: the first poll that brought one.
    ends = [one for one in recording.exchanges if one.label == "first-poll" and _is_result(one)]
    found.update({"first-poll-end": ends[0]} if ends else {})
    return {label: answer for label, answer in found.items() if _can_be_served(label, answer)}


def _can_be_served(label: str, answer: Exchange) -> bool:
    """Forms come from what succeeded alone."""
    shapes = any(one.shapes for one in SITUATIONS if one.label == label)
    return _is_object(answer) if shapes else True


def _is_result(exchange: Exchange) -> bool:
    return _is_object(exchange) and "Files" in exchange.body


def _is_object(exchange: Exchange) -> bool:
    return exchange.status == _OK and isinstance(exchange.body, dict)


def _invalid(body: bytes) -> dict[str, Any]:
    invalid = object_in(body).get("InvalidParameters")
    return invalid if isinstance(invalid, dict) else {}


def object_in(body: bytes) -> dict[str, Any]:
    """Read the JSON object of a body; empty where it holds none.

    Args:
        body: All its bytes.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
