"""The ledger: the truth about every conversion, in Redis."""

from conveyor.domain.entry import Entry
from conveyor.ledger.changes import AlreadyAccepted, Bells, NotRung, RevokedBefore
from conveyor.ledger.connection import Client, aconnect, connect, options_of, translated
from conveyor.ledger.idempotency import Idempotency, is_another
from conveyor.ledger.ledger import Ledger
from conveyor.ledger.outliving import Refused
from conveyor.ledger.patience import PRODUCERS, WORKERS, Patience
from conveyor.ledger.scripts import script
from conveyor.ledger.submitting import Submission
from conveyor.ledger.tenure import Leaving, Renewal, Tenure

__all__ = [
    "PRODUCERS",
    "WORKERS",
    "AlreadyAccepted",
    "Bells",
    "Client",
    "Entry",
    "Idempotency",
    "Leaving",
    "Ledger",
    "NotRung",
    "Patience",
    "Refused",
    "Renewal",
    "RevokedBefore",
    "Submission",
    "Tenure",
    "aconnect",
    "connect",
    "is_another",
    "options_of",
    "script",
    "translated",
]
