"""Submits whose answer is lost, late, or names a job that we did not ask for (invariant I1)."""

from __future__ import annotations

from contextlib import closing

import pytest

from conveyor import ConversionFailed, FailureKind, State
from workers.local.stack import LocalStack


def test_semi_async_takes_the_answer_or_asks_for_the_job(tmp_path, sandbox_of):
    settings = {"SEMI_ASYNC_SECONDS": "3", "READ_TIMEOUT_SECONDS": "6"}
    with (
        LocalStack(settings=settings, sandbox_options=("--audit-fingerprints",)) as stack,
        closing(stack.conveyor()) as conveyor,
    ):
        sandbox = sandbox_of(stack)

        def convert(numbers):
            handles = [conveyor.convert(_document(tmp_path, n), to="html") for n in numbers]
            return [handle.wait(timeout=90) for handle in handles]

        answered = convert(range(8))
        with sandbox.faults(silent_after_submit=1.0):
            silent = convert(range(8, 12))
        audit = sandbox.audit()

    assert {conversion.state for conversion in (*answered, *silent)} == {State.SUCCEEDED}
    # Not all, perhaps: a machine that is busy answers late.
    assert min(conversion.polls for conversion in answered) == 0
    assert min(conversion.polls for conversion in silent) > 0
    assert (audit["paid"], audit["violations"]) == (12, 0)


def test_service_with_job_ids_of_its_own_is_never_paid_twice_by_itself(tmp_path, sandbox_of):
    with LocalStack() as stack, closing(stack.conveyor()) as conveyor:
        sandbox = sandbox_of(stack)
        with sandbox.faults(foreign_job_id=1.0):
            seen = conveyor.convert(_document(tmp_path, 0), to="html").wait(timeout=90)
        assert seen.state is State.SUCCEEDED

        with sandbox.faults(foreign_job_id=1.0, lost_submit=1.0):
            ambiguous = conveyor.convert(_document(tmp_path, 1), to="html")
            with pytest.raises(ConversionFailed) as raised:
                ambiguous.wait(timeout=90)
        audit = sandbox.audit()

    assert raised.value.kind == FailureKind.POSSIBLY_PAID
    assert audit["paid"] == 2


def test_setting_allows_to_pay_again(tmp_path, sandbox_of):
    with (
        LocalStack(settings={"ALLOW_REPAY": "true"}) as stack,
        closing(stack.conveyor()) as conveyor,
    ):
        sandbox = sandbox_of(stack)
        with sandbox.faults(foreign_job_id=1.0):
            conveyor.convert(_document(tmp_path, 0), to="html").wait(timeout=90)
        with sandbox.faults(foreign_job_id=1.0, lost_submit=1.0):
            ambiguous = conveyor.convert(_document(tmp_path, 1), to="html")
            with pytest.raises(ConversionFailed):
                ambiguous.wait(timeout=90)
        assert ambiguous.get().submits == 3


def test_job_that_the_service_forgot_is_a_class_of_its_own(tmp_path):
    options = ("--job-ttl", "1", "--duration", "0.1")
    settings = {"POLL_SPACING_SECONDS": "3"}
    with (
        LocalStack(settings=settings, sandbox_options=options) as stack,
        closing(stack.conveyor()) as conveyor,
    ):
        handle = conveyor.convert(_document(tmp_path, 0), to="html")
        with pytest.raises(ConversionFailed, match="no longer knows the job") as raised:
            handle.wait(timeout=90)
        counts = conveyor.fleet().counts

    assert raised.value.kind == FailureKind.EXPIRED
    assert {name: counts[name] for name in FailureKind if name in counts} == {"expired": 1}


def _document(folder, number):
    path = folder / f"{number}.md"
    path.write_text(f"# Report {number}\n")
    return path
