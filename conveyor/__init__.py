"""Conveyor: ConvertAPI conversions as ordinary Celery tasks.

>>> from conveyor import Conveyor, ConversionFailed
>>> conveyor = Conveyor.from_env()                                          # doctest: +SKIP
>>> handle = conveyor.convert("https://example.com/a.docx", to="pdf")       # doctest: +SKIP
>>> handle.wait(timeout=120).files[0].uri                                   # doctest: +SKIP

This is all that a web application imports; the modules below are private to the project.
"""

from conveyor.dead_letters import DeadGroup, DeadLetters
from conveyor.domain.conversion import (
    Conversion,
    Event,
    Failure,
    FailureKind,
    Progress,
    StagedFile,
    State,
    StoredFile,
)
from conveyor.errors import (
    AcceptanceUnknown,
    AccountHeld,
    BrokerUnavailable,
    ConversionCancelled,
    ConversionFailed,
    ConveyorError,
    FileGone,
    InvalidRequest,
    LedgerUnavailable,
    NewerEntry,
    SettingsError,
    StorageError,
    Unavailable,
    UnknownConversion,
    UnreadableConversion,
    WaitTimeout,
)
from conveyor.fleet import Fleet, Page
from conveyor.handle import Handle
from conveyor.ledger.governor import AccountStatus
from conveyor.producer import Conveyor

__version__ = "0.1.0"

__all__ = [
    "AcceptanceUnknown",
    "AccountHeld",
    "AccountStatus",
    "BrokerUnavailable",
    "Conversion",
    "ConversionCancelled",
    "ConversionFailed",
    "Conveyor",
    "ConveyorError",
    "DeadGroup",
    "DeadLetters",
    "Event",
    "Failure",
    "FailureKind",
    "FileGone",
    "Fleet",
    "Handle",
    "InvalidRequest",
    "LedgerUnavailable",
    "NewerEntry",
    "Page",
    "Progress",
    "SettingsError",
    "StagedFile",
    "State",
    "StorageError",
    "StoredFile",
    "Unavailable",
    "UnknownConversion",
    "UnreadableConversion",
    "WaitTimeout",
]
