"""An error of the service, classed: whose matter it is, and what to do about it."""

from __future__ import annotations

from typing import Final

from conveyor.domain import rules
from conveyor.domain.answers import Failed
from conveyor.domain.conversion import Failure, FailureKind

__all__ = ["MAY_PAY_TWICE", "NOT_FOUND", "failure_of"]

NOT_FOUND: Final = 404
"""The HTTP status of an address, or of a job, that the service does not know."""

MAY_PAY_TWICE: Final = (
    "The job may have been paid. A replay asks for that job first, while the service may still "
    "know it, and else may pay again. Check the account."
)
"""What to do where nobody can tell whether a job was paid."""

_SERVER_ERROR: Final = 500
_UNSUPPORTED: Final = 415
_CURE_BY_KIND: Final = {
    FailureKind.INPUT: "Check the document and the parameters.",
    FailureKind.ACCOUNT: (
        "Check CONVEYOR_API_SECRET and the account, then run: conveyor account resume."
    ),
    FailureKind.SERVICE: "Replay it later.",
}


def failure_of(error: Failed) -> Failure:
    """Class an error of the service and say what to do about it.

    Args:
        error: As it was answered.

    Returns:
        The failure, its message in one line: what the service says, and the cure.
    """
    kind = _kind_of(error)
    cure = rules.CURE_BY_CODE.get(error.code, _CURE_BY_KIND[kind])
    if error.status == _UNSUPPORTED:
        cure = "Choose another target format."
    said = " ".join(error.message.split()).rstrip(".") or f"HTTP {error.status}"
    return Failure(kind, f"{said}. {cure}", code=error.code, status=error.status)


def _kind_of(error: Failed) -> FailureKind:
    if error.code in rules.ACCOUNT_CODES or error.status in rules.ACCOUNT_STATUSES:
        return FailureKind.ACCOUNT
    if error.code in rules.INPUT_CODES or error.status < _SERVER_ERROR:
        return FailureKind.INPUT
    return FailureKind.SERVICE
