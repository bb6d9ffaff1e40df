"""Signatures of notices, as https://www.standardwebhooks.com/ has them."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets as random_secrets
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final

__all__ = ["PREFIX", "headers_of", "is_genuine", "key_of", "keys_of", "make_secret"]

PREFIX: Final = "whsec_"
"""What a secret begins with. The key follows, in base64."""

# A message that is older, or from the future, is a repeat by somebody else.
_TOLERANCE_S: Final = 300
# As the specification has it.
_LEAST_BYTES: Final = 24
_MOST_BYTES: Final = 64


def key_of(secret: str) -> bytes:
    """The key of a secret.

    Args:
        secret: ``whsec_`` and the key in base64.

    Raises:
        ValueError: It is none. The message does not show it.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        raise ValueError(
            f"must be {PREFIX} and {_LEAST_BYTES} to {_MOST_BYTES} random bytes in base64. Make "
            "one with `conveyor callbacks secret`"
        )
    return key


def keys_of(secrets: str) -> tuple[bytes, ...]:
    """The keys of several secrets, the newest first.

    Args:
        secrets: One, or two while one replaces the other, separated by blanks or commas.

    Raises:
        ValueError: One of them is none, or there are more than two.
    """
    found = secrets.replace(",", " ").split()
    if len(found) > 2:  # noqa: PLR2004 - one, and the one that replaces it
        raise ValueError("must be one secret, or two while one replaces the other")
    return tuple(map(key_of, found))


def headers_of(keys: Sequence[bytes], notice_id: str, at: int, body: bytes) -> dict[str, str]:
    """The header fields that a receiver verifies.

    Args:
        keys: The keys to sign with.
        notice_id: The message's id.
        at: When it is sent, seconds since the epoch.
        body: The body as it is sent.

    Returns:
        ``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``, which has a signature of
        each key.
    """
    content = f"{notice_id}.{at}.".encode() + body
    digests = (hmac.digest(key, content, sha256) for key in keys)
    signatures = (f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
    return {
        "webhook-id": notice_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(signatures),
    }


def is_genuine(keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether a message is signed with one of the keys, and is fresh.

    Args:
        keys: The keys.
        headers: The message's header fields, by their names in lower case.
        body: Its body, as it came.
        now: The time, seconds since the epoch.
    """
    at = headers.get("webhook-timestamp", "")
    if not at.isdecimal() or len(at) > len(str(2**63)) or abs(int(at) - now) > _TOLERANCE_S:
        return False
    wanted = headers_of(keys, headers.get("webhook-id", ""), int(at), body)["webhook-signature"]
    given = headers.get("webhook-signature", "").split()
    return any(
        hmac.compare_digest(one.encode(), other.encode())
        for one in wanted.split()
        for other in given
    )


def make_secret() -> str:
    """Make a new secret."""
    return PREFIX + base64.b64encode(random_secrets.token_bytes(32)).decode()
