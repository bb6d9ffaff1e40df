"""A recording of the service: what it answered, without anything that opens an account or a file.

`conveyor doctor --live` writes one. The sandbox reads it with a module of its own,
`convertapi_sandbox.recording`, and plays it.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

__all__ = [
    "Exchange",
    "Fact",
    "Recording",
    "RecordingError",
    "check_target",
    "save",
]

_FORMAT: Final = "conveyor-live-recording"
_VERSION: Final = 1

_OWNER_ONLY: Final = 0o600


class RecordingError(ValueError):
    """A recording can't be written; the message says why in one line."""


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request and its answer, redacted.

    Attributes:
        label: What was asked, e.g. ``unknown-job-path``.
        method: The HTTP method.
        path: A template: ``/job/{job}``.
        query: The names in the query, and the values of those that are no secret.
        sent: The names of the headers sent.
        status: The HTTP status, 0 where no whole answer came.
        headers: Those of interest, by name in lower case.
        body: A JSON value, a text, or a word for bytes.
        silence: Why no answer came, empty where one did.
    """

    label: str
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    sent: tuple[str, ...] = ()
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    silence: str = ""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """What was found of one fact.

    Attributes:
        id: Its name.
        sentence: The fact.
        verdict: ``holds``, ``does not hold`` or ``could not tell``.
        evidence: Why, in one sentence.
    """

    id: str
    sentence: str
    verdict: str
    evidence: str


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A whole run.

    Attributes:
        recorded_on: The day, ISO 8601.
        host: ConvertAPI's host, or ``loopback``.
        allowed: Conversions that could be spent.
        spent: Conversions that may have been charged.
        facts: The verdicts.
        traits: How the service behaves, as far as it was seen: what the sandbox takes over.
        exchanges: In the order in which they were made.
    """

    recorded_on: str
    host: str
    allowed: int
    spent: int
    facts: tuple[Fact, ...] = ()
    traits: Mapping[str, Any] = field(default_factory=dict)
    exchanges: tuple[Exchange, ...] = ()

    def to_text(self) -> str:
        """The file's content."""
        head = {"format": _FORMAT, "version": _VERSION}
        return json.dumps({**head, **asdict(self)}, indent=1, ensure_ascii=True) + "\n"


def check_target(path: Path, *, force: bool) -> None:
    """Make sure, before anything is asked, that a recording can be written.

    Args:
        path: Where it shall go.
        force: Whether a file that is there is replaced.

    Raises:
        RecordingError: It can't.
    """
    if path.is_dir() or (os.path.lexists(path) and not force):
        raise RecordingError(f"{path} exists. Name another file, or use --force to replace it.")
    try:
        _remove(_written(path, ""))
    except OSError as error:
        raise RecordingError(_cannot_write(path, error)) from None


def save(recording: Recording, path: Path, *, force: bool = False) -> None:
    """Write a recording whole or not at all, for its owner's eyes (mode 0600).

    Args:
        recording: The run.
        path: The file to write.
        force: Whether a file that is there is replaced.

    Raises:
        RecordingError: The file exists, or can't be written.
    """
    try:
        draft = _written(path, recording.to_text())
        try:
            _publish(draft, path, force=force)
        finally:
            _remove(draft)
    except FileExistsError:
        raise RecordingError(
            f"{path} exists. Name another file, or use --force to replace it."
        ) from None
    except OSError as error:
        raise RecordingError(_cannot_write(path, error)) from None


def _written(path: Path, text: str) -> Path:
    """A draft beside the file, which nobody else can read."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        _remove(draft)
        raise
    return draft


def _publish(draft: Path, path: Path, *, force: bool) -> None:
    if force:
        draft.replace(path)
        return
    try:
        # Unlike a rename, a link never takes the place of what is there.
        path.hardlink_to(draft)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if os.path.lexists(path):
            raise FileExistsError from None
        draft.replace(path)


def _remove(draft: Path) -> None:
    draft.unlink(missing_ok=True)


def _cannot_write(path: Path, error: OSError) -> str:
    return f"cannot write {path}: {error.strerror}. Give another file with --record."
