"""The address that the service calls when a job has ended: unguessable, one for each conversion.

The signature binds the address to the conversion, so a forged call is told without a look into
Redis. A call is a hint (invariant I6): whoever makes one can bring a poll forward, and no more.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import Final
from urllib.parse import quote

__all__ = ["address_of", "is_genuine"]

# So that the same key, used for something else as well, makes no signature of ours.
_PURPOSE: Final = b"conveyor webhook\0"


def address_of(base_url: str, key: str, conversion_id: str) -> str:
    """The address for the service's parameter ``WebHook``.

    Args:
        base_url: Where the `web` process receives webhooks, ``CONVEYOR_WEBHOOK_URL``.
        key: ``CONVEYOR_WEBHOOK_KEY``.
        conversion_id: The conversion.

    Returns:
        The URL. The service adds ``?JobId=`` (query dialect) or posts the id (path dialect).
    """
    return f"{base_url}/{quote(conversion_id, safe='')}/{_sign(key, conversion_id)}"


def is_genuine(key: str, conversion_id: str, signature: str) -> bool:
    """Whether an address was made by `address_of`.

    Args:
        key: ``CONVEYOR_WEBHOOK_KEY``.
        conversion_id: As the address names it.
        signature: As the address ends.
    """
    # Bytes: a signature may be any text, and only ASCII is compared as text.
    return hmac.compare_digest(_sign(key, conversion_id).encode(), signature.encode())


def _sign(key: str, conversion_id: str) -> str:
    mac = hmac.digest(key.encode(), _PURPOSE + conversion_id.encode(), hashlib.sha256)
    return urlsafe_b64encode(mac).rstrip(b"=").decode()
