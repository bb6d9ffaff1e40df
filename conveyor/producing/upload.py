"""One file on its way into the storage, whose reservation is renewed while it arrives."""

from __future__ import annotations

import time
from typing import Final

from conveyor.domain.conversion import StagedFile
from conveyor.errors import InvalidRequest
from conveyor.ledger.reservations import KEEP_STAGED_S, Reservations
from conveyor.reasons import Reason
from conveyor.storage import Writer

__all__ = ["Upload"]

_RENEW_EVERY_S: Final = KEEP_STAGED_S / 60


class Upload:
    """One file on its way, in a folder that is reserved for it meanwhile.

    Args:
        name: Its file name.
        token: Of its folder.
        writer: Takes its content.
        reservations: Keep the folder for it.

    Attributes:
        token: Of its folder.
    """

    def __init__(self, name: str, token: str, writer: Writer, reservations: Reservations) -> None:
        self.token = token
        self._name = name
        self._writer = writer
        self._reservations = reservations
        self._renewed_at = time.monotonic()

    def write(self, chunk: bytes) -> None:
        """Write a piece, and renew the reservation once in a while.

        Args:
            chunk: The next bytes.

        Raises:
            InvalidRequest: Its reservation has run out.
            StorageError: The storage can't be written.
            LedgerUnavailable: Redis can't be reached.
        """
        self._writer.write(chunk)
        # A large file over a slow line takes longer than an hour.
        if time.monotonic() - self._renewed_at > _RENEW_EVERY_S:
            self._renew()

    def finish(self) -> StagedFile:
        """End the file, so that workers can read it.

        Returns:
            The staged file.

        Raises:
            InvalidRequest: It is empty, or its reservation has run out.
            StorageError: The storage can't be written.
            LedgerUnavailable: Redis can't be reached.
        """
        if not self._writer.size:
            raise InvalidRequest(
                f"The file {self._name!r} is empty. Use a file with content.", Reason.EMPTY
            )
        self._renew()
        self._writer.finish()
        return StagedFile(self._name, self._writer.uri, self._writer.size, self._writer.sha256)

    def abandon(self) -> None:
        """Give the file up. What was written of it does not appear in the storage."""
        self._writer.abandon()

    def _renew(self) -> None:
        if not self._reservations.renew(self.token):
            raise InvalidRequest(f"The file {self._name!r} stopped arriving. Send it again.")
        self._renewed_at = time.monotonic()
