"""Which dead letters a command means: those of a class, of an account, or all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from conveyor.domain.conversion import FailureKind
from conveyor.errors import InvalidRequest

if TYPE_CHECKING:
    from conveyor.dead.groups import DeadGroup

__all__ = ["Account", "Kind", "is_chosen", "kind_called"]

# A cancelled conversion is no dead letter.
_KINDS: Final = tuple(kind.value for kind in FailureKind if kind is not FailureKind.CANCELLED)

Kind = Annotated[
    str | None,
    typer.Option(
        metavar="CLASS",
        help=f"Only dead letters of a class: {', '.join(_KINDS)}.",
        autocompletion=lambda: [*_KINDS],
    ),
]
Account = Annotated[
    str | None,
    typer.Option(metavar="ACCOUNT", help="Only dead letters of an account, by its name."),
]


def kind_called(text: str | None) -> FailureKind | None:
    """The class of a name.

    Args:
        text: What was typed; None for any class.

    Raises:
        InvalidRequest: No class is called so.
    """
    if text is None:
        return None
    if text not in _KINDS:
        raise InvalidRequest(
            f"{text!r} is not a kind of failure. Choose one of {', '.join(_KINDS)}."
        )
    return FailureKind(text)


def is_chosen(group: DeadGroup, kind: FailureKind | None, account: str | None) -> bool:
    """Whether a command means a group.

    Args:
        group: Dead letters of one class and account.
        kind: The class; None for any.
        account: The account; None for any.
    """
    return kind in (None, group.kind) and account in (None, group.account)
