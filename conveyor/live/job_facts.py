"""Facts about a job in each dialect: started, named, deleted, and its webhook."""

from __future__ import annotations

from functools import partial
from typing import Final

from conveyor.domain.dialect import Dialect
from conveyor.live.answers import Answer, status_of
from conveyor.live.findings import (
    UNASKED,
    Fact,
    Finding,
    could_not_tell,
    does_not_hold,
    holds,
    of_answer,
)
from conveyor.live.hosts import shown_host
from conveyor.live.scene import FAILING_ROLES, Call, Role, Scene, speaks_of_result

__all__ = ["JOB_FACTS"]

_OK: Final = 200
_ACCEPTED: Final = 202
_NOT_FOUND: Final = 404
_BUSY: Final = 503
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


def _judge_start(dialect: Dialect, scene: Scene) -> Finding:
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


def _judge_own_id(dialect: Dialect, scene: Scene) -> Finding:
    """Judge whether the service took the JobId that we gave."""
    job = scene.started_in(dialect)
    if job is None:
        return UNASKED
    if isinstance(job.start, Answer) and isinstance(job.start.json().get("JobId"), str):
        same = job.start.json()["JobId"] == job.job_id
        return holds("It came back.") if same else does_not_hold("Another one came back.")
    if any(status_of(poll) in {_OK, _ACCEPTED, _BUSY} for poll in job.polls):
        return holds("The job is known by it.")
    return could_not_tell("No JobId came back.")


def _judge_deletion(dialect: Dialect, scene: Scene) -> Finding:
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


def _judge_call(role: Role, dialect: Dialect, scene: Scene) -> Finding:
    """Judge whether the webhook was called."""
    if not scene.has_listener:
        return could_not_tell("It needs --webhook.")
    roles = (Role.FIRST, Role.SECOND) if role is Role.FIRST else FAILING_ROLES
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


JOB_FACTS: Final = (*_of_dialect(Dialect.PATH), *_of_dialect(Dialect.QUERY))
