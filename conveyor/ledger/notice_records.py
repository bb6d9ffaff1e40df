"""A notice as Redis keeps it: the fields of its record, and the lines of its log."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from conveyor.domain.conversion import State
from conveyor.domain.notice import Notice, NoticeStatus, Try, TryReason
from conveyor.domain.shapes import plain_of
from conveyor.domain.terms import load_terms
from conveyor.ledger.records import load_failure, load_files
from conveyor.ledger.values import moment_of, number_of, word_of

__all__ = ["NAMES", "dump_try", "load_notice", "load_try"]

VERSION: Final = 1
"""The version of a notice that this code writes, and the newest that it understands."""

NAMES: Final = (
    *("v", "id", "state", "at", "status", "tries", "lane", "ended_at"),
    *("url", "files", "failure", "cost", "terms", "name", "reason"),
)
"""The fields of a record. Each stands in the hash behind the notice's number."""


def load_notice(
    conversion_id: str,
    number: int,
    fields: Mapping[str, str],
    seen_at: float,
    log: Sequence[Try] = (),
) -> Notice | None:
    """Read one.

    Args:
        conversion_id: The conversion's id.
        number: Its number there.
        fields: By `NAMES`, an absent one empty.
        seen_at: The time at Redis.
        log: The tries of all the conversion's notices.

    Returns:
        The notice; None where it can't be read, or a later release has written it.
    """
    try:
        if number_of(fields["v"]) > VERSION:
            return None
        return Notice(
            conversion_id=conversion_id,
            number=number,
            id=fields["id"],
            state=word_of(State, fields["state"]),
            at=float(fields["at"]),
            status=NoticeStatus(fields["status"]),
            tries=number_of(fields["tries"] or "0"),
            receiver=fields["lane"],
            ended_at=moment_of(fields["ended_at"]) if fields["ended_at"] else None,
            url=fields["url"],
            files=load_files(plain_of(fields["files"])) if fields["files"] else (),
            cost=number_of(fields["cost"] or "0"),
            failure=load_failure(fields["failure"]),
            metadata=dict(load_terms(fields["terms"]).metadata),
            name=fields["name"],
            reason=_reason_called(fields["reason"]) if fields["reason"] else None,
            log=[each for each in log if each.number == number],
            seen_at=seen_at,
        )
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError, AttributeError):
        return None


def dump_try(number: int, line: Try) -> str:
    """Write a try as the log keeps it, behind its time."""
    plain = {
        "n": number,
        "status": line.status,
        "reason": line.reason.value if line.reason else "",
        "error": line.error,
        "took_s": round(line.took_s, 3),
    }
    return json.dumps({name: value for name, value in plain.items() if value})


def load_try(text: str) -> Try | None:
    """Read a line of the log; None where it can't be read."""
    at, _, line = text.partition(" ")
    try:
        plain: dict[str, Any] = plain_of(line)
        reason = plain.get("reason")
        return Try(
            float(at),
            int(plain["n"]),
            int(plain.get("status", 0)),
            _reason_called(reason) if reason else None,
            str(plain.get("error", "")),
            float(plain.get("took_s", 0)),
        )
    except (LookupError, RecursionError, TypeError, ValueError, AttributeError):
        return None


def _reason_called(word: str) -> TryReason:
    try:
        return TryReason(word)
    except ValueError:  # of a later release
        return TryReason.STATUS
