"""What becomes of a call whatever happens in it: an outcome, or one of our errors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from conveyor.convertapi.answer import Answer
from conveyor.convertapi.errors import ApiError, Unclear, Unreachable, WrongHost
from conveyor.convertapi.faults import where_of
from conveyor.domain.answers import Lost, Unsent
from conveyor.errors import ConveyorError, StorageError

__all__ = ["outcome_of", "typed"]

_OK: Final = 200

_T = TypeVar("_T")

log = logging.getLogger("conveyor.convertapi")


def outcome_of(ask: Callable[[], Answer], read: Callable[[Answer], _T]) -> _T | Lost | Unsent:
    """Ask and read. Whatever goes wrong becomes an outcome here, also what nobody expects.

    Args:
        ask: Makes the call.
        read: Reads its answer.

    Returns:
        What was read. Unsent where nothing of the call was sent, Lost where its end is unclear.
    """
    try:
        answer = ask()
    except (Unreachable, WrongHost) as error:
        return Unsent(str(error))
    except Unclear as error:
        return Lost(str(error), closed_at_once=error.closed_at_once, paid=error.paid)
    except Exception as error:  # noqa: BLE001 - or the conversion would be asked for, for ever
        return Lost(_unexpected(error))
    try:
        return read(answer)
    except StorageError as error:
        return Lost(f"the result came, and was not kept: {error}", paid=True)
    except Exception as error:  # noqa: BLE001 - the same
        return Lost(_unexpected(error), answer.status, paid=answer.status == _OK)


@contextmanager
def typed() -> Iterator[None]:
    """Make an `Unclear` of whatever unexpected the block raises."""
    try:
        yield
    except (ApiError, ConveyorError):
        raise
    except Exception as error:  # noqa: BLE001 - the same
        raise Unclear(_unexpected(error)) from None


def _unexpected(error: Exception) -> str:
    """Log where it was raised, and neither its text nor a value: they may hold a secret."""
    kind = type(error).__name__
    log.error("unexpected_error kind=%s where=%s", kind, where_of(error))
    return f"Conveyor could not read the answer ({kind}): please report this with the worker's log"
