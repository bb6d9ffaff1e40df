"""What a whole answer means: the status first, then the body. `docs/protocol.md` has the table."""

from __future__ import annotations

from typing import Any, Final

from conveyor.convertapi.answer import Answer
from conveyor.convertapi.cleaning import clean_identifier
from conveyor.convertapi.errors import ComeLater, Refused, Unclear
from conveyor.convertapi.keeping import Keeper
from conveyor.convertapi.named_fields import field_of, has_field
from conveyor.convertapi.payment import may_be_paid, speaks_of_result
from conveyor.convertapi.results import read_result
from conveyor.convertapi.scrubbing import MOST_MESSAGE_CHARACTERS, Scrubber
from conveyor.domain import rules
from conveyor.domain.answers import (
    Busy,
    Failed,
    InProgress,
    Lost,
    NotFound,
    PollAnswer,
    Started,
    SubmitAnswer,
    Throttled,
)

__all__ = ["checked", "is_refused_credential", "read_poll", "read_start"]

_ACCEPTED: Final = 202
_UNPAID: Final = 402
_NOT_FOUND: Final = 404
_UNAVAILABLE: Final = 503
_CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500

_TAKEN: Final = frozenset({200, 201, 202, 203})  # 203: a proxy has rewritten it
_SUCCESS: Final = range(200, 300)
_DONE: Final = frozenset({200, 201, 203})
_TOO_MANY: Final = frozenset({425, 429})
_WAIT: Final = frozenset({408, 409, 423, _UNAVAILABLE, *_TOO_MANY})

_CREDENTIAL_STATUSES: Final = frozenset({401, 403})
_MOST_CODE: Final = 10**9
_MOST_LISTED: Final = 20


def read_start(answer: Answer, target: str, keep: Keeper, scrubber: Scrubber) -> SubmitAnswer:
    """Read the answer to a POST that is paid for.

    Args:
        answer: The service's answer.
        target: The target format.
        keep: Stores a result that comes as bytes.
        scrubber: Cleans foreign text.

    Returns:
        The outcome. Whatever may have been paid is never one that permits another POST unasked.

    Raises:
        StorageError: A result came as bytes and could not be kept.
    """
    status, code = answer.status, _code_of(answer)
    if status in _TAKEN or (status in _SUCCESS and _names_job(answer)):
        return _read_taken(answer, target, keep, scrubber)
    # With this code a file is not found that was named, and neither the address nor the job.
    if status == _NOT_FOUND and code != rules.FILE_ID_UNKNOWN:
        return NotFound(_message_of(answer, scrubber))
    if status in _TOO_MANY or (status == _UNAVAILABLE and code is not None):
        return Throttled(answer.retry_after_s)
    if status in rules.ACCOUNT_STATUSES:
        return Failed(status, code or 0, _message_of(answer, scrubber))
    if status >= _CLIENT_ERROR and status not in _WAIT and code is not None:
        return Failed(status, code, _message_of(answer, scrubber))
    return _lost(answer, scrubber)


def read_poll(answer: Answer, target: str, keep: Keeper, scrubber: Scrubber) -> PollAnswer:
    """Read the answer to a poll.

    Args:
        answer: The service's answer.
        target: The target format, empty where it is not known.
        keep: Stores a result that comes as bytes.
        scrubber: Cleans foreign text.

    Returns:
        The outcome.

    Raises:
        StorageError: A result came as bytes and could not be kept.
    """
    status, code = answer.status, _code_of(answer)
    if status in _DONE:
        return read_result(answer, target, keep, scrubber)
    if status == _ACCEPTED:
        return InProgress()
    if status == _NOT_FOUND and code != rules.FILE_ID_UNKNOWN:
        return NotFound()
    if status in _WAIT or status in rules.ACCOUNT_STATUSES:
        return Busy(answer.retry_after_s, status)
    if status >= _CLIENT_ERROR and code is not None:
        return Failed(status, code, _message_of(answer, scrubber))
    return _lost(answer, scrubber)


