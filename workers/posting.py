"""The POST that starts a job: its intent is on record before it goes out (invariant I1)."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Final

from conveyor.domain.answers import Finished, NotFound, Started, SubmitAnswer
from conveyor.domain.dialect import Dialect
from conveyor.domain.service_form import form_of
from conveyor.ledger import Entry, Submission
from conveyor.ledger.governor import Admission
from conveyor.ledger.turnstile import Pass
from workers.heartbeat import Work
from workers.services import Services

__all__ = ["Posted", "post"]

# A process that was stopped between intent and POST for so long may have been taken for dead: it
# must not POST any more. Whoever claims it next asks for the job first.
_SLEPT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Posted:
    """A POST and its answer.

    Attributes:
        before: The conversion as it stood before.
        job: What was posted.
        passed: The turnstile's pass, with the conversion as it stood when the POST began.
        answer: The answer.
        at: When it went out, by this process's clock.
    """

    before: Entry
    job: Submission
    passed: Pass
    answer: SubmitAnswer
    at: float


def post(services: Services, passed: Pass, admission: Admission, work: Work) -> Posted | None:
    """POST in the first dialect whose address the service knows.

    Args:
        services: What the process works with.
        passed: The turnstile's pass, with the conversion and its uploaded sources.
        admission: How the account stood when the conversion was taken.
        work: What the heartbeat keeps.

    Returns:
        The POST and its answer; None where we came too late, and another goes on with it.
    """
    wait_s = _wait_s(services, passed.entry)
    work.may_take(services.most_answer_s + wait_s)
    for dialect in (candidates := _candidates(services, passed.entry, wait_s)):
        posted = _post_in(dialect, services, passed, admission, wait_s)
        if posted is None:
            return None
        if isinstance(posted.answer, Started | Finished):
            services.dialects.worked(dialect)
        is_last = dialect is candidates[-1]
        if not isinstance(posted.answer, NotFound) or is_last:
            return posted
        put_back = services.ledger.put_back(
            posted.passed.entry, 0, "trying the other dialect", leaving=posted.passed.leaving
        )
        if put_back is None:
            return None
        passed = replace(passed, entry=put_back)
    return None


def _candidates(services: Services, entry: Entry, wait_s: float) -> tuple[Dialect, ...]:
    """A POST is repeated as it was: only the same id tells the service that it is a repetition."""
    if entry.lost:
        return (entry.dialect,)
    return (Dialect.QUERY,) if wait_s else services.dialects.candidates()


def _wait_s(services: Services, entry: Entry) -> float:
    if entry.lost and entry.dialect is not Dialect.QUERY:
        return 0.0
    return entry.request.wait_s(services.settings.semi_async_seconds)


def _post_in(
    dialect: Dialect, services: Services, passed: Pass, admission: Admission, wait_s: float
) -> Posted | None:
    """Record the intent, and POST."""
    entry = passed.entry
    job = Submission(
        dialect.job_id(services.job_uuid(entry)),
        services.api.base_url,
        dialect,
        services.governor.account,
        admission.foreign_ids,
        webhook=bool(services.settings.webhook_url),
    )
    noted_at = time.monotonic()
    begun = services.ledger.begin_submit(entry, job, passed.entering)
    if begun is None or time.monotonic() - noted_at > _SLEPT_S:
        return None
    passed, posted_at = replace(passed, entry=begun), time.monotonic()
    return Posted(entry, job, passed, _start(services, passed, wait_s), posted_at)


def _start(services: Services, passed: Pass, wait_s: float) -> SubmitAnswer:
    entry, request = passed.entry, passed.entry.request
    try:
        return services.api.start(
            entry.dialect,
            (request.from_format, request.to_format),
            form_of(request, entry.uploads),
            entry.job_id,
            services.keeper(entry.id),
            webhook=services.webhook(entry.id),
            wait_s=wait_s,
        )
    except BaseException:
        services.turnstile.leave(passed)
        raise
