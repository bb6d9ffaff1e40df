"""Workers go on when their broker has been away, and need nobody to start them again."""

from __future__ import annotations

import time
from contextlib import closing

from conveyor import State
from local_stack.stack import LocalStack

CONVERSIONS = 20


def test_workers_outlive_a_broker_that_is_restarted(sandbox_of, until):
    """They hold countdowns when it goes, which is when Celery's own consumer ends its worker."""
    with (
        LocalStack(workers=2, sandbox_options=("--duration", "8-10")) as stack,
        closing(stack.conveyor()) as conveyor,
    ):
        source = [conveyor.stage("a.md", [b"# Words\n"]) for _ in range(CONVERSIONS)]
        handles = [conveyor.convert(each, to="html") for each in source]
        with sandbox_of(stack).faults(gateway_poll=1.0):  # so that none ends before the last begins
            until(lambda: {handle.state for handle in handles} == {State.CONVERTING})
        stack.valkey.kill()
        time.sleep(2)
        stack.valkey.start()
        done = [handle.wait(timeout=120) for handle in handles]
        audit = sandbox_of(stack).audit()

        assert {each.state for each in done} == {State.SUCCEEDED}
        assert (audit["paid"], audit["violations"]) == (CONVERSIONS, 0)
        assert [worker.exit_status for worker in stack.workers] == [None, None]