def checked(answer: Answer, scrubber: Scrubber) -> Answer:
    """Check the answer to anything but a start or a poll, and raise if it is an error.

    Args:
        answer: The service's answer.
        scrubber: Cleans foreign text.

    Returns:
        The same, with a status of 2XX.

    Raises:
        ComeLater: It asks for patience.
        Refused: The service says no.
        Unclear: It comes from somebody on the way.
    """
    status, code = answer.status, _code_of(answer)
    if status in _WAIT:
        raise ComeLater(status, answer.retry_after_s)
    if status in _SUCCESS:
        return answer
    if status < _CLIENT_ERROR or (status >= _SERVER_ERROR and code is None):
        raise Unclear(f"the service, or a proxy on the way, answered with HTTP {status}")
    raise Refused(status, code or 0, _message_of(answer, scrubber) or f"HTTP {status}")


def is_refused_credential(answer: Answer) -> bool:
    """Whether other credentials may help. Nothing was started then."""
    status = answer.status
    if status in _CREDENTIAL_STATUSES:
        return True
    if status == _UNPAID or not _CLIENT_ERROR <= status < _SERVER_ERROR:
        return False
    return _code_of(answer) in rules.CREDENTIAL_CODES


def _read_taken(answer: Answer, target: str, keep: Keeper, scrubber: Scrubber) -> SubmitAnswer:
    """A POST that was taken: a job, or the result itself where the service would not wait (R)."""
    body = answer.json() or {}
    job_id, files = field_of(body, "JobId"), field_of(body, "Files")
    if files or (files is not None and field_of(body, "ConversionCost")):
        return read_result(answer, target, keep, scrubber)
    if not job_id and (speaks_of_result(answer) or not has_field(body, "JobId")):
        return read_result(answer, target, keep, scrubber)
    known = clean_identifier(job_id)
    return Started(known) if known else Lost("the answer's JobId can't be one", paid=True)


def _names_job(answer: Answer) -> bool:
    """Whether the answer is a job's alone, whatever became of its status on the way."""
    return has_field(answer.json() or {}, "JobId") and not speaks_of_result(answer)


def _lost(answer: Answer, scrubber: Scrubber) -> Lost:
    """Not an error of the service's own. What it says is told, but decides nothing."""
    said = _message_of(answer, scrubber).rstrip(".")
    reason = f"a proxy on the way, or the service, answered with HTTP {answer.status}"
    return Lost(f"{reason}: {said}" if said else reason, answer.status, paid=_is_paid(answer))


def _is_paid(answer: Answer) -> bool:
    """Whether an odd 2XX (206, say) may be a part of a result, or any other speaks of one."""
    return may_be_paid(answer) if answer.status in _SUCCESS else speaks_of_result(answer)


def _code_of(answer: Answer) -> int | None:
    """ConvertAPI's Code. Only an integer is one: a proxy's own error has none, or a word."""
    code = (answer.json() or {}).get("Code")
    if isinstance(code, bool) or not isinstance(code, int) or not 0 <= code <= _MOST_CODE:
        return None
    return code


def _message_of(answer: Answer, scrubber: Scrubber) -> str:
    """ConvertAPI's Message, with the invalid parameters where it names them."""
    body = answer.json() or {}
    message, invalid = _text(body.get("Message")).strip(), body.get("InvalidParameters")
    if isinstance(invalid, dict) and invalid:
        listed = list(invalid.items())[:_MOST_LISTED]
        details = "; ".join(f"{name}: {_reasons(reasons)}" for name, reasons in listed)
        message = f"{message.rstrip('.')}: {details}" if message else details
    return scrubber.text(message, MOST_MESSAGE_CHARACTERS)


def _reasons(reasons: Any) -> str:
    many = reasons[:_MOST_LISTED] if isinstance(reasons, list) else [reasons]
    return ", ".join(map(_text, many))


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int | float) else ""
