from __future__ import annotations

import pytest

from benchmarks.profile import owner_of, shares_of

TRACE = "worker (celery/bin/worker.py:400);fast_trace_task (celery/app/trace.py:798)"


@pytest.mark.parametrize(
    ("frames", "owner"),
    [
        ("poll (tasks/poll.py:9);ask (conveyor/convertapi/client.py:8);send (socket.py:7)", "HTTP"),
        ("move (conveyor/ledger/ledger.py:9);execute (redis/client.py:8)", "ledger"),
        ("publish (kombu/messaging.py:9);execute (redis/client.py:8)", "Celery"),
        ("store (workers/reporting.py:9);set (celery/backends/redis.py:8)", "results"),
        ("poll (tasks/poll.py:9);sorted (typing.py:8)", "Conveyor's own steps"),
    ],
)
def test_stack_belongs_to_the_innermost_that_is_not_a_tool(frames, owner):
    assert owner_of(f"{TRACE};{frames}") == owner


def test_shares_are_of_all_samples():
    lines = [f"{TRACE} 3", "run (threading.py:9) 1"]

    assert shares_of(lines) == {"Celery": 0.75, "the rest": 0.25}
