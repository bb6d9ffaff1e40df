"""An order: what a client asks for, and what makes two of them the same."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from convertapi_sandbox.config import Dialect
from convertapi_sandbox.converters.model import Converter
from convertapi_sandbox.parameters import Checked
from convertapi_sandbox.sources import Sources

__all__ = ["Order", "fingerprint"]


@dataclass(frozen=True, kw_only=True)
class Order:
    """A conversion that a client asks for.

    Args:
        dialect: In which it asks.
        converter: What will do it.
        source_format: What the sources are.
        target_format: What is wanted.
        checked: Its parameters.
        base_url: Of the sandbox, as the client sees it.
    """

    dialect: Dialect
    converter: Converter
    source_format: str
    target_format: str
    checked: Checked
    base_url: str


def fingerprint(order: Order, sources: Sources) -> str:
    """Return what two orders of the same conversion have in common, hexadecimal.

    Args:
        order: What a client asks for.
        sources: Knows the content behind a FileId.
    """
    digests = [
        known.digest if (known := sources.known(value)) else value
        for value in order.checked.sources
    ]
    options = sorted((name, str(value)) for name, value in order.checked.options.items())
    named = (order.source_format, order.target_format, digests, options)
    return hashlib.sha256(repr((named, order.checked.file_name)).encode()).hexdigest()
