"""What opens the account: asked for anew at each request, because it may change while we run."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Credentials", "FixedCredentials"]


class Credentials(Protocol):
    """A source of bearer secrets. Safe for threads."""

    def bearer(self) -> str:
        """The secret, token or JWT to send now."""

    def refresh(self, refused: str) -> bool:
        """Look for another one, because the service refused the one that was sent.

        Args:
            refused: What `bearer` returned.

        Returns:
            Whether `bearer` returns something else now, so that the request is worth repeating.
        """


class FixedCredentials:
    """One secret that never changes.

    Args:
        secret: The account's secret, or an API token.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def bearer(self) -> str:
        """The secret."""
        return self._secret

    def refresh(self, refused: str) -> bool:  # noqa: ARG002 - there is no other
        """Find no other."""
        return False
