"""A recording of the service, replayed: the sandbox takes over its ways, and answers in its words.

What a run of `conveyor doctor --live` has seen of the service's behaviour becomes configuration.
Its refusals and questions that cost nothing are served as they were recorded, wherever the sandbox
would have said the same in words of its own. Uploads and results get the recorded fields.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from convertapi_sandbox.config import Dialect, Repeated, SandboxConfig
from convertapi_sandbox.errors import BAD_REQUEST
from convertapi_sandbox.recording import Exchange, Recording
from convertapi_sandbox.situations import SITUATIONS, answers_of, object_in

__all__ = ["Replay", "Words", "replayed"]


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
        changes["spacing_s"] = 0.0
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


@dataclass(frozen=True)
class Words:
    """What is answered in place of the sandbox's own answer.

    Args:
        recorded: The recorded answer, for status and headers.
        body: All its bytes.
    """

    recorded: Exchange
    body: bytes

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The headers as ASGI takes them."""
        kept = {**self.recorded.headers, "content-length": str(len(self.body))}
        return [(name.encode("ascii"), text.encode("ascii")) for name, text in kept.items()]


class Replay:
    """Answers in the recorded service's words, where the sandbox's would mean the same.

    Args:
        app: What lies behind.
        recording: Of a run.
    """

    def __init__(self, app: ASGIApp, recording: Recording) -> None:
        self._app = app
        self._answers = answers_of(recording)
        self._situations = [one for one in SITUATIONS if one.label in self._answers]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        await self._app(scope, receive, _Rewriter(self, scope, send))

    def may_change(self, scope: Scope, status: int) -> bool:
        """Tell whether an answer needs to be looked at whole.

        Args:
            scope: The request's.
            status: The answer's.
        """
        return any(
            (one.method, one.status) == (scope["method"], status)
            and one.path.fullmatch(scope["path"])
            for one in self._situations
        )

    def change(self, scope: Scope, status: int, body: bytes) -> Words | None:
        """Return what is answered instead, None for what the sandbox says itself.

        Args:
            scope: The request's.
            status: The sandbox's own.
            body: The sandbox's own.
        """
        for one in self._situations:
            if one.fits(scope["method"], scope["path"], status, body):
                recorded = self._answers[one.label]
                content = _shaped(body, recorded) if one.shapes else _content(recorded)
                return None if content is None else Words(recorded, content)
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
            start = {**start, "status": changed.recorded.status, "headers": changed.headers()}
            self._body = changed.body
        await self._send(start)
        await self._send({"type": "http.response.body", "body": self._body})


def _content(recorded: Exchange) -> bytes:
    if recorded.body is None:
        return b""
    if isinstance(recorded.body, str):
        return recorded.body.encode()
    return json.dumps(recorded.body).encode()


def _shaped(body: bytes, recorded: Exchange) -> bytes | None:
    """The sandbox's answer in the recorded form, None where that is of another kind."""
    own = object_in(body)
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
