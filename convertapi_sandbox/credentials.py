"""Credentials and their rights.

Source: ConvertAPI, "Authentication": an API token converts, the master token reads the account,
a JWT converts until it expires. The account's secret, which is older, does all of it.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any, Final, Self

__all__ = ["Credentials", "Right", "Verdict", "looks_like_jwt"]

# Parts of a JSON Web Token: header, claims and signature.
_JWT_PARTS: Final = 3


class Right(Enum):
    """What a request asks to be allowed."""

    CONVERT = auto()  # uploads too
    READ_ACCOUNT = auto()


class Verdict(Enum):
    """What a credential is worth for a right."""

    ACCEPTED = auto()
    REFUSED = auto()  # it is good, but not for this
    UNKNOWN = auto()
    EXPIRED = auto()


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What an account accepts; None is accepted by nobody.

    Args:
        secret: Converts and reads the account.
        token: Converts.
        master_token: Reads the account.
        jwt_kid: Identifies the key below in a token's header.
        jwt_key: Key of self-signed tokens (HS256), which convert.

    Raises:
        ValueError: A credential is empty or no text, or a key comes without its `kid`.
    """

    secret: str | None = None
    token: str | None = None
    master_token: str | None = None
    jwt_kid: str | None = None
    jwt_key: str | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and (not isinstance(value, str) or not value):
                raise ValueError(f"the {name.replace('_', ' ')} must not be empty")
        if (self.jwt_kid is None) != (self.jwt_key is None):
            raise ValueError("a JWT key and its kid come together")

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """Return these with others in place of some.

        Args:
            changes: By name; None takes one away.

        Raises:
            ValueError: A name is unknown, or see the class.
        """
        unknown = set(changes) - set(vars(self))
        if unknown:
            raise ValueError(f"there is no credential {min(unknown)!r}")
        return replace(self, **changes)

    def judge(self, given: str, right: Right, now: float) -> Verdict:
        """Return what a credential is worth.

        Args:
            given: As it came.
            right: What is asked for.
            now: Seconds since the epoch.
        """
        rights = [good for name, good in _RIGHTS.items() if _equal(given, getattr(self, name))]
        if rights:
            return Verdict.ACCEPTED if right in rights[0] else Verdict.REFUSED
        if not looks_like_jwt(given):
            return Verdict.UNKNOWN
        return self._judge_jwt(given, right, now)

    def _judge_jwt(self, given: str, right: Right, now: float) -> Verdict:
        claims = self._claims(given)
        if claims is None:
            return Verdict.UNKNOWN
        if not claims["exp"] > now:
            return Verdict.EXPIRED
        return Verdict.ACCEPTED if right is Right.CONVERT else Verdict.REFUSED

    def _claims(self, given: str) -> dict[str, Any] | None:
        """Return the claims of a token that is signed by our key and says when it expires."""
        signed, _, signature = given.rpartition(".")
        key = (self.jwt_key or "").encode()
        try:
            header, claims = (json.loads(_decoded(part)) for part in signed.split("."))
            good = hmac.digest(key, signed.encode(), hashlib.sha256)
            is_ours = (header["alg"], header["kid"]) == ("HS256", self.jwt_kid)
            is_signed = hmac.compare_digest(_decoded(signature), good)
            return claims if is_ours and is_signed and _is_time(claims["exp"]) else None
        except (ValueError, TypeError, KeyError, RecursionError):
            return None


# Credential → what it may do. Equal ones have the rights of the first.
_RIGHTS: Final[Mapping[str, frozenset[Right]]] = {
    "secret": frozenset(Right),
    "token": frozenset({Right.CONVERT}),
    "master_token": frozenset({Right.READ_ACCOUNT}),
}


def looks_like_jwt(text: str) -> bool:
    """Tell whether a credential has the form of a JSON Web Token.

    Args:
        text: The credential.
    """
    return len(text.split(".")) == _JWT_PARTS


def _equal(given: str, known: str | None) -> bool:
    return known is not None and hmac.compare_digest(given.encode(), known.encode())


def _decoded(part: str) -> bytes:
    try:
        return urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error as error:
        raise ValueError("no base64") from error


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
