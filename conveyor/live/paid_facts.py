"""The facts that cost conversions, and how each is judged."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from conveyor.domain import rules
from conveyor.domain.dialect import Dialect
from conveyor.live.answers import Answer, Reply
from conveyor.live.findings import (
    UNASKED,
    Fact,
    Finding,
    could_not_tell,
    does_not_hold,
    holds,
    of_answer,
    on,
)
from conveyor.live.hosts import shown_host
from conveyor.live.scene import Call, JobSeen, Role, Scene, speaks_of_result

__all__ = ["PAID_FACTS"]

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


def _judge_start(dialect: Dialect, scene: Scene) -> Finding:
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


def _judge_own_id(dialect: Dialect, scene: Scene) -> Finding:
    job = scene.started_in(dialect)
    if job is None:
        return UNASKED
    if isinstance(job.start, Answer) and isinstance(job.start.json().get("JobId"), str):
        same = job.start.json()["JobId"] == job.job_id
        return holds("It came back.") if same else does_not_hold("Another one came back.")
    if any(_status(poll) in {_OK, _ACCEPTED, _BUSY} for poll in job.polls):
        return holds("The job is known by it.")
    return could_not_tell("No JobId came back.")


def _judge_open_polls(scene: Scene) -> Finding:
    polls = [poll for job in scene.jobs.values() for poll in job.polls]
    answers = [poll for poll in polls if isinstance(poll, Answer)]
    if not answers:
        return UNASKED
    if any(answer.refuses_credentials for answer in answers):
        return does_not_hold("A poll without a credential was refused.")
    return holds(f"{len(answers)} polls were answered without one.")


def _judge_running(scene: Scene) -> Finding:
    polls = [poll for job in scene.jobs.values() for poll in job.polls]
    if not polls:
        return UNASKED
    running = sum(_status(poll) == _ACCEPTED for poll in polls)
    if running:
        return holds(f"{running} polls were answered so.")
    return could_not_tell("Each job had ended before its first poll.")


def _judge_end(scene: Scene) -> Finding:
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


def _judge_early(scene: Scene) -> Finding:
    job = scene.jobs.get(Role.FIRST)
    if job is None or not isinstance(job.early, Answer):
        return UNASKED if job is None or job.early is None else could_not_tell("No answer came.")
    return _judge_rule([job.early])


def _judge_together(scene: Scene) -> Finding:
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


def _judge_again(scene: Scene) -> Finding:
    job = scene.jobs.get(Role.FIRST)
    if job is None or job.final is None:
        return UNASKED
    return of_answer(job.again, partial(_judge_read_again, job.final))


def _judge_read_again(final: Answer, answer: Answer) -> Finding:
    if answer.status == final.status:
        return holds(f"The same came twice ({answer.told()}).")
    return does_not_hold(f"The second time came {answer.told()}.")


def _judge_result(scene: Scene) -> Finding:
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


def _judge_file(scene: Scene) -> Finding:
    return of_answer(scene.replies.get("first-file"), partial(_judge_result_file, scene))


def _judge_charge(scene: Scene) -> Finding:
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


def _judge_call(role: Role, dialect: Dialect, scene: Scene) -> Finding:
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


def _judge_deletion(dialect: Dialect, scene: Scene) -> Finding:
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


def _judge_kept(answer: Answer) -> Finding:
    if answer.status == _OK:
        return holds("Its file could still be downloaded.", "kept")
    return does_not_hold(f"Its file was answered with {answer.told()}.", "gone")


def _judge_removed(answer: Answer) -> Finding:
    told = f"It was answered with {answer.told()}."
    return holds(told) if answer.status == _OK else does_not_hold(told)


def _judge_repeat(scene: Scene) -> Finding:
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


def _judge_repeat_running(scene: Scene) -> Finding:
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


def _judge_bad_file(scene: Scene) -> Finding:
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


def _judge_failed_poll(scene: Scene) -> Finding:
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


def _judge_semi(scene: Scene) -> Finding:
    job = scene.jobs.get(Role.SEMI)
    return UNASKED if job is None else of_answer(job.start, _judge_semi_start)


def _judge_semi_start(answer: Answer) -> Finding:
    if answer.status == _OK and speaks_of_result(answer):
        return holds("The POST was answered with the result.")
    return does_not_hold(f"The POST was answered with {answer.told()} ({answer.kind}).")


def _judge_semi_poll(scene: Scene) -> Finding:
    job = scene.jobs.get(Role.SEMI)
    if job is None or not job.polls:
        return UNASKED
    return of_answer(job.final or job.polls[-1], _judge_semi_found)


def _judge_semi_found(answer: Answer) -> Finding:
    if answer.status == _OK:
        return holds("Its result could be polled, too.")
    return does_not_hold(f"Its poll was answered with {answer.told()}.")


def _judge_service_id(scene: Scene) -> Finding:
    job = scene.jobs.get(Role.PLAIN)
    return UNASKED if job is None else of_answer(job.start, partial(_judge_id_form, job.dialect))


def _judge_id_form(dialect: Dialect, answer: Answer) -> Finding:
    job_id = answer.json().get("JobId")
    if not isinstance(job_id, str):
        return could_not_tell(f"{answer.told()} held no JobId.")
    if _SERVICE_IDS[dialect].fullmatch(job_id):
        return holds(f"So it has, in the {dialect} dialect.")
    return does_not_hold(f"It has another form, of {len(job_id)} characters.")


def _judge_data(scene: Scene) -> Finding:
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


_STARTS: Final = {
    Dialect.PATH: ("`POST /async/convert/{from}/to/{to}`", "C, D", 1),
    Dialect.QUERY: ("`POST /convert/{from}/to/{to}?Async=true`", "S, A", 3),
}
_CALLED: Final = {
    Dialect.PATH: (
        "the webhook in the query is called when a conversion has succeeded",
        "the webhook is not called when a conversion has failed",
        "C",
        1,
        4,
    ),
    Dialect.QUERY: (
        "the webhook in the query is called when a conversion has succeeded",
        "the webhook is called when a conversion has failed, too",
        "S",
        3,
        10,
    ),
}


def _of_dialect(dialect: Dialect) -> tuple[Fact, ...]:
    address, source, spend = _STARTS[dialect]
    succeeded, failed, caller, call_spend, failed_spend = _CALLED[dialect]
    name = f"In the {dialect} dialect"
    return (
        Fact(
            f"start-{dialect}",
            f"{address} starts a job and answers its JobId.",
            source,
            spend,
            partial(_judge_start, dialect),
        ),
        Fact(
            f"own-id-{dialect}",
            f"{name} a JobId of one's own is taken.",
            source,
            spend,
            partial(_judge_own_id, dialect),
        ),
        Fact(
            f"delete-{dialect}",
            f"{name} a job can be deleted: 200, then 404.",
            "S, A" if dialect is Dialect.QUERY else "C",
            spend,
            partial(_judge_deletion, dialect),
        ),
        Fact(
            f"webhook-{dialect}",
            f"{name} {succeeded}.",
            caller,
            call_spend,
            partial(_judge_call, Role.FIRST, dialect),
        ),
        Fact(
            f"webhook-failed-{dialect}",
            f"{name} {failed}.",
            caller,
            failed_spend,
            partial(_judge_call, Role.FAILING, dialect),
        ),
    )


PAID_FACTS: Final = (
    *_of_dialect(Dialect.PATH),
    *_of_dialect(Dialect.QUERY),
    Fact("poll-open", "Polls need no credential.", "A, D", 1, _judge_open_polls),
    Fact("poll-running", "A poll of a running job is answered 202.", "S, A", 1, _judge_running),
    Fact("poll-done", "A poll of a finished job is answered 200.", "S, A", 1, _judge_end),
    Fact(
        "poll-early",
        "A poll right after another is answered 503, or held.",
        "S, A",
        1,
        _judge_early,
    ),
    Fact(
        "poll-together",
        "Of two polls at once, one is answered 503, or held.",
        "S, A",
        1,
        _judge_together,
    ),
    Fact("poll-again", "The end of a job can be polled more than once.", "S", 1, _judge_again),
    Fact(
        "result-form",
        "A result has `ConversionCost` and `Files` with `FileName`, `FileExt`, `FileSize`, `Url`.",
        "C, F",
        1,
        _judge_result,
    ),
    Fact(
        "result-file",
        "A result's `Url` opens without a credential, and `FileSize` is its length.",
        "C, F",
        1,
        _judge_file,
    ),
    Fact(
        "result-charge",
        "The account's counter rises by `ConversionCost`.",
        "C",
        1,
        _judge_charge,
    ),
    Fact(
        "result-outlives-job",
        "A result file outlives its job: deleting the job leaves it.",
        "C",
        1,
        on("first-file-after-delete", _judge_kept),
    ),
    Fact(
        "result-delete",
        "DELETE of a result's `Url` removes the file, without a credential.",
        "C",
        1,
        on("first-file-delete", _judge_removed),
    ),
    Fact(
        "repeated-id",
        "A JobId used again is refused, answered with the first job, or taken as another one.",
        "S",
        2,
        _judge_repeat,
    ),
    Fact(
        "bad-file-id",
        "A FileId that nobody knows fails with code 5009.",
        "A, F",
        9,
        _judge_bad_file,
    ),
    Fact(
        "poll-failed",
        "A poll of a failed conversion is answered 5XX with an integer `Code`.",
        "S, A",
        4,
        _judge_failed_poll,
    ),
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
        "file-data",
        "Without `StoreFile` the file is in the answer: as base64 `FileData`, or as its bytes.",
        "A, D",
        6,
        _judge_data,
    ),
    Fact(
        "repeated-id-running",
        "A JobId used again at once is refused, answered with the first job, or taken as another.",
        "S",
        8,
        _judge_repeat_running,
    ),
)
