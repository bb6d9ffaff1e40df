from __future__ import annotations

import pytest

from benchmarks.redis_use import RedisUse, counting, measuring_client
from local_stack.valkey import Valkey


@pytest.fixture(scope="module")
def valkey():
    with Valkey() as running:
        yield running


def test_producers_requests_are_not_counted_as_the_workers(valkey):
    with counting() as sent, valkey.client() as producer, measuring_client(valkey.url()) as client:
        producer.ping()
        RedisUse.now(client, sent)  # connects
        before = RedisUse.now(client, sent)
        client.get("what only measures")
        with producer.pipeline(transaction=False) as pipe:
            for number in range(10):
                pipe.lpush("queue", number)
            pipe.execute()
        used = RedisUse.now(client, sent) - before

    assert used.messages == 10
    assert used.commands == 10
    assert used.reads == 0


def test_pipeline_of_another_process_is_one_round_trip(valkey):
    with valkey.client() as other, measuring_client(valkey.url()) as client:
        other.ping()
        with counting() as sent:
            RedisUse.now(client, sent)
            before = RedisUse.now(client, sent)
        # Past the counter, as another process's are.
        with other.pipeline(transaction=False) as pipe:
            for number in range(10):
                pipe.set(f"key{number}", number)
            pipe.execute()
        with counting() as again:
            after = RedisUse.now(client, again)

    used = after - before
    assert used.commands == 10
    assert used.bytes_in > 200
    # One of them, and what was sent to read the counts before is not in the new counter.
    assert used.reads - sent.times == 1
