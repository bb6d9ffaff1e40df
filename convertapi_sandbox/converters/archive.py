"""Any files into a ZIP archive."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import Final

from convertapi_sandbox.converters.model import Converter, Output, Takes, Task
from convertapi_sandbox.files import StoredFile

__all__ = ["CONVERTERS"]

# The oldest time a ZIP archive can state: the same files give the same bytes.
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
# Larger files are stored as they are: deflating a gigabyte takes half a minute, and shows nothing.
_STORE_BYTES: Final = 64 * 1024 * 1024


def _pack(task: Task) -> Sequence[Output]:
    """Put files into an archive, under their names."""
    target = task.folder / "archive.zip"
    with zipfile.ZipFile(target, "w") as archive:
        for name, source in _named(task.sources):
            entry = zipfile.ZipInfo(name, _EPOCH)
            large = source.size >= _STORE_BYTES
            entry.compress_type = zipfile.ZIP_STORED if large else zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as to, source.path.open("rb") as file:
                while chunk := file.read(1 << 16):
                    to.write(chunk)
    return [Output(target)]


def _named(sources: Iterable[StoredFile]) -> Iterator[tuple[str, StoredFile]]:
    taken: set[str] = set()
    for source in sources:
        path, number, name = PurePath(source.name), 1, source.name
        while name in taken:
            number += 1
            name = f"{path.stem}-{number}{path.suffix}"
        taken.add(name)
        yield name, source


CONVERTERS: Final = (
    Converter(pairs=frozenset({("any", "zip")}), run=_pack, takes=Takes.FILES, uses_names=True),
)
