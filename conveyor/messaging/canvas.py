"""The caller's canvas as steps: callbacks, the result, the chord's part, what goes on after it.

An errback in its old form reads the failure from the result backend, so it comes after that. A
callback that is a single task has the same task id whenever it is sent.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid5

from celery import signature
from celery.app.task import Context
from celery.states import FAILURE, SUCCESS

from conveyor.errors import ConversionFailed
from conveyor.ledger import Entry
from conveyor.messaging.recipient import Recipient

__all__ = ["Step", "steps_of"]

_IDS: Final = UUID("6f1f7a3e-6a53-4a55-8f0c-5d1f4d0f8b1e")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is to be done for a caller.

    Attributes:
        place: Its name in the ledger, where it is noted as done.
        do: Does it.
    """

    place: str
    do: Callable[[], object]


@dataclass(frozen=True, slots=True)
class _Child:
    """A task that was called, as a stored result names it. It listens for nothing."""

    id: str

    def as_tuple(self) -> tuple[tuple[str, None], None]:
        """Return the tuple that Celery's ``AsyncResult`` returns."""
        return (self.id, None), None


def steps_of(to: Recipient, entry: Entry) -> Iterable[Step]:
    """List what is to be done for a caller, in the order in which it is done.

    Args:
        to: The caller.
        entry: The conversion, ended.

    Returns:
        The steps, each with its name in the ledger.
    """
    failure = _failure_of(entry)
    if failure is None:
        return _after_success(to, entry)
    return _after_failure(to, entry, failure)


def _failure_of(entry: Entry) -> ConversionFailed | None:
    try:
        entry.conversion.raise_if_failed()
    except ConversionFailed as failure:
        return failure
    return None


def _after_success(to: Recipient, entry: Entry) -> Iterable[Step]:
    request, result = to.request, entry.conversion.to_dict()
    links = _named(entry, "link", request.callbacks)
    children = [link for _, link in links]
    for place, link in links:
        yield Step(place, partial(_send, to, link, result))
    if request.chain:
        *rest, following = request.chain
        ((_, following),) = _named(entry, "chain", [following])
        children.append(following)
        yield Step("chain", lambda: _send(to, following, result, chain=rest))
    yield Step("result", lambda: _store_result(to, result, children))
    if request.chord:
        yield Step("chord", lambda: to.backend.on_chord_part_return(request, SUCCESS, result))


def _after_failure(to: Recipient, entry: Entry, failure: ConversionFailed) -> Iterable[Step]:
    request, backend = to.request, to.backend
    text = "".join(traceback.format_exception_only(failure))
    yield Step(
        "result",
        lambda: backend.store_result(request.id, failure, FAILURE, traceback=text, request=request),
    )
    if request.chord:
        yield Step("chord", lambda: backend.on_chord_part_return(request, FAILURE, failure))
    if request.chain:
        yield Step("chain", lambda: _fail_chain(to, failure, text))
    for place, errback in _named(entry, "link_error", request.errbacks):
        yield Step(place, partial(_call_errback, to, errback, failure, text))


def _named(
    entry: Entry, kind: str, signatures: Iterable[Any] | None
) -> list[tuple[str, Mapping[str, Any]]]:
    """Signatures with their places; a single task's has an id that a repetition has, too.

    So where the next step is a conversion, a repeated message does not pay a second one.
    """
    return [
        (f"{kind}:{number}", _with_id(plain, f"{entry.id} {entry.turn} {kind}:{number}"))
        for number, plain in enumerate(signatures or ())
    ]


def _with_id(plain: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    options = dict(plain.get("options") or {})
    if plain.get("subtask_type") or options.get("task_id"):
        return plain
    return {**plain, "options": {**options, "task_id": str(uuid5(_IDS, name))}}


def _send(to: Recipient, plain: Mapping[str, Any], result: Any, **options: Any) -> None:
    request = to.request
    signature(plain, app=to.app).apply_async(
        (result,), parent_id=request.id, root_id=request.root_id or request.id, **options
    )


def _store_result(to: Recipient, result: Any, children: Iterable[Mapping[str, Any]]) -> None:
    """Store it with what was called, also where that was sent by an earlier delivery."""
    request = to.request
    ids = [child["options"].get("task_id") for child in children if child.get("options")]
    request.children[:] = [_Child(each) for each in ids if each]
    to.backend.store_result(request.id, result, SUCCESS, request=request)


def _call_errback(to: Recipient, errback: Any, failure: ConversionFailed, text: str) -> None:
    """Call one as Celery calls all of them."""
    request = Context(vars(to.request), errbacks=[errback])
    to.backend._call_task_errbacks(request, failure, text)  # noqa: SLF001 - Celery has no other way


def _fail_chain(to: Recipient, failure: ConversionFailed, text: str) -> None:
    """Fail the rest of a chain; where it is a part of a chord, that part is counted for sure.

    Celery leaves out a part whose failure is stored already, so a worker that died in between would
    leave the chord waiting. Redis counts each part once, however often it is told.
    """
    from celery.backends.redis import RedisBackend  # noqa: PLC0415  # a fake never needs it

    backend = to.backend
    backend._fail_chain(to.request.chain, failure, text)  # noqa: SLF001 - the same
    if not isinstance(backend, RedisBackend):
        return
    for plain in to.request.chain:
        context = Context(plain)
        context.update(context.options)
        context.id, context.group = context.options.get("task_id"), context.options.get("group_id")
        if context.chord:
            backend.on_chord_part_return(context, FAILURE, failure)
