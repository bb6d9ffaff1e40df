from __future__ import annotations

import json
import time
from contextlib import closing

import pytest
from celery import Celery, states

from benchmarks.outcomes import Outcomes
from local_stack.valkey import Valkey

# Celery's own way of storing.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")


@pytest.fixture(scope="module")
def valkey():
    with Valkey() as running:
        yield running


@pytest.fixture
def backend(valkey):
    with closing(Celery(broker=valkey.url(), backend=valkey.url())) as app:
        yield app.backend


def test_result_is_seen_when_celery_stores_it(valkey, backend):
    with Outcomes(valkey.url()) as outcomes:
        before = time.time()
        backend.store_result("good", {"size": 1}, states.SUCCESS)
        backend.store_result("bad", ValueError("no"), states.FAILURE)

        assert outcomes.wait({"good", "bad"}, 30) == set()
        (at, good), (_, bad) = outcomes.seen["good"], outcomes.seen["bad"]
        assert before <= at <= time.time()
        assert (good, bad) == (True, False)
        assert outcomes.silent == 0


def test_state_on_the_way_is_not_an_outcome(valkey, backend):
    with Outcomes(valkey.url(), look_s=0.05) as outcomes:
        backend.store_result("again", ValueError("later"), states.RETRY)

        assert outcomes.wait({"again"}, 1) == {"again"}


def test_result_that_was_not_published_is_found_and_counted(valkey):
    with Outcomes(valkey.url(), look_s=0.05) as outcomes, valkey.client() as client:
        result = {"status": "SUCCESS", "date_done": "2026-01-02T03:04:05.500000+00:00"}
        client.set("celery-task-meta-quiet", json.dumps(result))

        assert outcomes.wait({"quiet"}, 30) == set()
        assert outcomes.seen["quiet"] == (1767323045.5, True)
        assert outcomes.silent == 1
