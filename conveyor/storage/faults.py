"""Faults of file systems, turned into our errors once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from conveyor.errors import InvalidRequest, StorageError

__all__ = ["translated"]


@contextmanager
def translated(what: str, where: str) -> Iterator[None]:
    """Turn a file system's own errors into ours, once.

    Each fsspec back end raises types of its own; only those of the storage pass here.
    """
    try:
        yield
    except (StorageError, InvalidRequest):
        raise
    except PermissionError:
        raise StorageError(
            f"Can't {what} ({where}): permission denied. Let this user write there, or set "
            "CONVEYOR_STORAGE_URL to a place that it may."
        ) from None
    except ImportError as error:
        raise StorageError(f"Can't {what}: {error}. Install that package.") from None
    except Exception as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise StorageError(
            f"Can't {what} ({where}): {reason}. Check CONVEYOR_STORAGE_URL."
        ) from error
