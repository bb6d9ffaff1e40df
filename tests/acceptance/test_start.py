"""Wrong or missing settings stop a worker's start with one clear line."""

from __future__ import annotations

import sys

import pytest
import redis

from local_stack.environment import ROOT, child_environment
from local_stack.valkey import Valkey


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, ["CONVEYOR_API_SECRET is missing"]),
        (
            {"API_SECRET": "x", "POLL_SPACING_SECONDS": "1"},
            ["CONVEYOR_POLL_SPACING_SECONDS", "5 s"],
        ),
        ({"API_SECRET": "x", "API_URL": "http://example.com"}, ["CONVEYOR_API_URL", "https"]),
        ({"API_SECRET": "x", "BROKER_URL": "amqp://q"}, ["CONVEYOR_REDIS_URL is missing"]),
        ({"API_SECRET": "x", "CONCURRENCY": "many"}, ["CONVEYOR_CONCURRENCY"]),
    ],
    ids=["no-secret", "spacing", "http", "no-redis", "no-number"],
)
def test_worker_refuses_to_start(run_program, settings, words):
    result = run_program(
        [sys.executable, "-m", "celery", "-A", "workers.app", "worker"],
        cwd=ROOT,
        env=child_environment(settings),
    )

    assert result.returncode != 0
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ")
    for word in words:
        assert word in line


def test_worker_refuses_queues_of_others_in_one_line(run_program):
    """It would draw their messages, know none of their tasks, and discard them."""
    queues = "staging.submit,conveyor.submit,celery"
    result = run_program(
        [sys.executable, "-m", "celery", "-A", "workers.app", "worker", "-Q", queues],
        cwd=ROOT,
        env=child_environment({"API_SECRET": "x", "BROKER_URL": "redis://127.0.0.1:1/0"}),
    )

    assert result.returncode != 0
    *_warning_of_root, line = result.stderr.strip().splitlines()
    assert line.startswith("error: -Q names celery, staging.submit: ")


def test_purge_leaves_the_queues_of_others_alone(run_program, valkey_url):
    """``celery purge`` means Celery's default queue, too, unless the app names its own."""
    with redis.Redis.from_url(valkey_url) as client:
        client.lpush("celery", "an application's")
        client.lpush("staging.submit", "another namespace's")
        client.lpush("conveyor.submit", "ours")
        ended = run_program(
            [sys.executable, "-m", "celery", "-A", "workers.app", "purge", "-f"],
            cwd=ROOT,
            env=child_environment({"API_SECRET": "x", "BROKER_URL": valkey_url}),
        )

        left = [client.llen(name) for name in ("celery", "staging.submit", "conveyor.submit")]
    assert (ended.returncode, left) == (0, [1, 1, 0])


@pytest.fixture
def valkey_url(tmp_path):
    with Valkey(tmp_path / "valkey") as server:
        yield server.url()
