"""How each fact that costs conversions is judged, from what was seen."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from conveyor.domain import rules
from conveyor.domain.dialect import Dialect
from conveyor.live.answers import Answer, Reply
from conveyor.live.findings import (
    UNASKED,
    Finding,
    could_not_tell,
    does_not_hold,
    holds,
    of_answer,
)
from conveyor.live.hosts import shown_host
from conveyor.live.scene import Call, JobSeen, Role, Scene, speaks_of_result

__all__ = [
    "judge_again",
    "judge_bad_file",
    "judge_call",
    "judge_charge",
    "judge_data",
    "judge_deletion",
    "judge_early",
    "judge_end",
    "judge_failed_poll",
    "judge_file",
    "judge_kept",
    "judge_open_polls",
    "judge_own_id",
    "judge_removed",
    "judge_repeat",
    "judge_repeat_running",
    "judge_result",
    "judge_running",
    "judge_semi",
    "judge_semi_poll",
    "judge_service_id",
    "judge_start",
    "judge_together",
]

_OK: Final = 200
_ACCEPTED: Final = 202
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_BUSY: Final = 503
_ERRORS: Final = range(400, 600)
_SERVER_ERRORS: Final = range(500, 600)
#: A poll that took so long was held, not answered at once: the service is said to take 5 s.
_HELD_S: Final = 2.5
_FILE_FIELDS: Final = ("FileName", "FileExt", "FileSize")
_SERVICE_IDS: Final = {
    Dialect.PATH: rules.PATH_JOB_ID,
    Dialect.QUERY: rules.QUERY_JOB_ID,
}
_FAILING: Final = (Role.FAILING, Role.SECOND_FAILING)


def judge_start(dialect: Dialect, scene: Scene) -> Finding:
    """Judge how the service answered a POST that starts a job."""
    if not scene.lives(dialect):
        return does_not_hold("Its address is answered with HTTP 404.", "missing")
    job = scene.started_in(dialect)
    return UNASKED if job is None else of_answer(job.start, _judge_started)


def _judge_started(answer: Answer) -> Finding:
    if answer.status == _OK and speaks_of_result(answer):
        return does_not_hold("It was answered with the finished result.", "finished")
    if answer.status == _OK and isinstance(answer.json().get("JobId"), str):
        return holds("It was answered with a JobId.", "started")
    value = "missing" if answer.status == _NOT_FOUND else "refused" if answer.code else ""
    return does_not_hold(f"It was answered with {answer.told()} ({answer.kind}).", value)


def judge_own_id(dialect: Dialect, scene: Scene) -> Finding:
    """Judge whether the service took the JobId that we gave."""
    job = scene.started_in(dialect)
    if job is None:
        return UNASKED
    if isinstance(job.start, Answer) and isinstance(job.start.json().get("JobId"), str):
        same = job.start.json()["JobId"] == job.job_id
        return holds("It came back.") if same else does_not_hold("Another one came back.")
    if any(_status(poll) in {_OK, _ACCEPTED, _BUSY} for poll in job.polls):
        return holds("The job is known by it.")
    return could_not_tell("No JobId came back.")


def judge_open_polls(scene: Scene) -> Finding:
    """Judge whether polls are answered without a credential."""
    polls = [poll for job in scene.jobs.values() for poll in job.polls]
    answers = [poll for poll in polls if isinstance(poll, Answer)]
    if not answers:
        return UNASKED
    if any(answer.refuses_credentials for answer in answers):
        return does_not_hold("A poll without a credential was refused.")
    return holds(f"{len(answers)} polls were answered without one.")


def judge_running(scene: Scene) -> Finding:
    """Judge what a poll brings while the job runs."""
    polls = [poll for job in scene.jobs.values() for poll in job.polls]
    if not polls:
        return UNASKED
    running = sum(_status(poll) == _ACCEPTED for poll in polls)
    if running:
        return holds(f"{running} polls were answered so.")
    return could_not_tell("Each job had ended before its first poll.")


def judge_end(scene: Scene) -> Finding:
    """Judge what the poll after the job's end brings."""
    job = scene.jobs.get(Role.FIRST)
    if job is None or not job.polls:
        return UNASKED
    if job.final is None:
        if _status(job.polls[-1]) == _NOT_FOUND and job.start_was_taken():
            return does_not_hold("A job that was taken is not known to its poll (HTTP 404).")
        return could_not_tell("The job's end was not seen.")
    if job.final.status != _OK:
        return could_not_tell(f"The conversion failed ({job.final.told()}).")
    return holds(f"HTTP 200 ({job.final.kind}).")


def judge_early(scene: Scene) -> Finding:
    """Judge what a poll brings that came too soon after the last one."""
    job = scene.jobs.get(Role.FIRST)
    if job is None or not isinstance(job.early, Answer):
        return UNASKED if job is None or job.early is None else could_not_tell("No answer came.")
    return _judge_rule([job.early])


