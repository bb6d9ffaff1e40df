"""The ledger: the truth about every conversion, in Redis."""

from conveyor.ledger.changes import Bells, Claimed, NotRung, RevokedBefore
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
from conveyor.ledger.entry import Entry
from conveyor.ledger.ledger import Claim, Job, Ledger, is_another
from conveyor.ledger.scripts import script

__all__ = [
    "PRODUCERS",
    "WORKERS",
    "Bells",
    "Claim",
    "Claimed",
    "Client",
    "Entry",
    "Job",
    "Ledger",
    "NotRung",
    "Patience",
    "Refused",
    "RevokedBefore",
    "aconnect",
    "connect",
    "is_another",
    "options_of",
    "script",
    "translated",
]
