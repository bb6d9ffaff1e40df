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
``terms``                 what its caller wants beside the conversion, JSON; absent where nothing
``found_by``              the hashes of its metadata, by which it is found; absent where it has none
``notify``                who hears of its changes: ``ends`` or ``changes``, the receiver's host and
                          port, and the address; absent where nobody does
``notices``               how many notices it has had (`conveyor.ledger.notices`)
``source_name``           the file name of its source, for people; absent where there is none
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
``key``                   of its producer's idempotency key, the hash
``files_until``           when its files are removed; ``files_removed_at``: when they were
``deleted_at``            when its deletion was asked for; ``left``: ids of what was to be deleted
                          at the service, hashes
``note``                  what holds it up, in words
``unready_at``            when the service last said that it was still at work on the job
``deadline_at``           by when it must have begun; a replay has none
``usual_s``               what half of such conversions took when it was submitted; ``late_s``: nine
                          of ten
``*_at``                  seconds since the epoch, by Redis' clock, as all times here
========================  ==========================================================================

Of a deleted conversion a tombstone stays, of the state ``deleted``. No transition leaves it, so
nothing begins under its id again. It has ``deleted_at``, ``left``, ``staged`` (tokens of the
folders of its sources) and, when nothing of it is left elsewhere, ``erased_at``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from conveyor.domain.conversion import State
from conveyor.domain.dialect import Dialect
from conveyor.domain.entry import Entry
from conveyor.domain.shapes import plain_of, texts_of
from conveyor.domain.terms import load_terms
from conveyor.errors import NewerEntry, UnreadableConversion
from conveyor.ledger.callers import load_caller
from conveyor.ledger.records import load_failure, load_files, load_request, load_result, load_stored
from conveyor.ledger.values import UnknownWord, checked_text, flag_of, moment_of, number_of, word_of

__all__ = [
    "VERSION",
    "decode",
    "fields_of",
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
    *("unready_at", "deadline_at", "files_until", "files_removed_at", "deleted_at"),
)
_SECONDS: Final = ("usual_s", "late_s")
_TEXTS: Final = (
    *("asked", "uploads_host", "uploads_account", "job_id", "base_url", "account"),
    *("unclear", "sent"),
)
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
    except UnknownWord as error:
        raise NewerEntry(conversion_id) from error
    except (
        *(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
    ) as error:
        raise UnreadableConversion(conversion_id) from error


def _decode(conversion_id: str, fields: Mapping[str, str], seen_at: float) -> Entry:
    state = word_of(State, fields["state"])
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
            "request": load_request(fields["request"]),
            "seen_at": seen_at,
            "stored": load_stored(fields),
        }
    )


def _json(text: str | None, default: Any) -> Any:
    return plain_of(text) if text else default


def _version(text: str) -> int:
    version = number_of(text)
    if version > _MOST_VERSION:
        raise ValueError("no version is that high")
    return version


def _check_job(job_id: str, base_url: str) -> None:
    """A job without its id can't be asked for: a 404 for another would be taken for a proof."""
    if not (job_id and base_url):
        raise ValueError("what was posted has a job id and a host")


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    **dict.fromkeys(("turn", "attempt", *_NUMBERS), number_of),
    **dict.fromkeys(_FLAGS, flag_of),
    **dict.fromkeys((*_MOMENTS, *_SECONDS), moment_of),
    **dict.fromkeys(("created_at", "since", "uploaded_at"), lambda text: moment_of(text) or 0.0),
    **dict.fromkeys(_TEXTS, checked_text),
    "note": str,
    "caller": load_caller,
    "terms": load_terms,
    "source_name": str,
    "uploads": lambda text: texts_of(_json(text, {})),
    "dialect": lambda text: word_of(Dialect, text),
    "refusal": load_failure,
    "failure": load_failure,
    "result": load_result,
    "files": lambda text: load_files(_json(text, [])),
}
