"""A source that somebody else reads, to upload it: its faults are told as the storage's."""

from __future__ import annotations

import io
from typing import Any

from conveyor.storage.faults import translated
from conveyor.storage.place import Place

__all__ = ["TranslatedStream"]


class TranslatedStream(io.RawIOBase):
    """A file whose faults are told as the storage's, for whoever reads it.

    Args:
        place: Where the file lies.
        stream: The file, open for reading, fsspec's.
    """

    def __init__(self, place: Place, stream: Any) -> None:
        self._place = place
        self._stream = stream

    def readable(self) -> bool:
        """A source can be read."""
        return True

    def seekable(self) -> bool:
        """A source can be read again from any place, as a repeated upload does."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes into a buffer.

        Returns:
            How many bytes; 0 at the end.

        Raises:
            StorageError: The source can't be read just now.
        """
        with translated("read the source", self._place.url, self._place.setting):
            return int(self._stream.readinto(buffer))

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place in the file, and say how many bytes lie before it."""
        return int(self._stream.seek(offset, whence))

    def tell(self) -> int:
        """How many bytes lie before the next one that is read."""
        return int(self._stream.tell())

    def close(self) -> None:
        """Close the file. A second time does nothing."""
        if not self.closed:
            self._stream.close()
        super().close()
