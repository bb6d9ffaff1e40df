"""The facts that cost conversions: what each says, its source, and what it spends."""

from __future__ import annotations

from functools import partial
from typing import Final

from conveyor.domain.dialect import Dialect
from conveyor.live.findings import (
    Fact,
    on,
)
from conveyor.live.paid_judges import (
    judge_again,
    judge_bad_file,
    judge_call,
    judge_charge,
    judge_data,
    judge_deletion,
    judge_early,
    judge_end,
    judge_failed_poll,
    judge_file,
    judge_kept,
    judge_open_polls,
    judge_own_id,
    judge_removed,
    judge_repeat,
    judge_repeat_running,
    judge_result,
    judge_running,
    judge_semi,
    judge_semi_poll,
    judge_service_id,
    judge_start,
    judge_together,
)
from conveyor.live.scene import Role

__all__ = ["PAID_FACTS"]

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
            partial(judge_start, dialect),
        ),
        Fact(
            f"own-id-{dialect}",
            f"{name} a JobId of one's own is taken.",
            source,
            spend,
            partial(judge_own_id, dialect),
        ),
        Fact(
            f"delete-{dialect}",
            f"{name} a job can be deleted: 200, then 404.",
            "S, A" if dialect is Dialect.QUERY else "C",
            spend,
            partial(judge_deletion, dialect),
        ),
        Fact(
            f"webhook-{dialect}",
            f"{name} {succeeded}.",
            caller,
            call_spend,
            partial(judge_call, Role.FIRST, dialect),
        ),
        Fact(
            f"webhook-failed-{dialect}",
            f"{name} {failed}.",
            caller,
            failed_spend,
            partial(judge_call, Role.FAILING, dialect),
        ),
    )


PAID_FACTS: Final = (
    *_of_dialect(Dialect.PATH),
    *_of_dialect(Dialect.QUERY),
    Fact("poll-open", "Polls need no credential.", "A, D", 1, judge_open_polls),
    Fact("poll-running", "A poll of a running job is answered 202.", "S, A", 1, judge_running),
    Fact("poll-done", "A poll of a finished job is answered 200.", "S, A", 1, judge_end),
    Fact(
        "poll-early",
        "A poll right after another is answered 503, or held.",
        "S, A",
        1,
        judge_early,
    ),
    Fact(
        "poll-together",
        "Of two polls at once, one is answered 503, or held.",
        "S, A",
        1,
        judge_together,
    ),
    Fact("poll-again", "The end of a job can be polled more than once.", "S", 1, judge_again),
    Fact(
        "result-form",
        "A result has `ConversionCost` and `Files` with `FileName`, `FileExt`, `FileSize`, `Url`.",
        "C, F",
        1,
        judge_result,
    ),
    Fact(
        "result-file",
        "A result's `Url` opens without a credential, and `FileSize` is its length.",
        "C, F",
        1,
        judge_file,
    ),
    Fact(
        "result-charge",
        "The account's counter rises by `ConversionCost`.",
        "C",
        1,
        judge_charge,
    ),
    Fact(
        "result-outlives-job",
        "A result file outlives its job: deleting the job leaves it.",
        "C",
        1,
        on("first-file-after-delete", judge_kept),
    ),
    Fact(
        "result-delete",
        "DELETE of a result's `Url` removes the file, without a credential.",
        "C",
        1,
        on("first-file-delete", judge_removed),
    ),
    Fact(
        "repeated-id",
        "A JobId used again is refused, answered with the first job, or taken as another one.",
        "S",
        2,
        judge_repeat,
    ),
    Fact(
        "bad-file-id",
        "A FileId that nobody knows fails with code 5009.",
        "A, F",
        9,
        judge_bad_file,
    ),
    Fact(
        "poll-failed",
        "A poll of a failed conversion is answered 5XX with an integer `Code`.",
        "S, A",
        4,
        judge_failed_poll,
    ),
    Fact(
        "semi-async",
        "With `JobId` and without `Async` the POST is answered with the result.",
        "S",
        5,
        judge_semi,
    ),
    Fact(
        "semi-async-poll",
        "Such a conversion can be polled by its JobId like any other.",
        "S",
        5,
        judge_semi_poll,
    ),
    Fact(
        "service-id",
        "A JobId of the service's is a UUID (query), or 32 of a-z and 0-9 (path).",
        "S, C",
        6,
        judge_service_id,
    ),
    Fact(
        "file-data",
        "Without `StoreFile` the file is in the answer: as base64 `FileData`, or as its bytes.",
        "A, D",
        6,
        judge_data,
    ),
    Fact(
        "repeated-id-running",
        "A JobId used again at once is refused, answered with the first job, or taken as another.",
        "S",
        8,
        judge_repeat_running,
    ),
)
