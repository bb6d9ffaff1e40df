from __future__ import annotations

import sys

import pytest

from benchmarks.loads import LOADS
from benchmarks.run import run

linux = pytest.mark.skipif(sys.platform != "linux", reason="CPU and memory are read from /proc")


@linux
def test_messages_are_measured_with_a_real_worker(tmp_path):
    figures = run(LOADS["empty"].scaled(0.02), "empty-threads", tmp_path)

    assert figures.conversions == 100
    # Celery's worker sends some of its own.
    assert 1 <= figures.messages < 1.5
    assert figures.round_trips > 1
    assert 0 < figures.worker_cpu_ms < 1000
    assert figures.rss_mb > 20
    assert (tmp_path / "worker1.log").exists()
