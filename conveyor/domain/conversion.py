"""The records: what a conversion is, as its caller and the operator see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from conveyor.domain.metadata import Metadata
from conveyor.domain.shapes import as_fields, known_fields
from conveyor.errors import ConversionCancelled, ConversionFailed
from conveyor.reasons import FailureKind, HasReason, Reason, Remedy, kind_called, reason_called

__all__ = [
    "Conversion",
    "Failure",
    "FailureKind",
    "Reason",
    "Remedy",
    "StagedFile",
    "State",
    "StoredFile",
]


class State(StrEnum):
    """A conversion's state; `conveyor.ledger.transitions` lists the transitions."""

    QUEUED = "queued"  # accepted; no job at the service
    CONVERTING = "converting"  # the intent to submit is on record, or the service has the job
    READY = "ready"  # converted and charged; the files are still at the service
    SUCCEEDED = "succeeded"  # every file lies in the storage
    FAILED = "failed"  # ended without files: a dead letter
    EXPIRED = "expired"  # the service forgot a job that it had: a dead letter
    CANCELLED = "cancelled"  # ended by the caller's wish

    @property
    def is_final(self) -> bool:
        """Whether the state is final: it changes only by a replay."""
        return self in _FINAL

    @property
    def is_dead(self) -> bool:
        """Whether it is a dead letter: it ended without files, and was not cancelled."""
        return self in _DEAD


_DEAD = frozenset({State.FAILED, State.EXPIRED})
_FINAL = _DEAD | {State.SUCCEEDED, State.CANCELLED}


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A result file in the storage.

    Attributes:
        name: Its file name, safe to use as such.
        uri: Its location, an fsspec URL.
        size: In bytes.
        sha256: The hash of its content, hexadecimal.
        removed_at: When it was removed because its life was over, seconds since the epoch; None
            while it is there.
    """

    name: str
    uri: str
    size: int
    sha256: str
    removed_at: float | None = None


@dataclass(frozen=True, slots=True)
class StagedFile:
    """An uploaded file in the storage: the source of one conversion.

    Attributes:
        name: Its file name, as it came.
        uri: Its location, an fsspec URL.
        size: In bytes.
        sha256: The hash of its content, hexadecimal.
    """

    name: str
    uri: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Failure(HasReason):
    """Why a conversion has ended without files.

    Attributes:
        kind: Who can do something about it.
        message: What failed and what to do, in one line, for an operator. Holds no secret.
        code: ConvertAPI's error code, 0 where there is none.
        status: The HTTP status that brought it, 0 where there is none.
        answer: What the service answered, redacted and at most 2,000 characters, where it can't be
            read and has been paid.
        reason: Why, for a program to decide by.
    """

    kind: FailureKind
    message: str
    code: int = 0
    status: int = 0
    answer: str = ""
    reason: Reason = Reason.INTERNAL


@dataclass(frozen=True, slots=True)
class Conversion:
    """A conversion's current state.

    Attributes:
        id: Its id, which is also the Celery task id.
        state: Its state.
        from_format: The format of the source, ``"docx"``.
        to_format: The target format, ``"pdf"``.
        files: The stored results, empty until ``succeeded``.
        cost: What the service charged, in its units; 0 until it is known.
        polls: How often the service was asked.
        submits: How often the job was posted; above 1 only where nothing had been started before.
        created_at: When it was accepted, seconds since the epoch; the same for the times below.
        submitted_at: When it was last posted.
        ready_at: When the result was seen.
        finished_at: When it ended.
        failure: Why it has ended without files.
        source_name: The file name of its source, ``"a.docx"``, without path and query. Of several
            it is the first, with how many more there are: ``"a.docx +2"``. Empty if there is none.
        metadata: Your own data, as you passed it with the conversion.
        deadline_at: By when it must have begun at the service; None where you set no deadline.
        files_until: When the files are removed, or were, seconds since the epoch; None where they
            stay until you delete them.
    """

    id: str
    state: State
    from_format: str
    to_format: str
    files: tuple[StoredFile, ...] = ()
    cost: int = 0
    polls: int = 0
    submits: int = 0
    created_at: float = 0.0
    submitted_at: float | None = None
    ready_at: float | None = None
    finished_at: float | None = None
    failure: Failure | None = None
    source_name: str = ""
    metadata: Metadata = field(default_factory=dict, hash=False)
    deadline_at: float | None = None
    files_until: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: the result that the caller's Celery task gets."""
        plain = as_fields(self)
        plain["state"] = self.state.value
        plain["files"] = list(map(as_fields, self.files))
        plain["metadata"] = dict(self.metadata)
        if self.failure is not None:
            plain["failure"] = _plain_failure(self.failure)
        return plain

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Self:
        """Read the result of a conversion's Celery task.

        Args:
            plain: What `to_dict` returned. Fields that a later release added are passed over, so
                you can upgrade the workers before the application.
        """
        failure = plain.get("failure")
        read = {
            "state": State(plain["state"]),
            "files": tuple(StoredFile(**known_fields(StoredFile, file)) for file in plain["files"]),
            "failure": failure and _failure_of(failure),
        }
        return cls(**{**known_fields(cls, plain), **read})

    def raise_if_failed(self) -> None:
        """Do nothing, or raise what the caller must learn.

        Raises:
            ConversionFailed: It has ended without files.
            ConversionCancelled: The caller wished so.
        """
        if self.failure is not None:
            failure = self.failure
            ended = ConversionCancelled if self.state is State.CANCELLED else ConversionFailed
            raise ended(
                *(failure.message, failure.code, failure.status, failure.kind.value, self.id),
                failure.reason.value,
            )


def _plain_failure(failure: Failure) -> dict[str, Any]:
    named = {"kind": failure.kind.value, "reason": failure.reason.value}
    remedies = [remedy.value for remedy in failure.remedies]
    return {**as_fields(failure), **named, "remedies": remedies}


def _failure_of(plain: dict[str, Any]) -> Failure:
    kind = kind_called(plain["kind"])
    reason = reason_called(plain.get("reason", ""), kind)
    return Failure(**{**known_fields(Failure, plain), "kind": kind, "reason": reason})
