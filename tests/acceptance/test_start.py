"""Wrong or missing settings stop a worker's start with one clear line."""

from __future__ import annotations

import subprocess
import sys

import pytest

from workers.local.environment import ROOT, child_environment


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, ["CONVEYOR_API_SECRET is missing"]),
        ({"API_SECRET": "x", "POLL_SPACING": "1"}, ["CONVEYOR_POLL_SPACING", "5 s"]),
        ({"API_SECRET": "x", "API_URL": "http://example.com"}, ["CONVEYOR_API_URL", "https"]),
        ({"API_SECRET": "x", "BROKER_URL": "amqp://q"}, ["CONVEYOR_REDIS_URL is missing"]),
        ({"API_SECRET": "x", "CONCURRENCY": "many"}, ["CONVEYOR_CONCURRENCY"]),
    ],
    ids=["no-secret", "spacing", "http", "no-redis", "no-number"],
)
def test_worker_refuses_to_start(settings, words):
    result = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "workers.app", "worker"],
        cwd=ROOT,
        env=child_environment(settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert result.returncode != 0
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ")
    for word in words:
        assert word in line
