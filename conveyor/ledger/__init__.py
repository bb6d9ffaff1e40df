"""The ledger: the truth about every conversion, in Redis."""

from conveyor.domain.entry import Entry
from conveyor.ledger.changes import AlreadyAccepted, Bells, NotRung, RevokedBefore
from conveyor.ledger.connection import (
    PRODUCERS,
    WORKERS,
    Client,
    Patience,
    Refused,
    aconnect,
    connect,
    options_of,
    translated,
)
from conveyor.ledger.ledger import Idempotency, Ledger, Submission, is_another
from conveyor.ledger.scripts import script

__all__ = [
    "PRODUCERS",
    "WORKERS",
    "AlreadyAccepted",
    "Bells",
    "Client",
    "Entry",
    "Idempotency",
    "Ledger",
    "NotRung",
    "Patience",
    "Refused",
    "RevokedBefore",
    "Submission",
    "aconnect",
    "connect",
    "is_another",
    "options_of",
    "script",
    "translated",
]
