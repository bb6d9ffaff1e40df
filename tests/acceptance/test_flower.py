"""Flower shows each conversion as one task, from when it is enqueued until its caller knows."""

from __future__ import annotations

import pytest
from celery import Signature

from conveyor import State
from local_stack.stack import LocalStack

# Seconds that a conversion takes: so long it is seen under way.
DURATION_S = 1.5


@pytest.fixture(scope="module", params=["threads", "prefork"])
def stack(request):
    options = ("--duration", str(DURATION_S))
    with LocalStack(pool=request.param, concurrency=2, sandbox_options=options) as running:
        yield running


def test_each_conversion_is_shown_until_its_end_and_nothing_else_is(
    *, stack, conveyor, document, tmp_path, flower, until
):
    damaged = tmp_path / "damaged.pdf"
    damaged.write_text("This is no PDF.")
    called_back = conveyor.signature(document, to="html")
    called_back.link(Signature("web.note", queue="nobody", app=conveyor.celery_app))

    done = conveyor.convert(document, to="pdf")
    until(lambda: flower.task(done.id).get("sent"))
    failed = conveyor.convert(damaged, to="split")
    followed = called_back.apply_async()
    cancelled = conveyor.convert(document, to="txt")
    cancelled.cancel()
    file = done.wait(timeout=90).files[0]

    ends = {done.id: "SUCCESS", failed.id: "FAILURE", followed.id: "SUCCESS"}
    ends[cancelled.id] = "FAILURE"
    until(lambda: {each: flower.task(each).get("state") for each in ends} == ends)
    success, failure = flower.task(done.id), flower.task(failed.id)
    assert State.SUCCEEDED.value in success["result"]
    assert file.name in success["result"]
    assert success["worker"] == failure["worker"] == "worker-1@localhost"
    assert success["sent"] <= success["started"] <= success["succeeded"]
    assert success["runtime"] < success["succeeded"] - success["sent"]
    assert "ConversionFailed" in failure["exception"]
    assert flower.tasks() == set(ends), "bells are no news"


def test_outcome_of_a_stopping_worker_is_shown(*, stack, conveyor, document, flower, until):
    handles = [conveyor.convert(document, to="pdf") for _ in range(10)]
    until(lambda: all(handle.state.is_final for handle in handles))
    stack.workers[0].stop()

    try:
        until(lambda: {flower.task(each.id).get("state") for each in handles} == {"SUCCESS"})
    finally:
        stack.start_worker(stack.workers[0])
