"""What stands inside the answer of a conversion: its progress, its files, its failure."""

from __future__ import annotations

from typing import Self
from urllib.parse import quote

from pydantic import Field

from conveyor import Failure, FailureKind, Progress, Reason, Remedy, StoredFile
from web.models import Model, Timestamp, href_of, rfc3339

__all__ = ["FailureAnswer", "FileAnswer", "ProgressAnswer"]


class ProgressAnswer(Model):
    """A conversion's progress."""

    fraction: float | None = Field(
        description="From 0 to 1; null while nobody knows, and when it takes longer than usual."
    )
    elapsed_s: float = Field(description="Seconds since it was accepted.")
    expected_s: float | None = Field(
        description="What half of such conversions took lately, seconds."
    )
    note: str = Field(description="What holds it up, in words.")
    held: bool = Field(description="Whether the account is on hold.")
    late: bool = Field(
        description="Whether it takes longer than usual: nine of ten had ended by now."
    )

    @classmethod
    def of(cls, progress: Progress) -> Self:
        """Make the answer's member from a progress."""
        return cls(
            fraction=progress.fraction,
            elapsed_s=progress.elapsed_s,
            expected_s=progress.expected_s,
            note=progress.note,
            held=progress.held,
            late=progress.late,
        )


class FileAnswer(Model):
    """A result file."""

    name: str
    size: int = Field(description="In bytes.")
    sha256: str
    href: str = Field(description="Where it can be fetched.")
    removed_at: Timestamp | None = Field(
        description="When it was removed because its life was over; null while it is there."
    )

    @classmethod
    def of(cls, conversion_id: str, file: StoredFile) -> Self:
        """Make the answer's member from a stored file."""
        href = f"{href_of(conversion_id)}/files/{quote(file.name, safe='')}"
        removed_at = None if file.removed_at is None else rfc3339(file.removed_at)
        return cls(
            name=file.name,
            size=file.size,
            sha256=file.sha256,
            href=href,
            removed_at=removed_at,
        )


class FailureAnswer(Model):
    """Why a conversion has ended without files."""

    kind: FailureKind = Field(description="Who can do something about it.")
    reason: Reason = Field(description="Why, for a program to decide by.")
    remedies: list[Remedy] = Field(description="What can be done about it, the most likely first.")
    sentence: str = Field(description="What has gone wrong, for the end user.")
    advice: str = Field(description="What the end user can do about it.")
    language: str = Field(description="The language of `sentence` and `advice`.", examples=["en"])
    code: int = Field(description="ConvertAPI's error code, 0 where there is none.")
    status: int = Field(description="The HTTP status that brought it, 0 where there is none.")
    message: str = Field(description="What failed and what to do, for the operator, in English.")

    @classmethod
    def of(cls, failure: Failure, language: str) -> Self:
        """Make the answer's member from a failure.

        Args:
            failure: The failure.
            language: The end user's, one that there is a catalogue for.
        """
        return cls(
            kind=failure.kind,
            reason=failure.reason,
            remedies=list(failure.remedies),
            sentence=failure.sentence(language),
            advice=failure.advice(language),
            language=language,
            code=failure.code,
            status=failure.status,
            message=failure.message,
        )
