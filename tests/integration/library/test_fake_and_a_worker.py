"""The fake, and an application's own worker in a thread, with broker and results in memory."""

from __future__ import annotations

import pytest
from celery import chord
from celery.contrib.testing.worker import start_worker

from conveyor import ConversionFailed, Reason, State
from tests.unit.conveyor.testing.conftest import URL, fake_of, in_memory

__all__ = ["fake_of", "in_memory"]  # fixtures

PATIENCE_S = 60


@pytest.fixture
def worker(in_memory):
    """The shop's own worker, in a thread."""
    with start_worker(in_memory.app, perform_ping_check=False, pool="solo"):
        yield


@pytest.mark.usefixtures("worker")
def test_result_callbacks_chain_and_chord_of_an_app_in_memory(in_memory, fake_of):
    fake = fake_of(in_memory.app)
    chain = fake.signature(URL, to="docx") | fake.signature(to="pdf") | in_memory.mail.s("a@b")
    mailed = chain.apply_async()
    fake.succeed(mailed.parent.parent.id)
    fake.succeed(mailed.parent.id)
    assert mailed.get(timeout=PATIENCE_S) == "a@b"

    parts = [fake.signature(f"https://example.com/{name}.docx", to="pdf") for name in "ab"]
    collected = chord(parts)(in_memory.collect.s())
    for part in fake.enqueued[-2:]:
        fake.succeed(part)
    assert collected.get(timeout=PATIENCE_S) == 2

    linked = fake.signature(URL, to="pdf").apply_async(link_error=in_memory.sorry.s())
    assert fake.get(linked.id).state is State.QUEUED
    fake.fail(linked.id, Reason.DAMAGED)
    with pytest.raises(ConversionFailed, match="damaged"):
        linked.get(timeout=PATIENCE_S)
    assert in_memory.mails[-1] == (linked.id, Reason.DAMAGED)
