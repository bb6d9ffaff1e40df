"""A crew that is at work on what takes long takes nothing new: one bell comes later for it."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from conveyor import State, names
from conveyor.ledger.keys import Keys

KEYS = Keys()


@pytest.fixture
def no_room(worker, monkeypatch):
    """Have the crew be busy for as long as the block runs."""

    @contextmanager
    def busy():
        @contextmanager
        def turn(_patience_s):
            yield 0

        with monkeypatch.context() as patch:
            patch.setattr(worker.services.crew, "turn", turn)
            yield

    return busy


@pytest.mark.parametrize("name", [names.SUBMIT, names.POLL, names.DELIVER])
def test_bell_without_room_takes_nothing_and_is_rung_again_within_a_second_or_two(
    worker, client, no_room, name
):
    kind = name.rpartition(".")[2]
    client.zadd(KEYS.due(kind), {"somebody": 1})
    began, _ = client.time()
    with no_room():
        for _ in range(5):
            worker.ring(name)
    messages = worker.waiting()

    assert {message.task for message in messages} == {name}
    # One a slot, however many ask in it.
    assert len({message.due_at for message in messages}) == len(messages)
    now, _ = client.time()
    assert all(began + 1 <= message.due_at <= now + 2.5 for message in messages)
    assert client.zscore(KEYS.due(kind), "somebody") == 1


def test_bell_without_room_is_not_rung_again_where_nothing_is_due(worker, no_room):
    with no_room():
        worker.ring(names.SUBMIT)

    assert worker.waiting() == []


def test_what_found_no_room_is_done_when_there_is_some(worker, conveyor, document, no_room):
    handle = conveyor.convert(document, to="html")
    with no_room():
        for message in worker.waiting():
            worker.run(message)
    assert handle.get().state is State.QUEUED
    worker.work()

    assert handle.get().state is State.SUCCEEDED