def judge_together(scene: Scene) -> Finding:
    """Judge what two polls at a time bring."""
    job = scene.jobs.get(Role.FIRST)
    if job is None or job.together is None:
        return UNASKED
    answers = [reply for reply in job.together if isinstance(reply, Answer)]
    if len(answers) < len(job.together):
        return could_not_tell("One of the two was not answered.")
    return _judge_rule(answers)


def _judge_rule(answers: Iterable[Answer]) -> Finding:
    """Whether the service keeps polls apart: by refusing one, or by making it wait."""
    shown = " and ".join(sorted(answer.told() for answer in answers))
    if any(answer.status == _BUSY for answer in answers):
        return holds(f"{shown}.", "refused")
    if any(answer.elapsed_s >= _HELD_S for answer in answers):
        return holds(f"{shown}, after it was held.", "held")
    if any(answer.status not in {_OK, _ACCEPTED} for answer in answers):
        return could_not_tell(f"{shown}.")
    return does_not_hold(f"{shown}, at once.", "answered")


def judge_again(scene: Scene) -> Finding:
    """Judge whether a result can be read a second time."""
    job = scene.jobs.get(Role.FIRST)
    if job is None or job.final is None:
        return UNASKED
    return of_answer(job.again, partial(_judge_read_again, job.final))


def _judge_read_again(final: Answer, answer: Answer) -> Finding:
    if answer.status == final.status:
        return holds(f"The same came twice ({answer.told()}).")
    return does_not_hold(f"The second time came {answer.told()}.")


def judge_result(scene: Scene) -> Finding:
    """Judge the form of the result."""
    job = scene.jobs.get(Role.FIRST)
    if job is None or (job.final is None and not job.result()):
        return UNASKED
    body = job.result()
    if not body:
        told = "no JSON" if job.final is None or job.final.status == _OK else job.final.told()
        return could_not_tell(f"The answer was no result ({told}).")
    missing = [] if isinstance(body.get("ConversionCost"), int) else ["ConversionCost"]
    files = job.files()
    missing += ["Files"] if not files else []
    missing += [name for name in (*_FILE_FIELDS, "Url") if any(name not in file for file in files)]
    if missing:
        return does_not_hold(f"The result lacks {', '.join(missing)}.")
    also = "FileId is there, too." if all("FileId" in file for file in files) else ""
    return holds(also or "FileId is not there.")


def _judge_result_file(scene: Scene, answer: Answer) -> Finding:
    if answer.status != _OK:
        return does_not_hold(f"It was answered with {answer.told()}.")
    size = next((file.get("FileSize") for file in scene.jobs[Role.FIRST].files()), None)
    if size != len(answer.body):
        return does_not_hold("It is not as long as FileSize says.")
    return holds("It is as long as FileSize says.")


def judge_file(scene: Scene) -> Finding:
    """Judge whether the result's file can be downloaded."""
    return of_answer(scene.replies.get("first-file"), partial(_judge_result_file, scene))


def judge_charge(scene: Scene) -> Finding:
    """Judge what the account was charged, against what the result says."""
    job = scene.jobs.get(Role.FIRST)
    if job is None or not job.result():
        return UNASKED
    rise = scene.rise("user-after-free", "user-after-first")
    cost = job.result().get("ConversionCost")
    if rise is None:
        return could_not_tell("The account's counters can't be read with this credential.")
    if rise == cost:
        return holds(f"Both are {rise}.")
    return could_not_tell(f"The counter rose by {rise}: it may lag, or others use the account.")


def judge_call(role: Role, dialect: Dialect, scene: Scene) -> Finding:
    """Judge whether the webhook was called."""
    if not scene.has_listener:
        return could_not_tell("It needs --webhook.")
    roles = (Role.FIRST, Role.SECOND) if role is Role.FIRST else _FAILING
    jobs = [job for name in roles if (job := scene.jobs.get(name)) and job.dialect is dialect]
    if not jobs or jobs[0].call is None:
        return UNASKED
    if (role is Role.FIRST) is not bool(jobs[0].result()):
        return could_not_tell("The conversion did not end as it should have for this.")
    return _read_call(jobs[0].call, scene, fails=role is not Role.FIRST, dialect=dialect)


def _read_call(call: Call, scene: Scene, *, fails: bool, dialect: Dialect) -> Finding:
    # The path dialect is said to call after successful conversions alone.
    expected = not (fails and dialect is Dialect.PATH)
    if call is Call.CAME:
        return (holds if expected else does_not_hold)("It was called.", "called")
    if not expected and _can_be_reached(scene):
        return holds("It was not called.", "not called")
    if expected and _can_be_reached(scene):
        return does_not_hold("It was not called.", "not called")
    return could_not_tell("No webhook came at all: can the service reach the address?")


def _can_be_reached(scene: Scene) -> bool:
    is_here = shown_host(scene.base_url) == "loopback"
    return is_here or any(job.call is Call.CAME for job in scene.jobs.values())


