"""A conversion is cancelled in any state, and a cancel that races a result has one outcome."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from conveyor import ConversionCancelled, Handle, State, UnknownConversion
from workers.local.stack import LocalStack

RACES = 40


@pytest.fixture(scope="module")
def stack():
    with LocalStack(workers=2, sandbox_options=("--duration", "0.2-0.8")) as running:
        yield running


@pytest.fixture
def document(unlike_document):
    """Others would be deleted with it: the sandbox converts equal ones once."""
    return unlike_document


def assert_cancelled(conveyor, handle) -> None:
    with pytest.raises(ConversionCancelled):
        conveyor.celery_app.AsyncResult(handle.id).get(timeout=90)
    with pytest.raises(ConversionCancelled):
        handle.wait(timeout=0)
    assert handle.state is State.CANCELLED
    assert conveyor.dead_letters.list() == []
    with pytest.raises(UnknownConversion):
        conveyor.dead_letters.show(handle.id)


def test_queued(*, stack, sandbox, conveyor, document, until, audit_at_rest):
    with sandbox.faults(throttle_submit=1.0):
        handle = conveyor.convert(document, to="html")
        until(lambda: "throttling" in handle.progress().note)
        assert handle.cancel().state is State.CANCELLED
        assert_cancelled(conveyor, handle)
    # The bell that was rung for it still comes, and finds nothing due.
    time.sleep(1)
    assert sandbox.audit()["paid"] == audit_at_rest["paid"]
    until(lambda: not list((stack.directory / "files" / "staged").rglob("*.md")))


def test_converting(sandbox, conveyor, document, until, audit_at_rest):
    with sandbox.faults(gateway_poll=1.0):  # so that it can't be faster
        handle = conveyor.convert(document, to="html")
        until(lambda: sandbox.audit()["jobs"] > audit_at_rest["jobs"])
        assert conveyor.cancel(handle.id).state is State.CANCELLED
    assert_cancelled(conveyor, handle)
    until(lambda: sandbox.audit()["deleted_jobs"] == audit_at_rest["deleted_jobs"] + 1)


def test_ready(*, stack, sandbox, conveyor, document, until, audit_at_rest):
    with sandbox.faults(truncated_download=1.0):
        handle = conveyor.convert(document, to="html")
        until(lambda: handle.state is State.READY and bool(handle.progress().note))
        # It was charged, and stays so.
        assert handle.cancel().cost == 1
        assert_cancelled(conveyor, handle)
    until(lambda: sandbox.audit()["deleted_jobs"] == audit_at_rest["deleted_jobs"] + 1)
    until(lambda: not list((stack.directory / "files" / "results").rglob("*.html")))


def test_ended(conveyor, document):
    handle = conveyor.convert(document, to="html")
    done = handle.wait(timeout=90)
    assert handle.cancel() == done
    assert b"".join(conveyor.storage.read(done.files[0].uri))
    assert conveyor.celery_app.AsyncResult(handle.id).get(timeout=90)["state"] == "succeeded"


def test_a_cancel_that_races_a_result_has_one_outcome(
    *, sandbox, conveyor, tmp_path, unacknowledged, stack, until, audit_at_rest
):
    counted, dice = conveyor.fleet().counts, random.Random(7)
    moments_s = [dice.uniform(0, 3) for _ in range(RACES)]

    def convert_and_cancel(number: int) -> tuple[Handle, State]:
        document = tmp_path / f"{number}.md"
        document.write_text(f"# Report {number}\n")
        handle = conveyor.convert(document, to="html")
        if number % 2:
            time.sleep(moments_s[number])
        else:
            until(lambda: handle.state in (State.READY, State.SUCCEEDED))
            # On a busy machine a delivery takes longer than the look before it.
            time.sleep(number / 8)
        return handle, handle.cancel().state

    with ThreadPoolExecutor(RACES) as pool:
        ended = list(pool.map(convert_and_cancel, range(RACES)))

    for handle, state in ended:
        result = conveyor.celery_app.AsyncResult(handle.id)
        if state is State.SUCCEEDED:
            assert result.get(timeout=90)["state"] == "succeeded"
            assert handle.wait(timeout=0).files
        else:
            assert state is State.CANCELLED
            with pytest.raises(ConversionCancelled):
                result.get(timeout=90)
        assert handle.state is state
    counts = conveyor.fleet().counts
    outcomes = [counts.get(name, 0) - counted.get(name, 0) for name in ("succeeded", "cancelled")]
    assert sum(outcomes) == RACES
    assert all(outcomes), "a race that one side always wins is none"
    # A poll that was to come finds it ended; it waits for a minute at most.
    assert unacknowledged(stack, 100) == 0
    until(lambda: sandbox.audit()["jobs_by_outcome"]["in_progress"] == 0)
    after = sandbox.audit()
    assert after["violations"] == 0
    assert after["paid"] - audit_at_rest["paid"] <= RACES
