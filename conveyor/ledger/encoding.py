"""How the ledger keeps an entry: the hash's fields, and the record that they make.

========================  ==========================================================================
``v``                     the version of the entry's form; a worker leaves a newer one alone
``state``                 `conveyor.State`
``attempt``               which job this is: a replay that pays again is the next; the job id
                          follows it
``turn``                  how often somebody has taken it to work on, or noted what came of that: a
                          note of whoever had it before is refused
``token``                 of the last transition
``request``               what was asked, JSON; of a finished conversion the formats alone
``caller``                the caller's canvas, JSON; absent where it has none
``asked``                 of a signature's, what its message asked for, as a hash: another message
                          of this id that asks for something else is refused
``joined``                1 where another producer holds it by its idempotency key
``shared``                1 where its sources' folders are a signature's, which may run again
``uploads``               FileIds of uploaded files by their key, JSON; with ``uploaded_at``,
                          ``uploads_host`` and ``uploads_account``: where they can be used
``reuploaded``            1 once an upload that was gone has been made again
``job_id``                ours, stored before the POST; a secret (invariant I5)
``base_url``              the host that took the job
``dialect``               the dialect that it was started in
``account``               the name of the account that it was submitted for
``deliveries``            how often its delivery was begun; ``faults``: how often storing it failed
``delivered``             1 once the caller has the outcome; ``sent``: which steps of telling it are
                          done; ``undelivered``: how often its result could not be stored in the
                          result backend
``since``                 when it was replayed or last held: its patience counts from there
``foreign_ids``           1 where that account's service was seen to answer with ids of its own
``held``                  1 while the account's submits are on hold; ``held_at``: since when
``denials``               how often the service refused it although the account was well
``webhook``               1 where the service was asked to call when the job ends
``webhook_received``      1 from its call until the next poll begins
``confirmed``             1 once the service was seen to have the job
``submits``               POSTs begun; ``polls``: polls answered
``lost``                  POSTs of this attempt that were proved lost
``unclear``               why the answer to the POST is missing: ``gateway``, or ``closed`` where
                          the connection closed at once; with ``unclear_at``
``missing``               404s in a row since the POST; ``missing_at``: the first of them
``refusal``               how the service refused a repeated POST, JSON
``asking``                1 where a replay asks for the old job before it pays
``consecutive_failures``  answers in a row that said nothing of the job: proxy errors, silence
``stumbles``              unexpected exceptions while somebody worked on it
``result``                the service's result, JSON: paid
``cost``                  what the service charged
``files``                 stored files, JSON; ``file:<n>``: the n-th, while others are missing
``failure``               why it ended without files, JSON
``note``                  what holds it up, in words
``unready_at``            when the service last said that it was still at work on the job
``usual_s``               what half of such conversions took when it was submitted; ``late_s``: nine
                          of ten
``*_at``                  seconds since the epoch, by Redis' clock, as all times here
========================  ==========================================================================
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeVar

from conveyor.domain.answers import RemoteFile, Result
from conveyor.domain.conversion import Failure, FailureKind, State, StoredFile
from conveyor.domain.dialect import Dialect
from conveyor.domain.entry import Entry
from conveyor.domain.request import ConversionRequest
from conveyor.domain.request_json import load_request
from conveyor.domain.shapes import as_fields, list_of, plain_of, record_of, text_of, texts_of
from conveyor.errors import NewerEntry, UnreadableConversion
from conveyor.ledger.callers import load_caller

__all__ = [
    "VERSION",
    "decode",
    "dump_failure",
    "dump_file",
    "dump_files",
    "dump_result",
    "fields_of",
    "file_field",
]

VERSION: Final = 1
"""The version of an entry that this code writes, and the newest that it understands."""

_NUMBERS: Final = (
    *("deliveries", "faults", "denials", "submits", "lost", "missing", "polls"),
    *("consecutive_failures", "stumbles", "undelivered", "cost"),
)
_FLAGS: Final = (
    *("shared", "reuploaded", "foreign_ids", "held", "webhook"),
    *("webhook_received", "delivered", "confirmed", "asking"),
)
_MOMENTS: Final = (
    *("held_at", "unclear_at", "missing_at", "submitted_at", "ready_at", "finished_at"),
    "unready_at",
)
_SECONDS: Final = ("usual_s", "late_s")
_TEXTS: Final = (
    *("asked", "uploads_host", "uploads_account", "job_id", "base_url", "account"),
    *("unclear", "sent"),
)
_FILE_FIELD: Final = "file:"
# As every state and every dialect is called, those of later releases, too.
_WORD: Final = re.compile("[a-z][a-z_]{2,31}", re.ASCII)
# What is beyond can't be raised: Lua, and JSON, count to twice that.
_MOST: Final = 2**52
_WHOLE: Final = re.compile("0|-?[1-9][0-9]{0,15}", re.ASCII)
# So many requests are known, if they are not longer than that.
_KEPT: Final = 512
_KEPT_CHARACTERS: Final = 4096
# The year 6325: what a date can't show is damaged.
_LATEST_S: Final = 2.0**37
_REPLACED: Final = "\ufffd"
# No version will be higher: then it is damaged.
_MOST_VERSION: Final = 1000


def fields_of(flat: Sequence[str]) -> dict[str, str]:
    """A hash as a script returns it: names and values by turns."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def decode(conversion_id: str, fields: Mapping[str, str], seen_at: float) -> Entry:
    """Read an entry. What it holds beyond what we know is passed over.

    Args:
        conversion_id: The conversion's id.
        fields: The hash.
        seen_at: The time at Redis, seconds since the epoch.

    Returns:
        The record.

    Raises:
        NewerEntry: A newer version wrote it.
        UnreadableConversion: It is damaged.
    """
    try:
        if _version(fields.get("v", str(VERSION))) > VERSION:
            raise NewerEntry(conversion_id)
        return _decode(conversion_id, fields, seen_at)
    except _UnknownWord as error:
        raise NewerEntry(conversion_id) from error
    except (
        *(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
    ) as error:
        raise UnreadableConversion(conversion_id) from error


class _UnknownWord(Exception):  # noqa: N818 - no error: it is newer
    """A state or a dialect that we don't know: whoever wrote it knows more than we do."""


def _decode(conversion_id: str, fields: Mapping[str, str], seen_at: float) -> Entry:
    state = _word(State, fields["state"])
    if not (state.is_final or {"turn", "attempt"} <= fields.keys()):
        raise ValueError("a transition compares numbers that are there")
    if state is State.CONVERTING:
        _check_job(fields.get("job_id", ""), fields.get("base_url", ""))
    known: dict[str, Any] = {
        name: read(text)
        for name, text in fields.items()
        if (read := _READERS.get(name)) is not None
    }
    return Entry(
        **{
            "turn": 0,
            **known,
            "id": conversion_id,
            "state": state,
            "request": _request(fields["request"]),
            "seen_at": seen_at,
            "stored": _stored(fields),
        }
    )


def dump_result(result: Result) -> str:
    """Write a result so that `decode` reads it."""
    files = [{**as_fields(it), "kept": it.kept and as_fields(it.kept)} for it in result.files]
    return _dump({**as_fields(result), "files": files})


def dump_files(files: Sequence[StoredFile]) -> str:
    """Write stored files so that `decode` reads them."""
    return _dump(list(map(as_fields, files)))


def dump_file(file: StoredFile) -> str:
    """Write one of several stored files so that `decode` reads it."""
    return _dump(as_fields(file))


def dump_failure(failure: Failure) -> str:
    """Write a failure so that `decode` reads it."""
    return _dump({name: value for name, value in as_fields(failure).items() if value})


def file_field(place: int) -> str:
    """The field that holds one stored file while others are missing."""
    return f"{_FILE_FIELD}{place}"


def _stored(fields: Mapping[str, str]) -> dict[int, StoredFile]:
    return {
        _number(name.removeprefix(_FILE_FIELD)): record_of(StoredFile, plain_of(text))
        for name, text in fields.items()
        if name.startswith(_FILE_FIELD)
    }


def _files(plain: Any) -> tuple[StoredFile, ...]:
    return tuple(record_of(StoredFile, file) for file in list_of(plain))


def _load_result(text: str | None) -> Result | None:
    if not text:
        return None
    plain = plain_of(text)
    files = tuple(map(_load_file, list_of(plain["files"])))
    return record_of(Result, {**plain, "files": files})


def _load_file(plain: Mapping[str, Any]) -> RemoteFile:
    kept = plain.get("kept")
    return record_of(RemoteFile, {**plain, "kept": record_of(StoredFile, kept) if kept else None})


def _load_failure(text: str | None) -> Failure | None:
    if not text:
        return None
    plain = plain_of(text)
    return record_of(Failure, {**plain, "kind": _kind(text_of(plain["kind"]))})


def _kind(text: str) -> FailureKind:
    """A class that a newer version has brought is none that we know a cure for."""
    try:
        return FailureKind(text)
    except ValueError:
        return FailureKind.INTERNAL


WordT = TypeVar("WordT", State, Dialect)


def _word(kind: type[WordT], text: str) -> WordT:
    """A word of ours, or of a later release's; anything else is damaged."""
    try:
        return kind(text)
    except ValueError:
        if not _WORD.fullmatch(text):
            raise
        raise _UnknownWord from None


def _json(text: str | None, default: Any) -> Any:
    return plain_of(text) if text else default


def _dump(value: Any) -> str:
    """Half a character (a lone surrogate) is nothing that Redis' JSON reads, escaped or not."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.encode(errors="replace").decode()


def _number(text: str) -> int:
    """A whole number as Redis itself writes it: what it can't raise is none."""
    if not _WHOLE.fullmatch(text) or abs(int(text)) > _MOST:
        raise ValueError("a counter must be a whole number")
    return int(text)


def _text(text: str) -> str:
    """Bytes that are no text were replaced when they were read: what Redis has is another value."""
    if _REPLACED in text:
        raise ValueError("a text must be one")
    return text


def _version(text: str) -> int:
    version = _number(text)
    if version > _MOST_VERSION:
        raise ValueError("no version is that high")
    return version


def _flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("a flag is 0 or 1")
    return text == "1"


def _time(text: str | None) -> float | None:
    if not text:
        return None
    moment = float(text)
    if not 0 <= moment <= _LATEST_S:
        raise ValueError("a time must be a number of seconds since the epoch")
    return moment


def _check_job(job_id: str, base_url: str) -> None:
    """A job without its id can't be asked for: a 404 for another would be taken for a proof."""
    if not (job_id and base_url):
        raise ValueError("what was posted has a job id and a host")


@lru_cache(maxsize=_KEPT)
def _known_request(text: str) -> ConversionRequest:
    return load_request(text)


def _request(text: str) -> ConversionRequest:
    """What was asked: an entry is read again and again, and this never changes."""
    return (
        _known_request(text) if len(text) <= _KEPT_CHARACTERS else _known_request.__wrapped__(text)
    )


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    **dict.fromkeys(("turn", "attempt", *_NUMBERS), _number),
    **dict.fromkeys(_FLAGS, _flag),
    **dict.fromkeys((*_MOMENTS, *_SECONDS), _time),
    **dict.fromkeys(("created_at", "since", "uploaded_at"), lambda text: _time(text) or 0.0),
    **dict.fromkeys(_TEXTS, _text),
    "note": str,
    "caller": load_caller,
    "uploads": lambda text: texts_of(_json(text, {})),
    "dialect": lambda text: _word(Dialect, text),
    "refusal": _load_failure,
    "failure": _load_failure,
    "result": _load_result,
    "files": lambda text: _files(_json(text, [])),
}
