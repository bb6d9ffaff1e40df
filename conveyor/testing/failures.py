"""The failure of each reason, as the service's answer or Conveyor itself would have made it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from conveyor.domain import rules
from conveyor.domain.answers import Failed
from conveyor.domain.conversion import Failure, FailureKind, Reason
from conveyor.domain.failures import MAY_PAY_TWICE, failure_of

__all__ = ["PAID", "failure_for"]

_ANSWERS: Final[Mapping[Reason, Failed]] = MappingProxyType(
    {
        Reason.PASSWORD: Failed(500, rules.PROTECTED, "File is password protected."),
        Reason.DAMAGED: Failed(500, rules.DAMAGED, "File is damaged."),
        Reason.NOTHING_FOUND: Failed(500, min(rules.NOTHING_FOUND), "No tables to extract."),
        Reason.UNSUPPORTED: Failed(rules.UNSUPPORTED, 0, "Unsupported conversion."),
        Reason.TOO_LARGE: Failed(rules.TOO_LARGE, 0, "The file is too large."),
        Reason.UNREACHABLE: Failed(500, rules.SOURCE_NOT_FETCHED, "Unable to access the file."),
        Reason.MISSING: Failed(500, rules.FILE_ID_UNKNOWN, "File id is invalid."),
        Reason.PARAMETERS: Failed(400, rules.INVALID_PARAMETERS, "Parameter validation error."),
        Reason.TOOK_TOO_LONG: Failed(500, rules.TOOK_TOO_LONG, "Conversion timeout."),
        Reason.REFUSED: Failed(400, 0, "The request was refused."),
        Reason.NO_BALANCE: Failed(401, rules.BALANCE_USED_UP, "The balance is used up."),
        Reason.CREDENTIALS: Failed(401, 0, "The credentials are wrong."),
        Reason.CONVERSION_FAILED: Failed(500, rules.CONVERSION_FAILED, "Conversion failed."),
        Reason.SERVICE: Failed(500, 0, "Internal server error."),
    }
)
_OURS: Final[Mapping[Reason, tuple[FailureKind, str]]] = MappingProxyType(
    {
        Reason.EMPTY: (FailureKind.INPUT, "The source is empty. Send a file with content."),
        Reason.NOT_ALLOWED: (
            FailureKind.ACCOUNT,
            "The account may not do this conversion. Ask ConvertAPI.",
        ),
        Reason.WAITED_TOO_LONG: (
            FailureKind.SERVICE,
            "Not submitted in 2.0 h. Nothing was paid. Replay it once the service answers again.",
        ),
        Reason.FORGOTTEN: (
            FailureKind.EXPIRED,
            "ConvertAPI has forgotten the job. A replay converts and pays again.",
        ),
        Reason.STORAGE: (
            FailureKind.STORAGE,
            "The result can't be stored. Repair the storage, then replay it.",
        ),
        Reason.POSSIBLY_PAID: (FailureKind.POSSIBLY_PAID, MAY_PAY_TWICE),
        Reason.UNREADABLE: (
            FailureKind.UNREADABLE,
            "ConvertAPI's answer can't be read, and was paid. Send it to ConvertAPI's support.",
        ),
        Reason.INTERNAL: (FailureKind.INTERNAL, "An error of Conveyor's own. Replay it."),
    }
)
PAID: Final = frozenset({Reason.STORAGE, Reason.POSSIBLY_PAID, Reason.UNREADABLE})
"""The reasons of failures whose job was paid, or may have been."""


def failure_for(reason: Reason, message: str = "") -> Failure:
    """Make the failure that a conversion ends with for a reason.

    Args:
        reason: Why.
        message: The operator's message; the usual one unless given.
    """
    if reason in _ANSWERS:
        made = failure_of(_ANSWERS[reason])
    else:
        kind, usual = _OURS[reason]
        made = Failure(kind, usual, reason=reason)
    if not message:
        return made
    return Failure(made.kind, message, made.code, made.status, reason=made.reason)
