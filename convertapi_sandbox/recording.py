"""A recording of the service, read from the file that `conveyor doctor --live` writes.

Of the file the sandbox takes what it can play: how the service behaves, and what it answered. Who
writes such files is none of its business, so this module knows the format by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

__all__ = ["Exchange", "Recording", "RecordingError", "load", "parse"]

_FORMAT: Final = "conveyor-live-recording"
_VERSION: Final = 1
_MAX_BYTES: Final = 8 * 1024 * 1024
_STATUSES: Final = range(100, 600)
_HEADER_NAME: Final = re.compile(r"[a-z0-9-]{1,64}")
_DIALECTS: Final = frozenset({"path", "query"})
_TRAITS: Final[Mapping[str, frozenset[Any]]] = {
    "ignores_async": frozenset({True, False}),
    "keeps_own_ids": frozenset({True, False}),
    "calls_webhooks": frozenset({True, False}),
    "repeated_job_id": frozenset({"taken", "refused", "first"}),
    "early_polls": frozenset({"refused", "held", "answered"}),
}


class RecordingError(ValueError):
    """A recording can't be read; the message says why in one line."""


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request that the service was asked, and its answer.

    Args:
        label: What was asked, e.g. `unknown-job-path`.
        status: The HTTP status, 0 where no whole answer came.
        headers: Those of interest, by name in lower case.
        body: A JSON value, a text, or None for bytes.
    """

    label: str
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


@dataclass(frozen=True, kw_only=True)
class Recording:
    """What the sandbox plays of a run.

    Args:
        traits: How the service behaves, as far as the run has seen it.
        exchanges: In the order in which they were made.
    """

    traits: Mapping[str, Any] = field(default_factory=dict)
    exchanges: tuple[Exchange, ...] = ()

    def answer(self, label: str) -> Exchange | None:
        """The first exchange of a label that was answered; None where there is none.

        Args:
            label: What was asked.
        """
        return next((one for one in self.exchanges if one.label == label and one.status), None)


def load(path: Path) -> Recording:
    """Read a recording's file.

    Args:
        path: The file.

    Raises:
        RecordingError: It is none, or of another version.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise RecordingError(f"cannot read {path}: {error.strerror}") from None
    if len(content) > _MAX_BYTES:
        raise RecordingError(f"{path} is larger than a recording can be")
    return parse(content, str(path))


def parse(content: bytes, name: str = "the recording") -> Recording:
    """Read a recording's content.

    Args:
        content: The file's bytes.
        name: What error messages call it.

    Raises:
        RecordingError: It is none, or of another version.
    """
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or value.get("format") != _FORMAT:
        raise RecordingError(f"{name} is no recording of `conveyor doctor --live`")
    if value.get("version") != _VERSION:
        raise RecordingError(f"{name} has another version than {_VERSION}: record it again")
    try:
        return _read(value)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise RecordingError(f"{name} is damaged: record it again") from None


def _read(value: dict[str, Any]) -> Recording:
    return Recording(
        traits=_traits(dict(value["traits"])),
        exchanges=tuple(_exchange(item) for item in value["exchanges"]),
    )


def _traits(traits: dict[str, Any]) -> dict[str, Any]:
    for name, known in _TRAITS.items():
        if name in traits and traits[name] not in known:
            raise ValueError(name)
    if "dialects" in traits and not _DIALECTS >= set(traits["dialects"]) > set():
        raise ValueError("dialects")
    return traits


def _exchange(item: dict[str, Any]) -> Exchange:
    status, headers = int(item["status"]), dict(item["headers"])
    if status and status not in _STATUSES:
        raise ValueError(status)
    # They are served one day: nothing may end a header.
    if not all(_HEADER_NAME.fullmatch(name) and _is_line(text) for name, text in headers.items()):
        raise ValueError("headers")
    return Exchange(label=str(item["label"]), status=status, headers=headers, body=item["body"])


def _is_line(text: object) -> bool:
    return isinstance(text, str) and text.isascii() and text.isprintable()
