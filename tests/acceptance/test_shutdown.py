"""A worker that is asked to end brings to its end what its crew has in hand."""

from __future__ import annotations

import pytest

from conveyor import State
from workers.local.stack import LocalStack

# Longer than Celery's task waits for its crew, so that nothing of Celery's is at work any more, and
# shorter than a worker waits for its crew when it ends.
SLOW_S = 3.0


@pytest.fixture(scope="module", params=["threads", "prefork"])
def stack(request):
    options = ("--slow-seconds", f"{SLOW_S:g}")
    with LocalStack(pool=request.param, concurrency=2, sandbox_options=options) as running:
        yield running


def test_answer_of_a_post_that_is_slow_is_noted_before_the_worker_ends(
    *, stack, sandbox, conveyor, document, until
):
    (worker,) = stack.workers
    with sandbox.faults(slow_head_submit=1.0):
        handle = conveyor.convert(document, to="html")
        # The service has it, and answers byte by byte.
        until(lambda: sandbox.audit()["submits"] == 1)
        assert not conveyor.ledger.get(handle.id).confirmed
        worker.ask_to_end()
        until(lambda: not worker.is_running)
    printed = worker.printed()

    entry = conveyor.ledger.get(handle.id)
    assert (entry.state, entry.confirmed) == (State.CONVERTING, True), printed[-3000:]
    assert "Traceback" not in printed
    assert "left_at_work" not in printed

    stack.start_worker(worker)
    assert handle.wait(timeout=100).state is State.SUCCEEDED
    audit = sandbox.audit()
    assert (audit["submits"], audit["paid"], audit["violations"]) == (1, 1, 0)


def test_many_at_once_are_converted_by_whatever_pool(stack, sandbox, conveyor, document):
    """Each process of a pool has a crew of its own, with threads that no fork has left behind."""
    handles = [conveyor.convert(document, to="html") for _ in range(12)]

    assert {handle.wait(timeout=100).state for handle in handles} == {State.SUCCEEDED}
    assert sandbox.audit()["violations"] == 0
