"""Links to result files for people who have no API key: signed, bound to one file, for a while.

The signature binds the address to the conversion, the file and the end of the link, so a forged one
is told without a look into Redis. The key is the whole permission: whoever has it makes links.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from typing import Final
from urllib.parse import quote

__all__ = ["LEAST_LINK_KEY", "LEAST_LINK_S", "LINKS", "MOST_LINK_S", "address_of", "is_genuine"]

LINKS: Final = "/links/"
"""Where `web` serves them."""

LEAST_LINK_KEY: Final = 16
"""So many characters a key has at least: an HMAC is as hard to guess as its key."""

LEAST_LINK_S: Final = 1.0
MOST_LINK_S: Final = 7 * 86400.0
"""How long a link may be of use, seconds. No store signs for longer."""

# So that the same key, used for something else as well, makes no signature of ours.
_PURPOSE: Final = b"conveyor link\0"


def address_of(base_url: str, key: str, conversion_id: str, name: str, expires: int) -> str:
    """The address of a result file.

    Args:
        base_url: Where customers reach the `web` process, ``CONVEYOR_LINK_URL``.
        key: ``CONVEYOR_LINK_KEY``.
        conversion_id: The conversion.
        name: The file's name.
        expires: When the link ends, seconds since the epoch by Redis' clock.
    """
    place = f"{quote(conversion_id, safe='')}/{quote(name, safe='')}"
    signature = _sign(key, conversion_id, name, expires)
    return f"{base_url}{LINKS}{place}?expires={expires}&signature={signature}"


def is_genuine(key: str, conversion_id: str, name: str, expires: int, signature: str) -> bool:
    """Whether an address was made by `address_of`. It may have ended all the same.

    Args:
        key: ``CONVEYOR_LINK_KEY``.
        conversion_id: As the address names it.
        name: As the address names the file.
        expires: As the address says.
        signature: As the address says.
    """
    # Bytes: a signature may be any text, and only ASCII is compared as text.
    ours = _sign(key, conversion_id, name, expires).encode()
    return hmac.compare_digest(ours, signature.encode(errors="replace"))


def _sign(key: str, conversion_id: str, name: str, expires: int) -> str:
    # As JSON, no two of them are the same text.
    signed = json.dumps([conversion_id, name, expires]).encode()
    mac = hmac.digest(key.encode(), _PURPOSE + signed, hashlib.sha256)
    return urlsafe_b64encode(mac).rstrip(b"=").decode()
