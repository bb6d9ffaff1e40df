"""The interface that stores file contents that an answer holds itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from conveyor.domain.conversion import StoredFile

__all__ = ["Keeper"]

Keeper = Callable[[str, Iterable[bytes]], StoredFile]
"""Stores bytes that came in an answer itself and can't be fetched again: (name, content)."""
