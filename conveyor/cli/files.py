"""Results fetched from the storage into a folder of the user's."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from conveyor.domain.conversion import Conversion, StoredFile
from conveyor.errors import InvalidRequest, StorageError

if TYPE_CHECKING:
    from conveyor.storage import Storage

__all__ = ["check_folder", "check_same", "fetch"]


def check_folder(folder: Path) -> None:
    """Make the folder, and see whether files can be written there: before anything is paid.

    Args:
        folder: Where results shall go.

    Raises:
        InvalidRequest: They can't.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder, prefix=".conveyor-"):
            pass
    except OSError as error:
        raise InvalidRequest(
            f"The folder {folder} can't be written ({error.strerror}). Choose another folder with "
            "--out. Nothing was started or paid."
        ) from None


def fetch(
    conversion: Conversion,
    storage: Storage,
    folder: Path,
    *,
    replace: bool,
    written: set[Path] | None = None,
) -> list[Path]:
    """Copy a conversion's files into a folder, each whole or not at all.

    Args:
        conversion: Succeeded.
        storage: Where they lie.
        folder: Where they go.
        replace: Whether a file of the same name is replaced; else the new one is numbered.
        written: What this command has written before, which it never replaces. It is added to.

    Returns:
        Where each file lies now.

    Raises:
        StorageError: One can't be read, or not be written here.
    """
    written = set() if written is None else written
    return [_fetch_one(file, storage, folder, written, replace) for file in conversion.files]


def _fetch_one(
    file: StoredFile, storage: Storage, folder: Path, written: set[Path], replace: bool
) -> Path:
    # Loaded here: it brings Celery, and other commands don't need that for their help.
    from conveyor.storage import safe_name  # noqa: PLC0415 - as the comment above says

    wanted = folder / safe_name(file.name)
    with _translated(file, folder), NamedTemporaryFile(dir=folder, delete=False) as partial:
        try:
            digest = hashlib.sha256()
            for chunk in storage.read(file.uri):
                digest.update(chunk)
                partial.write(chunk)
            partial.close()
            check_same(file, digest.hexdigest())
            target = wanted if replace and wanted not in written else _reserve(wanted)
            written.add(target)
            Path(partial.name).chmod(0o666 & ~_umask())
            Path(partial.name).replace(target)
        except BaseException:
            Path(partial.name).unlink(missing_ok=True)
            raise
    return target


def check_same(file: StoredFile, digest: str) -> None:
    """Compare what was read with what was stored.

    Args:
        file: The stored file.
        digest: The sha256 of what was read, hexadecimal.

    Raises:
        StorageError: It is something else.
    """
    if digest != file.sha256:
        raise StorageError(
            f"The file {file.uri} has changed since Conveyor stored it. Find out what else writes "
            "to the storage."
        )


def _reserve(wanted: Path) -> Path:
    """Take the first free of ``a.pdf``, ``a-1.pdf``, ``a-2.pdf`` …: no paid result is refused."""
    for number in count():
        path = wanted.with_stem(f"{wanted.stem}-{number}") if number else wanted
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            continue
        return path
    raise AssertionError  # pragma: no cover - there is always one more number


def _umask() -> int:
    """The process's mask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


@contextmanager
def _translated(file: StoredFile, folder: Path) -> Iterator[None]:
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(
            f"Can't write {file.name} to {folder} ({error.strerror}). Choose another folder with "
            f"--out. The result is at {file.uri}."
        ) from error
