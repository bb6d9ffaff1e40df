"""A caller's canvas as the ledger keeps it: JSON, as Celery's messages carry it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Any, Final

from conveyor.domain.canvas import Caller
from conveyor.domain.shapes import plain_of, record_of
from conveyor.ledger import wire

__all__ = ["dump_caller", "load_caller"]

# How kombu writes what JSON lacks: dates, UUIDs, decimals, bytes.
_TYPED: Final = '"__type__"'


def dump_caller(caller: Caller) -> str:
    """Write what is set of a caller so that `load_caller` reads it.

    Args:
        caller: The canvas.
    """
    kept = {each.name: getattr(caller, each.name) for each in fields(caller)}
    return wire.dumps({name: value for name, value in kept.items() if value is not None})


def load_caller(text: str) -> Caller:
    """Read a caller.

    Args:
        text: From `dump_caller`.

    Raises:
        TypeError: A field is of another type.
        ValueError: The text is not JSON.
    """
    plain = plain_of(text)
    if _TYPED in text:
        plain = wire.loads(json.dumps(plain))
    caller = record_of(Caller, plain)
    for signature in caller.signatures:
        _check_signature(signature)
    return caller


def _check_signature(plain: Any) -> None:
    """Celery raises where a result is told, on what is no signature."""
    known = record_of(_Signature, plain)
    if not known.task:
        raise TypeError("a signature names its task")


@dataclass(frozen=True, slots=True)
class _Signature:
    task: str
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