def judge_deletion(dialect: Dialect, scene: Scene) -> Finding:
    """Judge how the service answered a DELETE of a job."""
    roles = (Role.FIRST, Role.SECOND, Role.PLAIN, Role.RUNNING, Role.SEMI)
    asked = [role for role in roles if f"{role}-delete" in scene.replies]
    role = next((role for role in asked if scene.jobs[role].dialect is dialect), None)
    if role is None:
        return UNASKED
    return of_answer(scene.replies[f"{role}-delete"], partial(_judge_deleted, scene, role))


def _judge_deleted(scene: Scene, role: Role, answer: Answer) -> Finding:
    if answer.status != _OK:
        return does_not_hold(f"DELETE was answered with {answer.told()}.")
    labels = (f"{role}-poll-deleted", f"{role}-delete-again")
    after = [found.status for label in labels if (found := scene.answer(label)) is not None]
    if after == [_NOT_FOUND] * len(labels):
        return holds("HTTP 200, then HTTP 404 to GET and DELETE.")
    if len(after) < len(labels):
        return could_not_tell("HTTP 200, and what comes after it was not answered.")
    return does_not_hold(f"HTTP 200, then HTTP {after[0]} to GET and {after[1]} to DELETE.")


def judge_kept(answer: Answer) -> Finding:
    """Judge whether a file can still be downloaded after its job was deleted."""
    if answer.status == _OK:
        return holds("Its file could still be downloaded.", "kept")
    return does_not_hold(f"Its file was answered with {answer.told()}.", "gone")


def judge_removed(answer: Answer) -> Finding:
    """Judge how the service answered a DELETE of a file."""
    told = f"It was answered with {answer.told()}."
    return holds(told) if answer.status == _OK else does_not_hold(told)


def judge_repeat(scene: Scene) -> Finding:
    """Judge what a POST of a finished job's JobId brings."""
    first = scene.jobs.get(Role.FIRST)
    reply = scene.replies.get("repeat")
    if first is None or reply is None:
        return UNASKED
    return _of_repeat(reply, partial(_compare_repeated, scene, first))


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


def judge_repeat_running(scene: Scene) -> Finding:
    """Judge what a POST of a running job's JobId brings."""
    reply = scene.replies.get("running-repeat")
    if reply is None:
        return UNASKED
    return _of_repeat(reply, partial(_count_repeated, scene))


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


def judge_bad_file(scene: Scene) -> Finding:
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


def judge_failed_poll(scene: Scene) -> Finding:
    """Judge what the poll of a failed job brings."""
    finals = [job.final for role in _FAILING if (job := scene.jobs.get(role)) and job.final]
    if not finals:
        job = scene.jobs.get(Role.FAILING)
        refused = job is not None and isinstance(job.start, Answer)
        return could_not_tell("A damaged document was refused at once.") if refused else UNASKED
    final = finals[0]
    if final.status == _OK:
        return could_not_tell("Even a damaged document was converted.")
    if final.status in _SERVER_ERRORS and final.code is not None:
        return holds(f"{final.told()}.")
    return does_not_hold(f"{final.told()} ({final.kind}).")


def judge_semi(scene: Scene) -> Finding:
    """Judge how the service answered a POST that waits for its result."""
    job = scene.jobs.get(Role.SEMI)
    return UNASKED if job is None else of_answer(job.start, _judge_semi_start)


def _judge_semi_start(answer: Answer) -> Finding:
    if answer.status == _OK and speaks_of_result(answer):
        return holds("The POST was answered with the result.")
    return does_not_hold(f"The POST was answered with {answer.told()} ({answer.kind}).")


def judge_semi_poll(scene: Scene) -> Finding:
    """Judge whether the job of such a POST can be polled."""
    job = scene.jobs.get(Role.SEMI)
    if job is None or not job.polls:
        return UNASKED
    return of_answer(job.final or job.polls[-1], _judge_semi_found)


def _judge_semi_found(answer: Answer) -> Finding:
    if answer.status == _OK:
        return holds("Its result could be polled, too.")
    return does_not_hold(f"Its poll was answered with {answer.told()}.")


def judge_service_id(scene: Scene) -> Finding:
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


def judge_data(scene: Scene) -> Finding:
    """Judge whether a result can hold its files' bytes itself."""
    job = scene.jobs.get(Role.PLAIN)
    if job is None or job.start is None:
        return UNASKED
    if job.files():
        held = all("FileData" in file for file in job.files())
        return (
            holds("It is base64.", "base64") if held else does_not_hold("It is not in the answer.")
        )
    if job.final is not None and job.final.status == _OK and job.final.kind == "bytes":
        return holds("It is the answer itself.", "bytes")
    return could_not_tell("Its result was not seen.")


def _marks(result: dict[str, Any]) -> list[str]:
    """What tells one result from another: where its files are."""
    files = result.get("Files")
    items = [item for item in files if isinstance(item, dict)] if isinstance(files, list) else []
    return [str(item.get("FileId") or item.get("Url") or "") for item in items]


def _status(reply: Reply) -> int:
    return reply.status if isinstance(reply, Answer) else 0
