"""What a shell completes: formats, and the ids of late conversions.

Ids are asked of Redis. Where that takes long, or nothing can be reached, the shell completes none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

import typer
from typer.completion import completion_init  # type: ignore[attr-defined] # it is there

from conveyor.cli.session import connected
from conveyor.cli.text import one_line
from conveyor.diagnosis.checks import begin
from conveyor.domain.conversion import Conversion, State
from conveyor.domain.formats import FORMATS, targets_of

if TYPE_CHECKING:
    from conveyor.producer import Conveyor

__all__ = ["dead_ids", "ids", "prepare", "running_ids", "sources", "targets"]

Items = list[tuple[str, str]]
"""Words, each with what a shell shows beside it."""

_MOST: Final = 50
_PATIENCE_S: Final = 3.0
_RUNNING: Final = (State.QUEUED, State.CONVERTING, State.READY)


def prepare() -> None:
    """Let Typer know the shells. It does so by itself only if it adds options of its own."""
    completion_init()


def sources() -> list[str]:
    """The formats that something is known of."""
    return [*FORMATS]


def targets(context: typer.Context) -> list[str]:
    """What the sources that were typed can become; all targets where that can't be told.

    Args:
        context: The command line as far as it was typed.
    """
    # Where an option has no value yet, the parser has got no further than to words.
    words = context.params.get("sources") or context.args
    given = context.params.get("from_format") or _suffix(words)
    return [
        *(targets_of(given or "") or sorted({to for all_to in FORMATS.values() for to in all_to}))
    ]


def ids() -> Items:
    """The conversions that were accepted last."""
    return _found(lambda conveyor: conveyor.list(limit=_MOST).conversions)


def running_ids() -> Items:
    """The conversions that have not ended, those accepted last first."""
    return _found(
        lambda conveyor: [
            each for state in _RUNNING for each in conveyor.list(state, _MOST).conversions
        ]
    )


def dead_ids() -> Items:
    """Dead letters, the latest first."""
    return _found(lambda conveyor: conveyor.dead_letters.page(limit=_MOST).conversions)


def _suffix(typed: Iterable[str]) -> str:
    return PurePath(next(iter(typed), "")).suffix


def _found(look: Callable[[Conveyor], Iterable[Conversion]]) -> Items:
    def work() -> Items:
        """Look, with the settings of the shell."""
        with connected() as conveyor:
            return [(each.id, _about(each)) for each in look(conveyor)]

    try:
        return begin(work).result(_PATIENCE_S)
    except Exception:  # noqa: BLE001 - a shell that completes has no place for errors
        return []


def _about(conversion: Conversion) -> str:
    formats = f"{conversion.from_format} to {conversion.to_format}"
    return one_line(f"{conversion.state} {conversion.source_name or formats}")
