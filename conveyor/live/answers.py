"""What came back for one request: a whole answer, or silence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["Answer", "Reply", "Silence", "status_of"]

_SERVER_ERROR: Final = 500
_REDIRECTS: Final = range(300, 400)
_UNAVAILABLE: Final = 503
_ROAD_WAITS: Final = frozenset({408, 423, 425, 429})
_REFUSES_CREDENTIALS: Final = frozenset({401, 402, 403})


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer.

    Attributes:
        status: The HTTP status.
        headers: By name in lower case.
        body: The bytes, decoded from any transfer encoding.
        elapsed_s: Seconds from the request to the last byte.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    elapsed_s: float = 0.0

    def value(self) -> Any:
        """The body as JSON, None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def json(self) -> dict[str, Any]:
        """The body as a JSON object, empty where it is none."""
        value = self.value()
        return value if isinstance(value, dict) else {}

    @property
    def content_type(self) -> str:
        """Without parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def kind(self) -> str:
        """What the body is, in a word: ``JSON``, ``HTML``, ``text``, ``bytes`` or ``empty``."""
        if not self.body.strip():
            return "empty"
        if isinstance(self.value(), dict | list):
            return "JSON"
        if "html" in self.content_type:
            return "HTML"
        return "text" if self.content_type.startswith("text/") else "bytes"

    @property
    def code(self) -> int | None:
        """ConvertAPI's integer ``Code``: an error of the service has one."""
        code = self.json().get("Code")
        return code if isinstance(code, int) and not isinstance(code, bool) else None

    @property
    def refuses_credentials(self) -> bool:
        """Whether the credential, or the account, was refused."""
        return self.status in _REFUSES_CREDENTIALS

    @property
    def asks_for_patience(self) -> bool:
        """Whether the service is throttling: it says nothing of what was asked."""
        return self.status in _ROAD_WAITS or (self.status == _UNAVAILABLE and self.code is not None)

    @property
    def is_the_roads(self) -> bool:
        """Whether somebody on the way answered: a redirect, or a 5XX without ``Code``."""
        return self.status in _REDIRECTS or (self.status >= _SERVER_ERROR and self.code is None)

    def told(self) -> str:
        """The answer in a few words, none of them the service's."""
        code = "" if self.code is None else f", code {self.code}"
        return f"HTTP {self.status}{code}"


@dataclass(frozen=True, slots=True)
class Silence:
    """No whole answer came.

    Attributes:
        reason: Why, in words of ours.
    """

    reason: str


Reply = Answer | Silence


def status_of(reply: Reply) -> int:
    """The HTTP status of a reply, 0 where no whole answer came.

    Args:
        reply: What came back.
    """
    return reply.status if isinstance(reply, Answer) else 0
