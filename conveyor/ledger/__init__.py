"""The ledger: the truth about every conversion, in Redis."""

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
from conveyor.ledger.ledger import Job, Ledger
from conveyor.ledger.scripts import script

__all__ = [
    "PRODUCERS",
    "WORKERS",
    "Client",
    "Entry",
    "Job",
    "Ledger",
    "Patience",
    "Refused",
    "aconnect",
    "connect",
    "options_of",
    "script",
    "translated",
]
