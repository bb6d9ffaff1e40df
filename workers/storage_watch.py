"""Every worker looks again and again whether its storage is the one in use, and says if it isn't.

Log and Redis are told. Doctor and metrics find it there.
"""

from __future__ import annotations

import os
import socket
from typing import Final

import structlog

from conveyor.errors import StorageError
from conveyor.storage.marker import OtherStorage
from workers.wiring import wired

__all__ = ["EVERY_S", "look"]

EVERY_S: Final = 10.0

log = structlog.get_logger("conveyor.storage")


def look() -> None:
    """Look once.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    marker = wired().marker
    who = f"{socket.gethostname()}:{os.getpid()}"
    try:
        marker.check(anew=True)
    except OtherStorage as error:
        log.error("other_storage", reason=str(error))  # noqa: TRY400 - the traceback tells nothing
        marker.mark.stands_apart(who, apart=True)
    except StorageError as error:
        log.warning("storage_away", reason=str(error))
    else:
        marker.mark.stands_apart(who, apart=False)
