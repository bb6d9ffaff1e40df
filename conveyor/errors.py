"""The library's errors, one small tree.

::

    ConveyorError
    ├── SettingsError           a setting is missing or wrong
    ├── InvalidRequest          it can't be accepted; nothing was started or paid (ValueError)
    ├── Unavailable             a part that Conveyor needs can't be reached or used
    │   ├── BrokerUnavailable   the message could not be published
    │   ├── LedgerUnavailable   Redis, where conversions are kept
    │   │   └── AcceptanceUnknown   it failed while it accepted a conversion
    │   └── StorageError        files can't be read or written
    │       └── FileGone        a stored file is no longer there
    ├── UnknownConversion       no conversion has this id (LookupError)
    │   ├── ConversionDeleted       it was deleted with all that it left
    │   └── LinkExpired             a link to one of its files has ended
    ├── UnreadableConversion    its entry in Redis can't be read
    │   └── NewerEntry              a newer version of Conveyor wrote it
    ├── AccountHeld             the account is on hold: the conversion waits, nothing is lost
    ├── WaitTimeout             still converting when the wait timed out (TimeoutError)
    └── ConversionFailed        the conversion has ended without files
        └── ConversionCancelled because its caller cancelled it

Every message says what failed, why, and what to do, in one line, and holds no secret.
"""

from __future__ import annotations

from conveyor.reasons import HasReason, Reason, kind_called, reason_called

__all__ = [
    "AcceptanceUnknown",
    "AccountHeld",
    "BrokerUnavailable",
    "ConversionCancelled",
    "ConversionDeleted",
    "ConversionFailed",
    "ConveyorError",
    "FileGone",
    "InvalidRequest",
    "LedgerUnavailable",
    "LinkExpired",
    "NewerEntry",
    "SettingsError",
    "StorageError",
    "Unavailable",
    "UnknownConversion",
    "UnreadableConversion",
    "WaitTimeout",
]


class ConveyorError(Exception):
    """The root of everything that Conveyor raises on purpose."""


class SettingsError(ConveyorError):
    """A setting is missing or wrong; the message names it and what it takes."""


class InvalidRequest(ConveyorError, ValueError):
    """The request can't be accepted. Nothing was stored, started or paid.

    Args:
        message: What is wrong, and what to do.
        reason: Why, for a program to decide by.
    """

    def __init__(self, message: str = "", reason: Reason = Reason.REFUSED) -> None:
        super().__init__(message)
        self.reason = reason


class Unavailable(ConveyorError):
    """A part that Conveyor needs can't be reached or used."""


class BrokerUnavailable(Unavailable):
    """The broker did not take the message; the conversion was not accepted."""


class LedgerUnavailable(Unavailable):
    """Redis, where conversions are kept, can't be reached."""


class AcceptanceUnknown(LedgerUnavailable):
    """Redis failed while it accepted a conversion: it may have been accepted, or not."""


class StorageError(Unavailable):
    """A file can't be read from, or written to, the storage."""


class FileGone(StorageError):
    """A stored file is missing: a person or a lifecycle rule of the storage removed it."""


class UnknownConversion(ConveyorError, LookupError):
    """No conversion has this id, or it ended so long ago that it was forgotten."""


class ConversionDeleted(UnknownConversion):
    """The conversion was deleted with ``conveyor.delete(id)``. Nothing of it can be read any more.

    Args:
        conversion_id: The conversion's id.
        deleted_at: When its deletion was asked for, seconds since the epoch.
    """

    def __init__(self, conversion_id: str, deleted_at: float = 0.0) -> None:
        super().__init__(conversion_id, deleted_at)
        self.conversion_id = conversion_id
        self.deleted_at = deleted_at

    def __str__(self) -> str:
        return (
            f"The conversion {self.conversion_id!r} was deleted. Enqueue the document again if you "
            "still need it."
        )


class LinkExpired(UnknownConversion):
    """A link to a result file has ended. ``conveyor.link(id)`` makes a new one."""


class UnreadableConversion(ConveyorError):
    """A conversion's entry in Redis can't be read: it is damaged, or of a newer version.

    Args:
        conversion_id: The conversion's id.
    """

    def __init__(self, conversion_id: str) -> None:
        super().__init__(conversion_id)
        self.conversion_id = conversion_id

    def __str__(self) -> str:
        return (
            f"The entry of the conversion {self.conversion_id!r} in Redis can't be read: it is "
            "damaged, or a newer version of Conveyor wrote it. See `conveyor dead list`."
        )


class NewerEntry(UnreadableConversion):
    """A newer version of Conveyor wrote the entry. That version's workers can read it."""

    def __str__(self) -> str:
        return (
            f"A later release of Conveyor wrote the conversion {self.conversion_id!r}, and its "
            "workers process it. Read it with that release."
        )


class AccountHeld(ConveyorError):
    """The account is on hold, so the conversion waits until that is repaired. Nothing is lost."""


class WaitTimeout(ConveyorError, TimeoutError):
    """The conversion was still running when the wait timed out.

    The conversion keeps running. Wait again, or read it later with ``conveyor.get(id)``.
    """


class ConversionFailed(ConveyorError, HasReason):
    """The conversion has ended without files.

    Celery carries it from the worker to the caller of ``AsyncResult.get()`` by its arguments,
    so they are plain values in ``args``.

    Attributes:
        message: What failed and what to do, in one line.
        code: ConvertAPI's error code, 0 where there is none (e.g. 5001, "conversion failed").
        status: The HTTP status that brought it, 0 where there is none.
        kind: The class of the failure, a value of `conveyor.FailureKind`.
        conversion_id: The conversion, which is also the Celery task id.
        reason: Why, a `conveyor.Reason`, for a program to decide by.
    """

    def __init__(  # noqa: PLR0917 - Celery hands on positional arguments alone
        self,
        message: str,
        code: int = 0,
        status: int = 0,
        kind: str = "service",
        conversion_id: str = "",
        reason: str = "",
    ) -> None:
        super().__init__(message, code, status, kind, conversion_id, reason)
        self.message = message
        self.code = code
        self.status = status
        self.kind = kind
        self.conversion_id = conversion_id
        self.reason = reason_called(reason, kind_called(kind))

    def __str__(self) -> str:
        code = f" (code {self.code})" if self.code else ""
        return f"{self.message}{code}"


class ConversionCancelled(ConversionFailed):
    """The conversion was cancelled with ``conveyor.cancel(id)``."""
