"""Conveyor: ConvertAPI conversions as ordinary Celery tasks.

>>> from conveyor import Conveyor, ConversionFailed
>>> conveyor = Conveyor.from_env()                                          # doctest: +SKIP
>>> handle = conveyor.convert("https://example.com/a.docx", to="pdf")       # doctest: +SKIP
>>> handle.wait(timeout=120).files[0].uri                                   # doctest: +SKIP

This is all that a web application imports; the modules below are private to the project. Each name
is loaded when you first use it (PEP 562), so ``import conveyor`` costs next to nothing, and who
takes only an error or a record loads neither Celery nor Redis' client.
"""

import importlib
import typing

if typing.TYPE_CHECKING:
    from conveyor.callbacks.callbacks import Callbacks, Chosen
    from conveyor.dead.groups import DeadGroup
    from conveyor.dead.letters import DeadLetters
    from conveyor.domain.callback import Callback
    from conveyor.domain.conversion import (
        Conversion,
        Failure,
        StagedFile,
        State,
        StoredFile,
    )
    from conveyor.domain.deletion import Deletion
    from conveyor.domain.notice import Notice, NoticeStatus, Try, TryReason
    from conveyor.domain.progress import Event, Progress
    from conveyor.errors import (
        AcceptanceUnknown,
        AccountHeld,
        BrokerUnavailable,
        ConversionCancelled,
        ConversionDeleted,
        ConversionFailed,
        ConveyorError,
        FileGone,
        InvalidRequest,
        LedgerUnavailable,
        LinkExpired,
        NewerEntry,
        SettingsError,
        StorageError,
        Unavailable,
        UnknownConversion,
        UnreadableConversion,
        WaitTimeout,
    )
    from conveyor.handle import Handle
    from conveyor.ledger.accounts import AccountStatus
    from conveyor.ledger.notices import CallbackCounts
    from conveyor.producer import Conveyor
    from conveyor.reasons import FailureKind, Reason, Remedy
    from conveyor.watching.fleet import Fleet, Page, Status

__version__ = "0.1.0"

__all__ = [
    "AcceptanceUnknown",
    "AccountHeld",
    "AccountStatus",
    "BrokerUnavailable",
    "Callback",
    "CallbackCounts",
    "Callbacks",
    "Chosen",
    "Conversion",
    "ConversionCancelled",
    "ConversionDeleted",
    "ConversionFailed",
    "Conveyor",
    "ConveyorError",
    "DeadGroup",
    "DeadLetters",
    "Deletion",
    "Event",
    "Failure",
    "FailureKind",
    "FileGone",
    "Fleet",
    "Handle",
    "InvalidRequest",
    "LedgerUnavailable",
    "LinkExpired",
    "NewerEntry",
    "Notice",
    "NoticeStatus",
    "Page",
    "Progress",
    "Reason",
    "Remedy",
    "SettingsError",
    "StagedFile",
    "State",
    "Status",
    "StorageError",
    "StoredFile",
    "Try",
    "TryReason",
    "Unavailable",
    "UnknownConversion",
    "UnreadableConversion",
    "WaitTimeout",
]

_HOMES: typing.Final = {
    "conveyor.callbacks.callbacks": ("Callbacks", "Chosen"),
    "conveyor.dead.groups": ("DeadGroup",),
    "conveyor.dead.letters": ("DeadLetters",),
    "conveyor.domain.callback": ("Callback",),
    "conveyor.domain.conversion": (
        "Conversion",
        "Failure",
        "StagedFile",
        "State",
        "StoredFile",
    ),
    "conveyor.domain.deletion": ("Deletion",),
    "conveyor.domain.notice": ("Notice", "NoticeStatus", "Try", "TryReason"),
    "conveyor.domain.progress": (
        "Event",
        "Progress",
    ),
    "conveyor.errors": (
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
    ),
    "conveyor.watching.fleet": (
        "Fleet",
        "Page",
        "Status",
    ),
    "conveyor.handle": ("Handle",),
    "conveyor.ledger.accounts": ("AccountStatus",),
    "conveyor.ledger.notices": ("CallbackCounts",),
    "conveyor.producer": ("Conveyor",),
    "conveyor.reasons": (
        "FailureKind",
        "Reason",
        "Remedy",
    ),
}
_MODULES: typing.Final = {name: module for module, names in _HOMES.items() for name in names}


# Type checkers read the imports above: to them a misspelt name stays an error.
if not typing.TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(importlib.import_module(_MODULES[name]), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*__all__, *globals()})
