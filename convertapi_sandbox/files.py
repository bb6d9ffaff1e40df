"""A file that the sandbox keeps, and the names that clients give to files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final

__all__ = ["StoredFile", "safe_name"]

# Longer names do not fit into a directory entry once an extension is changed.
_MAX_NAME_CHARACTERS: Final = 120


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A file that the sandbox keeps.

    Args:
        id: Its FileId: whoever knows it can read the file.
        name: File name as the client gave it, without folders.
        path: Where its bytes are.
        size: In bytes.
        digest: SHA-256 of the bytes, hexadecimal.
        created: Clock reading, in seconds.
    """

    id: str
    name: str
    path: Path
    size: int
    digest: str
    created: float

    @property
    def extension(self) -> str:
        """The name's extension, lower case, without the dot."""
        return Path(self.name).suffix.lstrip(".").lower()


def safe_name(name: str) -> str:
    """Return a client's file name without folders and control characters.

    Args:
        name: As it came from the wire.

    Returns:
        A name that is at most `_MAX_NAME_CHARACTERS` long, its extension kept; empty if
        nothing remains.
    """
    base = PureWindowsPath(PurePosixPath(name).name).name
    printable = "".join(char for char in base if char.isprintable()).strip(" .")
    stem, dot, extension = printable.rpartition(".")
    if len(printable) <= _MAX_NAME_CHARACTERS or not dot:
        return printable[:_MAX_NAME_CHARACTERS]
    return f"{stem[: _MAX_NAME_CHARACTERS - len(extension) - 1]}.{extension}"
