"""The ledger: the truth about every conversion, in Redis."""

from conveyor.ledger.changes import Claimed, RevokedBefore
from conveyor.ledger.connection import Client, connect, outliving, translated
from conveyor.ledger.entry import Entry
from conveyor.ledger.ledger import Claim, Job, Ledger, is_another
from conveyor.ledger.scripts import script

__all__ = [
    "Claim",
    "Claimed",
    "Client",
    "Entry",
    "Job",
    "Ledger",
    "RevokedBefore",
    "connect",
    "is_another",
    "outliving",
    "script",
    "translated",
]
