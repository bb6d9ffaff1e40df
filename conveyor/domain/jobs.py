"""Job ids: derived from a key, so that a lost id is found again (invariant I1)."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final
from uuid import UUID

__all__ = ["job_uuid"]

# So that the same key, used for something else as well, makes no id of ours.
_PURPOSE: Final = b"conveyor job\0"
_UUID_BYTES: Final = 16


def job_uuid(key: bytes, conversion_id: str, attempt: int) -> UUID:
    """The job id of one attempt. It can't be guessed without the key.

    Args:
        key: A secret of the fleet's.
        conversion_id: The conversion's id.
        attempt: Which job of the conversion, from 1; a replay that pays again is the next.

    Returns:
        A UUID of version 4 in form (RFC 4122).
    """
    text = _PURPOSE + f"{attempt}\0{conversion_id}".encode()
    digest = hmac.digest(key, text, hashlib.sha256)
    return UUID(bytes=digest[:_UUID_BYTES], version=4)
