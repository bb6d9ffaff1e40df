"""Files that are written under a temporary name, and then renamed.

So what is not whole never stands under the file's own name, where no write appears at once.
"""

from __future__ import annotations

import io
import os
import posixpath
import re
from contextlib import suppress
from secrets import token_hex
from typing import Any, Final

from conveyor.storage.objects import can_move

__all__ = ["LocalFile", "RenamedFile", "is_partial"]

_MOST_HELD_BYTES: Final = 256 * 1024
# No safe name begins with a dot, so no result is called so.
_PARTIAL: Final = re.compile(r"\..+\.[0-9a-f]{16}\.part")


def is_partial(path: str) -> bool:
    """Whether a file is still being written, or was left by a writer that died."""
    return _PARTIAL.fullmatch(posixpath.basename(path)) is not None


class LocalFile:
    """A file of this machine, written under a temporary name in the same folder, then renamed.

    Most results are small and the first of their folder. So a small one takes a call of the system
    for each of: the folder, the file, its content, its end, its name.

    Args:
        target: The file's path.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._partial = _partial_of(target)
        self._held: list[bytes] = []
        self._held_bytes = 0
        _make(posixpath.dirname(target))
        self._file = io.FileIO(self._partial, "x")

    def write(self, chunk: bytes) -> None:
        """Take the next piece, and hold small ones back until there are enough for one call."""
        self._held.append(chunk)
        self._held_bytes += len(chunk)
        if self._held_bytes >= _MOST_HELD_BYTES:
            self._let_go()

    def finish(self) -> None:
        """Write what is held, and give the file its own name."""
        self._let_go()
        self._file.close()
        os.replace(self._partial, self._target)  # noqa: PTH105 - paths as fsspec has them

    def abandon(self) -> None:
        """Remove what was written under the temporary name. Faults are left alone."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            os.remove(self._partial)  # noqa: PTH107 - the same

    def _let_go(self) -> None:
        rest = memoryview(b"".join(self._held))
        self._held.clear()
        self._held_bytes = 0
        while rest:
            rest = rest[self._file.write(rest) :]

    def __del__(self) -> None:
        # Whoever is interrupted forgets it.
        if hasattr(self, "_file"):
            self._file.close()


class RenamedFile:
    """A file of any file system that is no object store, written under another name, then renamed.

    Args:
        fs: The file system, fsspec's.
        target: The file's path there.
    """

    def __init__(self, fs: Any, target: str) -> None:
        self._fs = fs
        self._rename = _renaming(fs)
        self._target = target
        self._partial = _partial_of(target)
        self._fs.makedirs(posixpath.dirname(target), exist_ok=True)
        self._stream = self._fs.open(self._partial, "wb")

    def write(self, chunk: bytes) -> None:
        """Write the next piece under the temporary name."""
        self._stream.write(chunk)

    def finish(self) -> None:
        """Give the file its own name."""
        self._stream.close()
        self._rename(self._partial, self._target)

    def abandon(self) -> None:
        """Remove what was written under the temporary name. Faults are left alone."""
        with suppress(Exception):
            self._stream.close()
        with suppress(Exception):
            self._fs.rm_file(self._partial)


class _Copying:
    """Renames where the file system can't: by a copy."""

    def __init__(self, fs: Any) -> None:
        self._fs = fs

    def rename(self, old: str, new: str) -> None:
        """Copy a file to its new path, and remove it at the old one."""
        self._fs.cp_file(old, new)
        self._fs.rm_file(old)


def _renaming(fs: Any) -> Any:
    """How a file system renames a file."""
    return fs.mv if can_move(fs) else _Copying(fs).rename


def _partial_of(target: str) -> str:
    """The temporary name in the same folder."""
    folder, name = posixpath.split(target)
    return posixpath.join(folder, f".{name}.{token_hex(8)}.part")


def _make(folder: str) -> None:
    """Make a folder where there is none. Nearly always its last part alone is missing."""
    try:
        os.mkdir(folder)  # noqa: PTH102 - the same
    except FileExistsError:
        pass
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - the same
