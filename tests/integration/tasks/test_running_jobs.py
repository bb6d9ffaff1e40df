"""A job that is paid and runs is deleted by nobody; what has ended is."""

from __future__ import annotations

from conveyor import State


def test_clean_up_deletes_no_job_that_runs_and_its_result_comes(
    worker, conveyor, document, sandbox, clean
):
    handle = conveyor.convert(document, to="html")
    worker.run(worker.waiting()[0])
    assert handle.get().state is State.CONVERTING
    clean()
    clean()

    assert worker.services.ledger.leftovers.claim(10, 60) == []
    worker.work()
    assert handle.get().state is State.SUCCEEDED
    assert sandbox.audit()["paid"] == 1


def test_answer_to_a_conversion_that_continues_leaves_nothing_to_delete(
    worker, conveyor, document, sandbox, clean
):
    """Only a cancelled one has its job deleted when a late answer brings it."""
    handle = conveyor.convert(document, to="html")
    (bell,) = worker.waiting()
    worker.run(bell)
    # A note that is refused because the turn has moved on, as after a stopped process.
    worker.services.ledger.stumbled(worker.services.ledger.get(handle.id), 0)
    clean()
    worker.work()
    clean()

    assert handle.get().state is State.SUCCEEDED
    assert sandbox.audit()["paid"] == 1
