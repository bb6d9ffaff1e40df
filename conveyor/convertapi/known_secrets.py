"""What is secret in what we send, so that it is taken out of what comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from conveyor.domain import rules

__all__ = ["secrets_in", "signature_of", "tokens_in"]

_PASSWORD: Final = re.compile("password|secret|token", re.IGNORECASE)
_TOKEN: Final = re.compile("[^/?&=#]{16,}")


def signature_of(webhook: str) -> tuple[str, ...]:
    """The last part of a webhook's address, which proves a call to be genuine.

    Args:
        webhook: The address, empty for none.
    """
    return (webhook.rpartition("/")[2],) if webhook else ()


def secrets_in(form: Mapping[str, str]) -> Iterator[str]:
    """Passwords, and the FileIds of uploads.

    Args:
        form: The fields of a conversion.
    """
    for name, value in form.items():
        if _PASSWORD.search(name) or rules.FILE_ID.fullmatch(value):
            yield value


def tokens_in(url: str) -> list[str]:
    """What of a file's address opens the file: the long words of its path and of its query.

    Args:
        url: The address.
    """
    return _TOKEN.findall(url.partition("://")[2].partition("/")[2])
