"""A recording of the service: what it answered, without anything that opens an account or a file.

`conveyor doctor --live` writes one, and the sandbox replays it. This module is the format alone: it
imports nothing else of the project, so that both sides can.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

__all__ = [
    "FORMAT",
    "VERSION",
    "Exchange",
    "Fact",
    "Recording",
    "RecordingError",
    "check_target",
    "load",
    "parse",
    "save",
]

FORMAT: Final = "conveyor-live-recording"
VERSION: Final = 1

_MAX_BYTES: Final = 8 * 1024 * 1024
_OWNER_ONLY: Final = 0o600
_STATUSES: Final = range(100, 600)
_VERDICTS: Final = frozenset({"holds", "does not hold", "could not tell"})
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
    """A recording can't be read or written; the message says why in one line."""


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

    def answer(self, label: str) -> Exchange | None:
        """The first exchange of a label that was answered."""
        return next((one for one in self.exchanges if one.label == label and one.status), None)

    def to_text(self) -> str:
        """The file's content."""
        head = {"format": FORMAT, "version": VERSION}
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


def load(path: Path) -> Recording:
    """Read a recording.

    Args:
        path: The file.

    Raises:
        RecordingError: It is none, or of another version.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise RecordingError(f"can't read {path}: {error.strerror}. Check the path") from None
    if len(content) > _MAX_BYTES:
        raise RecordingError(f"{path} is too large for a recording. Record it again")
    return parse(content, str(path))


def parse(content: bytes, name: str = "the recording") -> Recording:
    """Read a recording's content.

    Args:
        content: Of the file.
        name: How errors call it.

    Raises:
        RecordingError: It is none, or of another version.
    """
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise RecordingError(
            f"{name} is not a recording of `conveyor doctor --live`. Name another file"
        )
    if value.get("version") != VERSION:
        raise RecordingError(f"{name} has another version than {VERSION}: record it again")
    try:
        return _read(value)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise RecordingError(f"{name} is damaged: record it again") from None


def _read(value: dict[str, Any]) -> Recording:
    return Recording(
        recorded_on=str(value["recorded_on"]),
        host=str(value["host"]),
        allowed=int(value["allowed"]),
        spent=int(value["spent"]),
        facts=tuple(_fact(item) for item in value["facts"]),
        traits=_traits(dict(value["traits"])),
        exchanges=tuple(_exchange(item) for item in value["exchanges"]),
    )


def _fact(item: dict[str, Any]) -> Fact:
    if item["verdict"] not in _VERDICTS:
        raise ValueError(item["verdict"])
    return Fact(**{name: str(item[name]) for name in ("id", "sentence", "verdict", "evidence")})


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
    return Exchange(
        label=str(item["label"]),
        method=str(item["method"]),
        path=str(item["path"]),
        query=dict(item["query"]),
        sent=tuple(item["sent"]),
        status=status,
        headers=headers,
        body=item["body"],
        silence=str(item["silence"]),
    )


def _is_line(text: object) -> bool:
    return isinstance(text, str) and text.isascii() and text.isprintable()


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
