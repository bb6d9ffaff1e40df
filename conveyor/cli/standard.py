"""``-``: a document from standard input, and a result to standard output."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from conveyor.cli.files import check_same
from conveyor.domain.conversion import Conversion, StagedFile, StoredFile
from conveyor.errors import ConveyorError, InvalidRequest, StorageError

if TYPE_CHECKING:
    from conveyor.producer import Conveyor
    from conveyor.storage import Storage

__all__ = ["STANDARD", "check_input", "check_output", "is_standard", "stage", "write"]

STANDARD: Final = "-"


def is_standard(out: Path) -> bool:
    """Whether ``--out`` means standard output.

    Args:
        out: As it was typed.
    """
    return str(out) == STANDARD


def check_input(from_format: str | None) -> None:
    """See whether a document can come on standard input.

    Args:
        from_format: Its format.

    Raises:
        InvalidRequest: It can't.
    """
    if not from_format:
        raise InvalidRequest(
            "Standard input has no file name. Add its format, for example --from docx."
        )
    if sys.stdin.isatty():
        raise InvalidRequest(
            "Standard input is a terminal. Send a document instead, for example `cat a.docx | "
            "conveyor convert - --from docx --to pdf`."
        )


def check_output() -> None:
    """See whether a document can go to standard output: before anything is paid.

    Raises:
        InvalidRequest: It can't.
    """
    if sys.stdout.isatty():
        raise InvalidRequest(
            "Standard output is a terminal, and a document is binary. Send it to a file "
            "(> a.pdf), or choose a folder with --out. Nothing was started or paid."
        )


def stage(conveyor: Conveyor, from_format: str) -> StagedFile:
    """Stream standard input into the storage, never whole in memory.

    Args:
        conveyor: The library.
        from_format: Its format.

    Raises:
        InvalidRequest: It is empty.
        StorageError: The storage can't be written.
        LedgerUnavailable: Redis can't be reached.
    """
    return conveyor.stage(f"stdin.{from_format.removeprefix('.')}", sys.stdin.buffer)


def write(conversion: Conversion, storage: Storage) -> None:
    """Stream a conversion's one file to standard output, never whole in memory.

    Args:
        conversion: Succeeded.
        storage: Where its file lies.

    Raises:
        ConveyorError: It has several files.
        StorageError: It can't be read, or standard output can't be written.
    """
    if len(conversion.files) != 1:
        raise ConveyorError(
            f"The conversion has {len(conversion.files)} files, and standard output takes one. "
            f"Fetch them into a folder with `conveyor wait {conversion.id} --out DIR`."
        )
    (file,) = conversion.files
    digest = hashlib.sha256()
    for chunk in storage.read(file.uri):
        digest.update(chunk)
        _put(file, chunk)
    _put(file, b"")
    check_same(file, digest.hexdigest())


def _put(file: StoredFile, chunk: bytes) -> None:
    try:
        sys.stdout.buffer.write(chunk)
        if not chunk:
            sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Whoever reads has enough of it, `head` for one.
        raise
    except OSError as error:
        raise StorageError(
            f"Can't write to standard output ({error.strerror}). Choose a folder with --out. The "
            f"result is at {file.uri}."
        ) from error
