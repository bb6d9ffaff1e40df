"""A result, read from the answer that brings it. It has been paid, so nothing readable is lost.

Reading has two steps: first everything is understood, then what came as bytes is kept. So an answer
that can't be understood leaves no file behind.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from conveyor.convertapi.answer import Answer, Unparsed
from conveyor.convertapi.fitting import is_file, is_page
from conveyor.convertapi.keeping import Keeper
from conveyor.convertapi.payment import (
    RESULT_FIELDS,
    cost_of,
    least_cost_of,
    may_be_paid,
    speaks_of_result,
    text_of,
)
from conveyor.convertapi.result_files import NoResult, Part, kept, parts_of
from conveyor.convertapi.scrubbing import MOST_ANSWER_CHARACTERS, Scrubber
from conveyor.domain.answers import Finished, Lost, Result, Unreadable

__all__ = ["read_result"]

_KNOWN: Final = RESULT_FIELDS | {"jobid"}
# What opens a document, or is one.
_OPENERS: Final = re.compile(
    r'("(?:FileData|FileId|JobId|Secret|Token|Password)"\s*:\s*)"[^"]*("?)', re.IGNORECASE
)


def read_result(
    answer: Answer, target: str, keep: Keeper, scrubber: Scrubber
) -> Finished | Unreadable | Lost:
    """Read a whole 200 that should hold a result.

    Args:
        answer: The service's answer.
        target: The target format, empty where it is not known.
        keep: Stores what comes as bytes.
        scrubber: Cleans foreign text.

    Returns:
        The result. Unreadable where the answer speaks of one that can't be read. Lost where it does
        not speak of one, or breaks off.

    Raises:
        StorageError: What came as bytes could not be kept.
    """
    body = answer.json()
    if body is not None and speaks_of_result(answer):
        return _read_body(answer, body, keep, scrubber)
    if is_file(answer, target):
        name = scrubber.name(answer.file_name) or "result"
        part = Part(name, data=answer.body)
        return Finished(Result(1, (kept(part, keep),)))
    if speaks_of_result(answer) and not _breaks_off(answer):
        return _unreadable(answer, "it has no known form", scrubber)
    return Lost(_why_none(answer), paid=may_be_paid(answer))


def _read_body(
    answer: Answer, body: dict[str, Any], keep: Keeper, scrubber: Scrubber
) -> Finished | Unreadable:
    try:
        parts = parts_of(body, scrubber)
    except NoResult as error:
        return _unreadable(answer, str(error), scrubber)
    extra = {name: value for name, value in body.items() if name.casefold() not in _KNOWN}
    files = tuple(kept(part, keep) for part in parts)
    return Finished(Result(cost_of(body), files, scrubber.fields(extra)))


def _unreadable(answer: Answer, reason: str, scrubber: Scrubber) -> Unreadable:
    cost = least_cost_of(answer.json() or {})
    return Unreadable(reason, _shown(answer, scrubber), cost)


def _shown(answer: Answer, scrubber: Scrubber) -> str:
    """The answer as support may see it: nothing in it opens a document, or is one."""
    body = answer.json()
    text = text_of(answer) if body is None else json.dumps(scrubber.tree(body), ensure_ascii=False)
    hidden = _OPENERS.sub(r'\1"…\2', text[: 32 * MOST_ANSWER_CHARACTERS])
    return scrubber.text(hidden, MOST_ANSWER_CHARACTERS)


def _breaks_off(answer: Answer) -> bool:
    """Whether the body is no whole JSON, so that it is worth asking for it once more."""
    value = answer.value
    return isinstance(value, Unparsed) and not value.is_whole


def _why_none(answer: Answer) -> str:
    if not answer.body:
        return "the answer was empty"
    if is_page(answer):
        return "a proxy's page came instead of an answer"
    if _breaks_off(answer) and "json" in answer.content_type:
        return "the answer was cut"
    return "the answer was no result in a known form"
