"""Files removed from a place, one by one: fsspec's own `rm` of a folder expands names."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from conveyor.storage.faults import translated
from conveyor.storage.place import Place

__all__ = ["clear", "remove_file", "remove_folder_if_empty"]


def clear(place: Place, folder: str, which: Callable[[str], bool] = lambda _: True) -> None:
    """Remove a folder's files, and the folder where it is empty then. None is fine.

    Args:
        place: Where the folder lies.
        folder: Its path there.
        which: Tells by its path whether a file is removed. Without it all are.

    Raises:
        StorageError: It can't be removed.
    """
    fs = place.fs
    with translated("remove from the storage", place.url), suppress(FileNotFoundError):
        paths = [str(path) for path in fs.ls(folder, detail=False)]
        for path in filter(which, paths):
            with suppress(FileNotFoundError):
                fs.rm_file(path)
        if all(map(which, paths)):
            remove_folder_if_empty(place, folder)


def remove_file(place: Place, path: str) -> None:
    """Remove a file. None is fine.

    Args:
        place: Where the file lies.
        path: Its path there.

    Raises:
        StorageError: It can't be removed.
    """
    with translated("remove from the storage", place.url), suppress(FileNotFoundError):
        place.fs.rm_file(path)


def remove_folder_if_empty(place: Place, folder: str) -> None:
    """Remove a folder, if nothing is in it. An object store has none; faults are left alone.

    Args:
        place: Where the folder lies.
        folder: Its path there.
    """
    if not place.is_atomic:
        with suppress(OSError):
            place.fs.rmdir(folder)
