"""What a worker clears away beside its tasks."""

from __future__ import annotations

from conveyor import State
from conveyor.ledger.keys import Keys
from workers.tidy import tidy

KEYS = Keys()


def test_a_worker_removes_what_nobody_has_converted(worker, conveyor, client, tmp_path):
    kept = conveyor.stage("kept.md", [b"# Words"])
    conveyor.stage("left.md", [b"# Words"])
    conversion = conveyor.convert(kept, to="html")
    for token in client.zrange(KEYS.staging, 0, -1):
        client.zadd(KEYS.staging, {token: 0})
    tidy()

    files = [path.name for path in (tmp_path / "files" / "staged").rglob("*") if path.is_file()]
    assert files == ["kept.md"]
    worker.work()
    assert conveyor.get(conversion.id).state is State.SUCCEEDED


def test_a_worker_takes_the_forgotten_out_of_the_index(worker, conveyor, client):
    client.zadd(KEYS.state("succeeded"), {"long gone": 1.0})
    tidy()

    assert conveyor.list(State.SUCCEEDED).conversions == ()
    assert conveyor.fleet().states[State.SUCCEEDED] == 0


def test_a_signatures_source_is_its_own_once_it_runs(worker, conveyor, client, document):
    result = conveyor.signature(document, to="html").apply_async()
    assert client.zcard(KEYS.staging) == 1
    worker.run(worker.waiting()[0])

    assert client.zcard(KEYS.staging) == 0
    worker.work()
    assert conveyor.get(result.id).state is State.SUCCEEDED
