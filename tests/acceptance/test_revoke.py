"""`AsyncResult.revoke()`, `GroupResult.revoke()` and Flower's button end it as `cancel()` does.

Celery's workers keep revoked ids for hours and discard what comes under them; a conversion's
outcome is delivered under its caller's task id.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from uuid import uuid4

import pytest
from celery import group
from celery.exceptions import TaskRevokedError
from celery.worker import state as worker_state

from conveyor import ConversionCancelled, State
from workers.local.environment import ROOT
from workers.local.process import Child
from workers.local.stack import LocalStack, consumes

RACES = 24
# Between a signature and its revoke.
MOMENTS_S = (0, 0.005, 0.02, 0.1)


@pytest.fixture(scope="module")
def stack():
    with LocalStack(workers=2, sandbox_options=("--duration", "0.2-0.8")) as running:
        yield running


@pytest.fixture
def document(unlike_document):
    """Others would be deleted with it: the sandbox converts equal ones once."""
    return unlike_document


@contextmanager
def told(stack, conversion_id):
    """What reaches whoever waits for the result."""
    with closing(stack.valkey.client()) as client, closing(client.pubsub()) as channel:
        channel.subscribe(f"celery-task-meta-{conversion_id}")
        channel.get_message(timeout=5)
        heard = []

        def look(for_s=0.0):
            while message := channel.get_message(timeout=for_s):
                heard.append(message["data"])
            return heard

        yield look


def assert_cancelled(conveyor, conversion_id):
    with pytest.raises(ConversionCancelled):
        conveyor.celery_app.AsyncResult(conversion_id).get(timeout=90)
    assert conveyor.get(conversion_id).state is State.CANCELLED
    assert conveyor.dead_letters.list() == []


@pytest.mark.parametrize(
    "options",
    [{}, {"terminate": True}, {"terminate": True, "signal": "SIGKILL"}],
    ids=["revoke", "terminate", "kill"],
)
def test_revoked_while_converting_is_cancelled_and_its_job_deleted(
    *, stack, sandbox, conveyor, document, until, audit_at_rest, options
):
    with sandbox.faults(gateway_poll=1.0):  # so that it can't be faster
        handle = conveyor.convert(document, to="html")
        until(lambda: sandbox.audit()["jobs"] > audit_at_rest["jobs"])
        with told(stack, handle.id) as heard:
            conveyor.celery_app.AsyncResult(handle.id).revoke(**options)
            assert_cancelled(conveyor, handle.id)
            # Both workers heard of it; each that revokes it once more changes nothing.
            conveyor.celery_app.control.revoke([handle.id], **options, reply=True, timeout=2)
            assert len(heard(for_s=0.5)) == 1
    until(lambda: sandbox.audit()["deleted_jobs"] == audit_at_rest["deleted_jobs"] + 1)
    assert [worker.exit_status for worker in stack.workers] == [None, None]
    assert "Traceback" not in "".join(worker.printed() for worker in stack.workers)


def test_revoked_in_flower_while_converting_is_cancelled(
    *, sandbox, conveyor, document, until, flower
):
    with sandbox.faults(gateway_poll=1.0):
        handle = conveyor.convert(document, to="html")
        until(lambda: handle.state is State.CONVERTING)
        flower.press_revoke(handle.id)
        assert_cancelled(conveyor, handle.id)


def test_revoked_while_its_result_waits_is_cancelled_and_leaves_no_file(
    *, stack, sandbox, conveyor, document, until, audit_at_rest
):
    with sandbox.faults(truncated_download=1.0):
        handle = conveyor.convert(document, to="html")
        until(lambda: handle.state is State.READY and bool(handle.progress().note))
        conveyor.celery_app.control.terminate(handle.id)
        assert_cancelled(conveyor, handle.id)
    until(lambda: sandbox.audit()["deleted_jobs"] == audit_at_rest["deleted_jobs"] + 1)
    until(lambda: not list((stack.directory / "files").rglob("*.html")))
    until(lambda: not list((stack.directory / "files" / "staged").rglob("*.md")))


def test_revoked_group_is_cancelled(sandbox, conveyor, tmp_path, until):
    with sandbox.faults(gateway_poll=1.0):
        parts = []
        for number in range(3):
            document = tmp_path / f"{number}.md"
            document.write_text(f"# Report {uuid4()}\n")
            parts.append(conveyor.signature(document, to="html"))
        result = group(parts).apply_async()
        for part in result:
            until(lambda part=part: _state(conveyor, part.id) is State.CONVERTING)
        result.revoke()
        for part in result:
            assert_cancelled(conveyor, part.id)


def test_revoked_after_success_changes_nothing(stack, conveyor, document):
    handle = conveyor.convert(document, to="html")
    done = handle.wait(timeout=90)
    result = conveyor.celery_app.AsyncResult(handle.id)
    before = result.get(timeout=90)
    with told(stack, handle.id) as heard:
        conveyor.celery_app.control.revoke(handle.id, terminate=True, reply=True, timeout=5)
        assert heard(for_s=1) == []
    assert result.get(timeout=90) == before
    assert handle.get() == done


def test_signature_revoked_before_it_begins_is_not_paid(
    *, stack, sandbox, conveyor, document, until, unacknowledged, audit_at_rest
):
    result = conveyor.signature(document, to="html").apply_async(countdown=4)
    until(lambda: unacknowledged(stack, 0))  # a worker keeps it until its time

    result.revoke()

    with pytest.raises(TaskRevokedError):
        result.get(timeout=90)
    assert result.state == "REVOKED"
    assert unacknowledged(stack) == 0  # its time has come
    assert result.state == "REVOKED"
    assert sandbox.audit()["paid"] == audit_at_rest["paid"]


def test_revoke_that_races_the_submit_has_one_outcome_and_swallows_no_delivery(
    *, stack, sandbox, conveyor, tmp_path, until, unacknowledged
):
    def enqueue_and_revoke(number):
        document = tmp_path / f"{number}.md"
        document.write_text(f"# Report {uuid4()}\n")
        result = conveyor.signature(document, to="html").apply_async()
        time.sleep(MOMENTS_S[number % len(MOMENTS_S)])
        result.revoke()
        return result

    states = []
    # So that none has succeeded before its revoke, where the machine is busy.
    with sandbox.faults(gateway_poll=1.0), ThreadPoolExecutor(8) as pool:
        for result in list(pool.map(enqueue_and_revoke, range(RACES))):
            with pytest.raises((TaskRevokedError, ConversionCancelled)):
                result.get(timeout=90)
            # Some have begun, and some have not.
            states.append(_state(conveyor, result.id))
    assert set(states) <= {None, State.CANCELLED}
    assert unacknowledged(stack, 100) == 0
    until(lambda: sandbox.audit()["jobs_by_outcome"]["in_progress"] == 0)


def test_ids_in_a_workers_state_file_swallow_no_delivery(stack, conveyor, document):
    """Celery's ``--statedb`` keeps revoked ids for hours; neighbours may have told some, too."""
    for worker in stack.workers:
        worker.stop()
    handle = conveyor.convert(document, to="html")
    file = stack.directory / "worker.state"
    kept = worker_state.Persistent(worker_state, str(file))
    worker_state.revoked.add(handle.id)
    kept.save()
    worker_state.revoked.discard(handle.id)
    with _worker(stack, conveyor, f"--statedb={file}"):
        assert handle.wait(timeout=90).files
        result = conveyor.celery_app.AsyncResult(handle.id).get(timeout=90)
    assert result["state"] == "succeeded"
    for worker in stack.workers:
        stack.start_worker(worker)


@contextmanager
def _worker(stack, conveyor, *options):
    node = "other@localhost"
    worker = Child(
        "other",
        [*(sys.executable, "-m", "celery", "-A", "workers.app", "worker"), "-n", node, *options],
        log=stack.directory / "other.log",
        env=stack.environment(),
        cwd=ROOT,
    )
    worker.start()
    try:
        worker.wait_ready(consumes(conveyor, node))
        yield worker
    finally:
        worker.stop()


def _state(conveyor, conversion_id):
    try:
        return conveyor.get(conversion_id).state
    except LookupError:
        return None
