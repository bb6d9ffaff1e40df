"""Documents on this machine, by the paths that people write."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from conveyor.errors import InvalidRequest
from conveyor.reasons import Reason
from conveyor.storage.names import as_on_disk

__all__ = ["LocalDocument", "local_file", "open_local"]

# Of a path in an error text.
_SHOWN_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class LocalDocument:
    """A document that was opened.

    Attributes:
        name: Its file name, as the disk has it.
        stream: Its content.
    """

    name: str
    stream: IO[bytes]


def local_file(text: str) -> Path:
    """The document that a path of this machine names.

    Letters with accents have two forms in Unicode. macOS writes names in one, most others in the
    other. They name the same file, whichever of them the disk has.

    Args:
        text: The path; ``~`` is the user's home.

    Returns:
        The path of a file that is there, and is not empty.

    Raises:
        InvalidRequest: There is none.
    """
    shown = _shown(text)
    try:
        path = as_on_disk(Path(text).expanduser())
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError, RuntimeError, ValueError):
        # Among these: a home that nobody has, and a name that no file system takes.
        if os.path.islink(text):  # noqa: PTH114 - it never raises
            raise InvalidRequest(
                f"{shown} is a link to a file that does not exist. Name the file itself."
            ) from None
        raise InvalidRequest(
            f"The file {shown} does not exist. Check its name.", Reason.MISSING
        ) from None
    except OSError as error:
        raise _unreadable(text, error) from None
    if stat.S_ISDIR(found.st_mode):
        raise InvalidRequest(f"{shown} is a folder. Name a file.")
    if not stat.S_ISREG(found.st_mode):
        raise InvalidRequest(f"{shown} is not a file. Name a document.")
    if not found.st_size:
        raise InvalidRequest(f"The file {shown} is empty. Use a file with content.", Reason.EMPTY)
    return path


@contextmanager
def open_local(text: str) -> Iterator[LocalDocument]:
    """Open a document of this machine.

    Args:
        text: Its path.

    Raises:
        InvalidRequest: There is none, or it can't be read.
    """
    path = local_file(text)
    try:
        stream = path.open("rb")
    except OSError as error:
        raise _unreadable(text, error) from None
    with stream:
        yield LocalDocument(path.name, stream)


def _unreadable(text: str, error: OSError) -> InvalidRequest:
    return InvalidRequest(f"Can't read {_shown(text)}: {error.strerror}.")


def _shown(text: str) -> str:
    """A path as a terminal and JSON take it: some file systems have names that are no Unicode."""
    shown = text.encode(errors="replace").decode()
    return shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}…"
