"""The storage's marker: how producers and workers know that they mean the same storage.

A folder that is not mounted looks like an empty one, and another address looks like a storage that
has lost its files. So whoever first uses a storage leaves a file in it, ``.conveyor``, that holds a
random id, and Redis keeps the same id for the namespace. Who finds no marker, or another, stands
before another storage: it neither reads nor writes there, and blames no document.

Two namespaces may share a storage: they share its marker. A storage that is copied with its marker
is the same one. After any other move ``conveyor storage adopt`` says that the new place is right.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from conveyor.domain.redaction import redact_server_url
from conveyor.errors import StorageError
from conveyor.storage.marker_file import MARKER, MarkerFile
from conveyor.storage.place import Place

__all__ = ["InUse", "Marker", "OtherStorage"]

# A look costs an object store a request, so it is trusted for a while. A folder is looked at each
# time: it may be unmounted in any moment, and the look costs microseconds.
_TRUSTED_S: Final = 30.0
# Whoever marks a new storage does so in much less.
_PATIENCE_S: Final = 5.0
_LOOK_EVERY_S: Final = 0.05


class OtherStorage(StorageError):  # noqa: N818 - reads as the sentence it stands for
    """What is found at the storage's address is not the storage that is in use."""


class InUse(Protocol):
    """Which storage is in use, as all processes know it: `conveyor.ledger.storage_mark` has it."""

    def known(self) -> str:
        """The id of the storage in use; empty as long as nobody has used one."""

    def settle(self, mark: str) -> str:
        """Have an id be the one in use, unless another is. Returns the one in use from now on."""

    def adopt(self, mark: str) -> None:
        """Have an id be the one in use, whichever was before."""

    def claim(self) -> bool:
        """Become the one who marks a storage that nobody has used, if nobody else is about it."""

    def stands_apart(self, who: str, *, apart: bool) -> None:
        """Note whether a process has another storage than the one in use."""

    def strangers(self) -> Sequence[str]:
        """The processes that have another storage than the one in use."""


@dataclass(frozen=True, slots=True)
class _Marks:
    """The id of the storage in use, and the id in the marker that was found."""

    in_use: str
    found: str


class Marker:
    """One process's way to tell whether it has the right storage. Safe for threads.

    Args:
        url: The storage's fsspec URL.
        mark: Which storage is in use.

    Attributes:
        mark: Which storage is in use.
    """

    def __init__(self, url: str, mark: InUse) -> None:
        self._place = Place(url)
        self._file = MarkerFile(self._place)
        self.mark = mark
        self._known = ""
        self._known_until = 0.0
        self._seen_until = 0.0

    def check(self, *, anew: bool = False) -> None:
        """Make sure that this is the storage in use; mark it where none is.

        Args:
            anew: Whether to look, also where it was right a moment ago.

        Raises:
            OtherStorage: It is another, or not mounted.
            StorageError: It can't be read just now.
            LedgerUnavailable: Redis can't be reached.
        """
        if not anew and time.monotonic() < self._seen_until:
            return
        found = self._file.read()
        if not found or found != self._remembered():
            self._compare()
        if not self._place.is_local:
            self._seen_until = time.monotonic() + _TRUSTED_S

    def adopt(self) -> str:
        """Have this be the storage in use from now on, whichever was before.

        Returns:
            Its id.

        Raises:
            StorageError: It can't be marked.
            LedgerUnavailable: Redis can't be reached.
        """
        mark = self._file.read() or self._file.make()
        self.mark.adopt(mark)
        return mark

    def _remembered(self) -> str:
        if time.monotonic() >= self._known_until:
            self._known = self.mark.known()
            self._known_until = time.monotonic() + _TRUSTED_S
        return self._known

    def _compare(self) -> None:
        """Ask first, and look then: who marks a storage does it before it is known."""
        self._seen_until = self._known_until = 0.0
        known = self._remembered()
        found = self._file.read()
        if not known:
            marks = self._introduce(found)
            known, found = marks.in_use, marks.found
            self._known_until = 0.0
        if found != known:
            raise OtherStorage(self._explained(found))

    def _introduce(self, found: str) -> _Marks:
        """Settle which storage is in use, where nobody has used one."""
        deadline = time.monotonic() + _PATIENCE_S
        while not found:
            if self.mark.claim():
                return self._mark_first()
            if known := self.mark.known():
                return _Marks(known, self._file.read())
            if time.monotonic() > deadline:
                raise StorageError("Another process is marking the storage right now. Try again.")
            time.sleep(_LOOK_EVERY_S)
        return _Marks(self.mark.settle(found), found)

    def _mark_first(self) -> _Marks:
        if known := self.mark.known():
            # Who was about it a moment ago is done.
            return _Marks(self.mark.settle(known), self._file.read())
        made = self._file.make()
        known = self.mark.settle(made)
        if known != made:
            # Somebody took us for dead meanwhile, and was faster. Ours may have come later.
            self._file.write(known)
        return _Marks(known, known)

    def _explained(self, found: str) -> str:
        what = (
            f"is another storage than the one in use: its file {MARKER} differs"
            if found
            else f"has no file {MARKER}, and the storage in use has one"
        )
        return (
            f"The storage {redact_server_url(self._place.url)} {what}. Mount it, or set "
            "CONVEYOR_STORAGE_URL as the other processes have it. If it was moved on purpose, run "
            "`conveyor storage adopt`."
        )
