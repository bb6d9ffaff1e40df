"""A recording of the service, replayed: the sandbox takes over its ways, and answers in its words.

What a run of `conveyor doctor --live` has seen of the service's behaviour becomes configuration.
Its refusals and questions that cost nothing are served as they were recorded, wherever the sandbox
would have said the same in words of its own. Uploads and results get the recorded fields.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from convertapi_sandbox.config import Dialect, Repeated, SandboxConfig
from convertapi_sandbox.recording import Exchange, Recording

#: What the service refuses a repeated JobId with, where the sandbox has a name for it.
BAD_REQUEST = 400
#: What Starlette says of an address that is not there.
NO_ADDRESS = b"Not Found"

Change = Callable[[Any, Any], Any]


def replayed(config: SandboxConfig, recording: Recording) -> SandboxConfig:
    """Return a configuration that behaves as the recorded service did.

    Args:
        config: Holds for all that the recording does not tell.
        recording: Of a run.
    """
    traits = recording.traits
    changes: dict[str, Any] = {"recording": recording, "faults": _faults(config, traits)}
    if "dialects" in traits:
        changes["dialects"] = frozenset(Dialect(name) for name in traits["dialects"])
    if "ignores_async" in traits:
        changes["ignore_async"] = bool(traits["ignores_async"])
    if traits.get("early_polls") == "answered":
        changes["spacing_seconds"] = 0.0
    if "repeated_job_id" in traits:
        changes["repeated_job_id"] = _repeated(recording)
    return replace(config, **changes)


def _faults(config: SandboxConfig, traits: Mapping[str, Any]) -> dict[str, float]:
    seen = {
        "foreign_job_id": traits.get("keeps_own_ids") is False,
        "lost_webhook": traits.get("calls_webhooks") is False,
    }
    return {**config.faults, **{name: 1.0 for name, strikes in seen.items() if strikes}}


def _repeated(recording: Recording) -> Repeated:
    refusal = recording.answer("repeat")
    repeated = Repeated(recording.traits["repeated_job_id"])
    if repeated is Repeated.REFUSED and refusal is not None and refusal.status == BAD_REQUEST:
        return Repeated.REFUSED_400
    return repeated


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
        """Tell whether an answer of the sandbox's is this one."""
        return (
            (method, status) == (self.method, self.status)
            and self.path.fullmatch(path) is not None
            and (self.code is None or _object(body).get("Code") == self.code)
            and (self.body is None or body == self.body)
            and (not self.invalid or self.invalid in _invalid(body))
        )


def _situation(label: str, request: str, status: int, **conditions: Any) -> Situation:
    method, path = request.split(" ")
    return Situation(label=label, method=method, path=re.compile(path), status=status, **conditions)


#: The first that fits is taken.
SITUATIONS = (
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
    _situation("no-such-address", "GET .*", 404, body=NO_ADDRESS),
    _situation("upload", "POST /upload", 200, shapes=True),
    _situation("first-poll-end", "GET (?:/async)?/job/[^/]+", 200, shapes=True),
    _situation("semi-start", "POST /convert/[^/]+/to/[^/]+", 200, shapes=True),
)


class Replay:
    """Answers in the recorded service's words, where the sandbox's would mean the same.

    Args:
        app: What lies behind.
        recording: Of a run.
    """

    def __init__(self, app: ASGIApp, recording: Recording) -> None:
        self._app = app
        self._answers = _answers(recording)
        self._situations = [one for one in SITUATIONS if one.label in self._answers]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        await self._app(scope, receive, _Rewriter(self, scope, send))

    def may_change(self, scope: Scope, status: int) -> bool:
        """Tell whether an answer needs to be looked at whole."""
        return any(
            (one.method, one.status) == (scope["method"], status)
            and one.path.fullmatch(scope["path"])
            for one in self._situations
        )

    def change(self, scope: Scope, status: int, body: bytes) -> tuple[Exchange, bytes] | None:
        """Return what is answered instead, None for what the sandbox says itself."""
        for one in self._situations:
            if one.fits(scope["method"], scope["path"], status, body):
                recorded = self._answers[one.label]
                content = _shaped(body, recorded) if one.shapes else _content(recorded)
                return None if content is None else (recorded, content)
        return None


class _Rewriter:
    """Holds an answer back until it is whole, where it may have to be changed."""

    def __init__(self, replay: Replay, scope: Scope, send: Send) -> None:
        self._replay = replay
        self._scope = scope
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        """Send a message, or keep it."""
        if message["type"] == "http.response.start" and self._is_of_interest(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._end(self._start)

    def _is_of_interest(self, message: Message) -> bool:
        return self._replay.may_change(self._scope, message["status"])

    async def _end(self, start: Message) -> None:
        changed = self._replay.change(self._scope, start["status"], self._body)
        if changed is not None:
            recorded, self._body = changed
            start = {**start, "status": recorded.status, "headers": _headers(recorded, self._body)}
        await self._send(start)
        await self._send({"type": "http.response.body", "body": self._body})


def _answers(recording: Recording) -> dict[str, Exchange]:
    labels = {one.label for one in SITUATIONS}
    found = {label: answer for label in labels if (answer := recording.answer(label))}
    user = recording.answer("user")
    if user is not None and user.status != 200:  # noqa: PLR2004
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
    return exchange.status == 200 and isinstance(exchange.body, dict)  # noqa: PLR2004


def _content(recorded: Exchange) -> bytes:
    if recorded.body is None:
        return b""
    if isinstance(recorded.body, str):
        return recorded.body.encode()
    return json.dumps(recorded.body).encode()


def _shaped(body: bytes, recorded: Exchange) -> bytes | None:
    """The sandbox's answer in the recorded form, None where that is of another kind."""
    own = _object(body)
    if not own or _has_urls(own) is not _has_urls(recorded.body):
        return None
    return json.dumps(_merged(own, recorded.body)).encode()


def _has_urls(body: dict[str, Any]) -> bool:
    """Whether the files of a result are downloaded, not in the answer."""
    files = body.get("Files")
    return isinstance(files, list) and all("Url" in file for file in files)


def _merged(own: Any, recorded: Any) -> Any:
    """The sandbox's values in the recorded form; what only the service says stands as recorded."""
    if isinstance(own, dict) and isinstance(recorded, dict):
        return {name: _merged(own.get(name, value), value) for name, value in recorded.items()}
    if isinstance(own, list) and isinstance(recorded, list) and recorded:
        return [_merged(item, recorded[0]) for item in own]
    return own


def _headers(recorded: Exchange, body: bytes) -> list[tuple[bytes, bytes]]:
    kept = {**recorded.headers, "content-length": str(len(body))}
    return [(name.encode("ascii"), text.encode("ascii")) for name, text in kept.items()]


def _invalid(body: bytes) -> dict[str, Any]:
    invalid = _object(body).get("InvalidParameters")
    return invalid if isinstance(invalid, dict) else {}


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
