"""Facts about a JobId that is used again: refused, answered with the first job, or taken."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from conveyor.live.answers import Answer, Reply
from conveyor.live.findings import (
    UNASKED,
    Fact,
    Finding,
    could_not_tell,
    holds,
    of_answer,
)
from conveyor.live.scene import JobSeen, Role, Scene, speaks_of_result

__all__ = ["REPEAT_FACTS"]

_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_ERRORS: Final = range(400, 600)


def _judge_repeat(scene: Scene) -> Finding:
    """Judge what a POST of a finished job's JobId brings."""
    first = scene.jobs.get(Role.FIRST)
    reply = scene.replies.get("repeat")
    if first is None or reply is None:
        return UNASKED
    return _of_repeat(reply, partial(_compare_repeated, scene, first))


def _judge_repeat_running(scene: Scene) -> Finding:
    """Judge what a POST of a running job's JobId brings."""
    reply = scene.replies.get("running-repeat")
    if reply is None:
        return UNASKED
    return _of_repeat(reply, partial(_count_repeated, scene))


def _of_repeat(reply: Reply, compare: Any) -> Finding:
    """A refusal is told by its status: 409, and 503 too, may mean that the first one lives."""
    if isinstance(reply, Answer) and reply.status == _CONFLICT:
        return holds(f"It is refused ({reply.told()}).", "refused")
    return of_answer(reply, lambda answer: _refused_or(answer, compare))


def _refused_or(answer: Answer, compare: Any) -> Finding:
    if answer.status in _ERRORS:
        if answer.code is None or answer.status == _NOT_FOUND or answer.refuses_credentials:
            return could_not_tell(f"It was answered with {answer.told()} ({answer.kind}).")
        return holds(f"It is refused ({answer.told()}).", "refused")
    finding: Finding = compare(answer)
    return finding


def _compare_repeated(scene: Scene, first: JobSeen, answer: Answer) -> Finding:
    if speaks_of_result(answer):
        last: Answer | None = answer
    elif answer.json().get("JobId") != first.known_as:
        return holds("It starts another job, under another id.", "taken")
    else:
        last = scene.answer("repeat-poll-end")
    before = _marks(first.result())
    after = _marks(last.json() if last is not None else {})
    if not before or not after:
        return could_not_tell("It was taken, and its result could not be compared.")
    if before == after:
        return holds("It is answered with the first job.", "first")
    rise = scene.rise("user-before-repeat", "user-after-repeat")
    charged = "" if rise is None else f", and the account's counter rises by {rise}"
    return holds(f"It converts once more{charged}.", "taken")


def _marks(result: dict[str, Any]) -> list[str]:
    """What tells one result from another: where its files are."""
    files = result.get("Files")
    items = [item for item in files if isinstance(item, dict)] if isinstance(files, list) else []
    return [str(item.get("FileId") or item.get("Url") or "") for item in items]


def _count_repeated(scene: Scene, answer: Answer) -> Finding:
    rise = scene.rise("user-before-running", "user-after-running")
    job = scene.jobs[Role.RUNNING]
    if answer.json().get("JobId") not in (job.known_as, None):
        return holds("It starts another job, under another id.", "taken")
    if rise == 1:
        return holds("It is answered with the first job: the counter rises by 1.", "first")
    if rise == 2:  # noqa: PLR2004 - this job and the first
        return holds("It converts once more: the counter rises by 2.", "taken")
    return could_not_tell("It was taken, and no counter tells whether it was charged.")


REPEAT_FACTS: Final = (
    Fact(
        "repeated-id",
        "A JobId used again is refused, answered with the first job, or taken as another one.",
        "S",
        2,
        _judge_repeat,
    ),
    Fact(
        "repeated-id-running",
        "A JobId used again at once is refused, answered with the first job, or taken as another.",
        "S",
        8,
        _judge_repeat_running,
    ),
)
