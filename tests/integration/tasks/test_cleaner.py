"""What a worker clears away beside its tasks."""

from __future__ import annotations

import time

import pytest

from conveyor import State
from conveyor.ledger.keys import Keys
from workers.cleaner import clean

KEYS = Keys()


def test_worker_removes_unconverted_uploads(worker, conveyor, client, tmp_path):
    kept = conveyor.stage("kept.md", [b"# Words"])
    conveyor.stage("left.md", [b"# Words"])
    conversion = conveyor.convert(kept, to="html")
    for token in client.zrange(KEYS.staging, 0, -1):
        client.zadd(KEYS.staging, {token: 0})
    clean()

    files = [path.name for path in (tmp_path / "files" / "staged").rglob("*") if path.is_file()]
    assert files == ["kept.md"]
    worker.work()
    assert conveyor.get(conversion.id).state is State.SUCCEEDED


def test_a_worker_takes_the_forgotten_out_of_the_index(worker, conveyor, client):
    client.zadd(KEYS.state("succeeded"), {"long gone": 1.0})
    clean()

    assert conveyor.list(State.SUCCEEDED).conversions == ()
    assert conveyor.fleet().states[State.SUCCEEDED] == 0


def test_source_of_a_signature_is_kept_for_a_month_after_its_last_run(
    worker, conveyor, client, document, tmp_path
):
    signature = conveyor.signature(document, to="html")
    (token,) = client.zrange(KEYS.staging, 0, -1)
    for _ in range(2):
        # It was made, or last run, a month ago but for a minute.
        client.zadd(KEYS.staging, {token: time.time() + 60})
        result = signature.apply_async(ignore_result=True)
        worker.work()
        assert conveyor.get(result.id).state is State.SUCCEEDED
        kept_s = client.zscore(KEYS.staging, token) - time.time()
        assert kept_s == pytest.approx(30 * 24 * 3600, abs=120)

    client.zadd(KEYS.staging, {token: 0})
    clean()

    assert not any((tmp_path / "files" / "staged").iterdir())
    assert client.scard(KEYS.signed) == client.scard(KEYS.doomed) == 0


def test_cancelled_or_dead_run_leaves_the_source_of_the_next(worker, conveyor, sandbox, document):
    signature = conveyor.signature(document, to="html")
    cancelled = signature.apply_async(ignore_result=True)
    worker.run(worker.waiting()[0])
    conveyor.cancel(cancelled.id)
    worker.work()
    sandbox.set_faults({"error_5001": 1.0})
    dead = signature.apply_async(ignore_result=True)
    worker.work()
    sandbox.set_faults({})
    assert conveyor.get(dead.id).state is State.FAILED
    assert conveyor.dead_letters.purge(older_than_s=0) == 1

    last = signature.apply_async(ignore_result=True)
    worker.work()

    assert conveyor.get(last.id).state is State.SUCCEEDED
