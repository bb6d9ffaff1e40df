"""What a Celery message costs by itself: a task that does nothing, and stores nothing.

``celery -A benchmarks.peers.empty.app worker -c 2``
"""

from __future__ import annotations

import os

from celery import Celery

app = Celery("empty", broker=os.environ["BENCH_BROKER"])
app.conf.task_acks_late = True
app.conf.task_ignore_result = True


@app.task
def nothing(number: int) -> None:
    """Do nothing."""
