"""The file by which a storage is known: ``.conveyor`` holds a random id."""

from __future__ import annotations

import re
from pathlib import Path
from secrets import token_hex
from typing import Final

from conveyor.storage.faults import translated
from conveyor.storage.place import Place

__all__ = ["MARKER", "MarkerFile"]

MARKER: Final = ".conveyor"
"""The marker's name in the storage."""

_MARK: Final = re.compile(r"[0-9a-f]{32}")
_MOST_BYTES: Final = 100


class MarkerFile:
    """The marker in a storage.

    Args:
        place: The storage.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._path = f"{place.root}/{MARKER}"

    def read(self) -> str:
        """The id in the marker; empty where there is none.

        Raises:
            StorageError: It can't be read just now.
        """
        with translated("read from the storage", self._place.url):
            try:
                content = self._content()
            except (FileNotFoundError, NotADirectoryError):
                return ""
        mark = _MARK.search(content.decode(errors="replace"))
        return mark[0] if mark else ""

    def make(self) -> str:
        """Mark the storage with a new id.

        Returns:
            The id.

        Raises:
            StorageError: The storage can't be written.
        """
        mark = token_hex(16)
        self.write(mark)
        return mark

    def write(self, mark: str) -> None:
        """Mark the storage with an id, whatever its marker said before.

        Args:
            mark: The id, 32 hexadecimal digits.

        Raises:
            StorageError: The storage can't be written.
        """
        with translated("write to the storage", self._place.url):
            self._place.fs.pipe_file(
                self._path,
                f"{mark}\nConveyor tells by this file that a storage is the right one.\n".encode(),
            )

    def _content(self) -> bytes:
        """The marker's first bytes; a folder is looked at so often that fsspec is left out."""
        if self._place.is_local:
            with Path(self._path).open("rb", buffering=0) as file:
                return file.read(_MOST_BYTES)
        content: bytes = self._place.fs.cat_file(self._path, start=0, end=_MOST_BYTES)
        return content
