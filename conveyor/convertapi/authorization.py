"""How a request carries the account's credentials, and what happens when they are refused."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from typing import Final

from conveyor.convertapi.answer import Answer
from conveyor.convertapi.credentials import Credentials
from conveyor.convertapi.errors import Unreachable
from conveyor.convertapi.faults import where_of
from conveyor.convertapi.reading import is_refused_credential

__all__ = ["Auth", "Authorization", "Sender", "Signature"]

_KNOWN_SECRETS: Final = 8

log = logging.getLogger("conveyor.convertapi")


class Auth(StrEnum):
    """Where the secret goes. The query form leaks into logs on the way; it is for old proxies."""

    HEADER = "header"
    QUERY = "query"


class Sender(Enum):
    """The kind of credentials that a request carries."""

    NOBODY = auto()
    ACCOUNT = auto()
    OWNER = auto()  # of the account: the master token, where there is one


@dataclass(frozen=True, slots=True)
class Signature:
    """What a bearer's secret adds to a request.

    Attributes:
        fields: Header fields.
        query: Parameters of the query.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


class Authorization:
    """One account's credentials; safe for threads.

    Args:
        account: What opens the account. Asked at each request.
        owner: What reads the account, ``/user`` and below; the same where it is not given.
        auth: Where the secret goes.
    """

    def __init__(self, account: Credentials, owner: Credentials | None, auth: Auth) -> None:
        self._credentials = {Sender.ACCOUNT: account, Sender.OWNER: owner or account}
        self._auth = auth
        self._secrets: deque[str] = deque(maxlen=_KNOWN_SECRETS)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets of now and of lately, for those who take them out of foreign words."""
        for credentials in self._credentials.values():
            with suppress(Unreachable):
                self._bearer(credentials)
        return tuple(self._secrets)

    def signed(self, sender: Sender, send: Callable[[str | None], Answer]) -> Answer:
        """Send with credentials; once more where they were refused and there are others.

        A whole refusal has started nothing, so this is safe for the paid POST too.

        Args:
            sender: Whose credentials the request carries.
            send: Makes the request once, with a bearer's secret or with none.

        Returns:
            The last answer.

        Raises:
            ApiError: The credentials could not be read, or what `send` raises.
        """
        credentials = self._credentials.get(sender)
        if credentials is None:
            return send(None)
        bearer = self._bearer(credentials)
        answer = send(bearer)
        if is_refused_credential(answer) and _refreshed(credentials, bearer):
            return send(self._bearer(credentials))
        return answer

    def signature(self, bearer: str | None) -> Signature:
        """What a request carries, so that the service knows the account.

        Args:
            bearer: The secret; None for a request of nobody.
        """
        if bearer is None:
            return Signature()
        if self._auth is Auth.HEADER:
            return Signature(fields={"Authorization": f"Bearer {bearer}"})
        return Signature(query={"Secret": bearer})

    def _bearer(self, credentials: Credentials) -> str:
        try:
            bearer = credentials.bearer()
        except Exception as error:  # noqa: BLE001 - a source of somebody else's: whatever it raises
            log.warning(
                "credentials_failed kind=%s where=%s", type(error).__name__, where_of(error)
            )
            raise Unreachable(
                f"the credentials could not be read: {type(error).__name__}"
            ) from None
        if bearer and bearer not in self._secrets:
            self._secrets.append(bearer)
        return bearer


def _refreshed(credentials: Credentials, refused: str) -> bool:
    try:
        return credentials.refresh(refused)
    except Exception:  # noqa: BLE001 - a source of somebody else's: whatever it raises
        log.warning("credentials_not_refreshed")
        return False
