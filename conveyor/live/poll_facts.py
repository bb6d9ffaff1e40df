"""Facts about polls: what each brings, and how close together they may come."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

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
from conveyor.live.scene import FAILING_ROLES, Role, Scene

__all__ = ["POLL_FACTS"]

_OK: Final = 200
_ACCEPTED: Final = 202
_NOT_FOUND: Final = 404
_BUSY: Final = 503
_SERVER_ERRORS: Final = range(500, 600)
#: A poll that took so long was held, not answered at once: the service is said to take 5 s.
_HELD_S: Final = 2.5


def _judge_open_polls(scene: Scene) -> Finding:
    """Judge whether polls are answered without a credential."""
    polls = [poll for job in scene.jobs.values() for poll in job.polls]
    answers = [poll for poll in polls if isinstance(poll, Answer)]
    if not answers:
        return UNASKED
    if any(answer.refuses_credentials for answer in answers):
        return does_not_hold("A poll without a credential was refused.")
    return holds(f"{len(answers)} polls were answered without one.")


def _judge_running(scene: Scene) -> Finding:
    """Judge what a poll brings while the job runs."""
    polls = [poll for job in scene.jobs.values() for poll in job.polls]
    if not polls:
        return UNASKED
    running = sum(status_of(poll) == _ACCEPTED for poll in polls)
    if running:
        return holds(f"{running} polls were answered so.")
    return could_not_tell("Each job had ended before its first poll.")


def _judge_end(scene: Scene) -> Finding:
    """Judge what the poll after the job's end brings."""
    job = scene.jobs.get(Role.FIRST)
    if job is None or not job.polls:
        return UNASKED
    if job.final is None:
        if status_of(job.polls[-1]) == _NOT_FOUND and job.start_was_taken():
            return does_not_hold("A job that was taken is not known to its poll (HTTP 404).")
        return could_not_tell("The job's end was not seen.")
    if job.final.status != _OK:
        return could_not_tell(f"The conversion failed ({job.final.told()}).")
    return holds(f"HTTP 200 ({job.final.kind}).")


def _judge_early(scene: Scene) -> Finding:
    """Judge what a poll brings that came too soon after the last one."""
    job = scene.jobs.get(Role.FIRST)
    if job is None or not isinstance(job.early, Answer):
        return UNASKED if job is None or job.early is None else could_not_tell("No answer came.")
    return _judge_rule([job.early])


def _judge_together(scene: Scene) -> Finding:
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


def _judge_again(scene: Scene) -> Finding:
    """Judge whether a result can be read a second time."""
    job = scene.jobs.get(Role.FIRST)
    if job is None or job.final is None:
        return UNASKED
    return of_answer(job.again, partial(_judge_read_again, job.final))


def _judge_read_again(final: Answer, answer: Answer) -> Finding:
    if answer.status == final.status:
        return holds(f"The same came twice ({answer.told()}).")
    return does_not_hold(f"The second time came {answer.told()}.")


def _judge_failed_poll(scene: Scene) -> Finding:
    """Judge what the poll of a failed job brings."""
    finals = [job.final for role in FAILING_ROLES if (job := scene.jobs.get(role)) and job.final]
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


POLL_FACTS: Final = (
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
        "poll-failed",
        "A poll of a failed conversion is answered 5XX with an integer `Code`.",
        "S, A",
        4,
        _judge_failed_poll,
    ),
)
