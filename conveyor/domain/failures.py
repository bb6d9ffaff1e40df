"""An error of the service, classed: whose matter it is, why, and what to do about it.

This is the one place where an answer of the service becomes a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from conveyor.domain import rules
from conveyor.domain.answers import Failed
from conveyor.domain.conversion import Failure, FailureKind, Reason
from conveyor.reasons import usual_reason

__all__ = ["MAY_PAY_TWICE", "NOT_FOUND", "failure_of"]

NOT_FOUND: Final = 404
"""The HTTP status of an address, or of a job, that the service does not know."""

MAY_PAY_TWICE: Final = (
    "The job may have been paid. A replay asks for that job first, while the service may still "
    "know it, and else may pay again. Check the account."
)
"""What to do where nobody can tell whether a job was paid."""

_SERVER_ERROR: Final = 500
_CURE_BY_KIND: Final = {
    FailureKind.INPUT: "Check the document and the parameters.",
    FailureKind.ACCOUNT: (
        "Check CONVEYOR_API_SECRET and the account, then run: conveyor account resume."
    ),
    FailureKind.SERVICE: "Replay it later.",
}
_REASON_BY_STATUS: Final[Mapping[int, Reason]] = MappingProxyType(
    {rules.TOO_LARGE: Reason.TOO_LARGE, rules.UNSUPPORTED: Reason.UNSUPPORTED}
)
_REASON_BY_CODE: Final[Mapping[int, Reason]] = MappingProxyType(
    {
        rules.INVALID_PARAMETERS: Reason.PARAMETERS,
        rules.TOOK_TOO_LONG: Reason.TOOK_TOO_LONG,
        rules.CONVERSION_FAILED: Reason.CONVERSION_FAILED,
        rules.DAMAGED: Reason.DAMAGED,
        rules.PROTECTED: Reason.PASSWORD,
        **dict.fromkeys(rules.NOTHING_FOUND, Reason.NOTHING_FOUND),
        rules.SOURCE_NOT_FETCHED: Reason.UNREACHABLE,
        rules.FILE_ID_UNKNOWN: Reason.MISSING,
    }
)


def failure_of(error: Failed) -> Failure:
    """Class an error of the service and say what to do about it.

    Args:
        error: As it was answered.

    Returns:
        The failure, its message in one line: what the service says, and the cure.
    """
    kind = _kind_of(error)
    cure = rules.CURE_BY_CODE.get(error.code, _CURE_BY_KIND[kind])
    if error.status == rules.UNSUPPORTED:
        cure = "Choose another target format."
    said = " ".join(error.message.split()).rstrip(".") or f"HTTP {error.status}"
    reason = _reason_of(error, kind)
    return Failure(kind, f"{said}. {cure}", error.code, error.status, reason=reason)


def _kind_of(error: Failed) -> FailureKind:
    if error.code in rules.ACCOUNT_CODES or error.status in rules.ACCOUNT_STATUSES:
        return FailureKind.ACCOUNT
    if error.code in rules.INPUT_CODES or error.status < _SERVER_ERROR:
        return FailureKind.INPUT
    return FailureKind.SERVICE


def _reason_of(error: Failed, kind: FailureKind) -> Reason:
    if kind is FailureKind.ACCOUNT:
        return Reason.NO_BALANCE if _is_unpaid(error) else Reason.CREDENTIALS
    by_code = _REASON_BY_CODE.get(error.code, usual_reason(kind))
    return _REASON_BY_STATUS.get(error.status, by_code)


def _is_unpaid(error: Failed) -> bool:
    """A code says more than a status."""
    if error.code in rules.ACCOUNT_CODES:
        return error.code == rules.BALANCE_USED_UP
    return error.status == rules.PAYMENT_REQUIRED
