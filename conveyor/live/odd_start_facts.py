"""Facts about POSTs unlike Conveyor's usual one: they wait, give no id, or name no file."""

from __future__ import annotations

from functools import partial
from typing import Final

from conveyor.domain import rules
from conveyor.domain.dialect import Dialect
from conveyor.live.answers import Answer
from conveyor.live.findings import (
    UNASKED,
    Fact,
    Finding,
    could_not_tell,
    does_not_hold,
    holds,
    of_answer,
)
from conveyor.live.scene import JobSeen, Role, Scene, speaks_of_result

__all__ = ["ODD_START_FACTS"]

_OK: Final = 200
_ERRORS: Final = range(400, 600)
_SERVICE_IDS: Final = {
    Dialect.PATH: rules.PATH_JOB_ID,
    Dialect.QUERY: rules.QUERY_JOB_ID,
}


def _judge_semi(scene: Scene) -> Finding:
    """Judge how the service answered a POST that waits for its result."""
    job = scene.jobs.get(Role.SEMI)
    return UNASKED if job is None else of_answer(job.start, _judge_semi_start)


def _judge_semi_start(answer: Answer) -> Finding:
    if answer.status == _OK and speaks_of_result(answer):
        return holds("The POST was answered with the result.")
    return does_not_hold(f"The POST was answered with {answer.told()} ({answer.kind}).")


def _judge_semi_poll(scene: Scene) -> Finding:
    """Judge whether the job of such a POST can be polled."""
    job = scene.jobs.get(Role.SEMI)
    if job is None or not job.polls:
        return UNASKED
    return of_answer(job.final or job.polls[-1], _judge_semi_found)


def _judge_semi_found(answer: Answer) -> Finding:
    if answer.status == _OK:
        return holds("Its result could be polled, too.")
    return does_not_hold(f"Its poll was answered with {answer.told()}.")


def _judge_service_id(scene: Scene) -> Finding:
    """Judge the form of a JobId of the service's own."""
    job = scene.jobs.get(Role.PLAIN)
    return UNASKED if job is None else of_answer(job.start, partial(_judge_id_form, job.dialect))


def _judge_id_form(dialect: Dialect, answer: Answer) -> Finding:
    job_id = answer.json().get("JobId")
    if not isinstance(job_id, str):
        return could_not_tell(f"{answer.told()} held no JobId.")
    if _SERVICE_IDS[dialect].fullmatch(job_id):
        return holds(f"So it has, in the {dialect} dialect.")
    return does_not_hold(f"It has another form, of {len(job_id)} characters.")


def _judge_bad_file(scene: Scene) -> Finding:
    """Judge how a document that can't be converted fails."""
    job = scene.jobs.get(Role.BAD_FILE)
    if job is None:
        return UNASKED
    return of_answer(job.start, partial(_judge_failure, scene, job))


def _judge_failure(scene: Scene, job: JobSeen, start: Answer) -> Finding:
    error = start if start.status in _ERRORS else job.final
    if error is None:
        return could_not_tell("Its end was not seen.")
    where = "at once" if error is start else "by its poll"
    rise = scene.rise("user-before-bad-file", "user-after-bad-file")
    charged = "" if rise is None else f" The account's counter rises by {rise}."
    if error.code == rules.FILE_ID_UNKNOWN:
        return holds(f"{error.told()}, {where}.{charged}", where)
    return does_not_hold(f"{error.told()}, {where}.{charged}", where)


ODD_START_FACTS: Final = (
    Fact(
        "semi-async",
        "With `JobId` and without `Async` the POST is answered with the result.",
        "S",
        5,
        _judge_semi,
    ),
    Fact(
        "semi-async-poll",
        "Such a conversion can be polled by its JobId like any other.",
        "S",
        5,
        _judge_semi_poll,
    ),
    Fact(
        "service-id",
        "A JobId of the service's is a UUID (query), or 32 of a-z and 0-9 (path).",
        "S, C",
        6,
        _judge_service_id,
    ),
    Fact(
        "bad-file-id",
        "A FileId that nobody knows fails with code 5009.",
        "A, F",
        9,
        _judge_bad_file,
    ),
)
