from __future__ import annotations

import json
from dataclasses import replace

import pytest
from celery.app.task import Context

from conveyor.domain.canvas import Caller
from conveyor.ledger.callers import dump_caller, load_caller

SIGNATURE = {"task": "web.notify", "args": [], "kwargs": {}, "options": {}}
FULL = Caller(
    callbacks=[SIGNATURE],
    errbacks=[SIGNATURE],
    chain=[SIGNATURE, SIGNATURE],
    chord=SIGNATURE,
    group="g1",
    group_index=3,
    root_id="r1",
    parent_id="p1",
    reply_to="q1",
)


@pytest.mark.parametrize(
    "caller",
    [Caller(), FULL, Caller(group="g1", group_index=0), Caller(root_id="r1", callbacks=[])],
    ids=["none", "full", "the first of a group", "empty lists"],
)
def test_the_ledger_gives_back_what_celery_must_know(caller):
    kept = load_caller(dump_caller(caller))

    # An empty list of callbacks is none.
    assert kept in (caller, replace(caller, callbacks=None))


def test_nothing_is_kept_where_there_is_nothing():
    assert json.loads(dump_caller(Caller())) == {}


def test_a_running_tasks_canvas_is_what_its_message_said():
    request = Context(
        callbacks=[SIGNATURE],
        errbacks=[SIGNATURE],
        chain=[SIGNATURE, SIGNATURE],
        chord=SIGNATURE,
        group="g1",
        group_index=3,
        root_id="r1",
        parent_id="p1",
        reply_to="q1",
    )

    assert Caller.of(request) == FULL


def test_a_task_without_canvas_has_none():
    caller = Caller.of(Context())

    assert caller == Caller()
    assert not caller.is_called_back


def test_a_canvas_is_passed_on_by_the_names_that_celery_gives_its_messages():
    assert FULL.options() == {
        "callbacks": [SIGNATURE],
        "errbacks": [SIGNATURE],
        "chain": [SIGNATURE, SIGNATURE],
        "chord": SIGNATURE,
        "group_id": "g1",
        "group_index": 3,
        "root_id": "r1",
        "parent_id": "p1",
        "reply_to": "q1",
    }


def test_what_celery_would_send_is_counted_whole():
    other = {**SIGNATURE, "task": "web.other"}
    caller = Caller(callbacks=[SIGNATURE], errbacks=[other], chain=[SIGNATURE], chord=other)

    assert caller.signatures == [SIGNATURE, other, SIGNATURE, other]
    assert Caller().signatures == []


@pytest.mark.parametrize(
    ("caller", "is_called_back"),
    [
        (Caller(callbacks=[SIGNATURE]), True),
        (Caller(errbacks=[SIGNATURE]), True),
        (Caller(chain=[SIGNATURE]), True),
        (Caller(chord=SIGNATURE), True),
        (Caller(group="g1", group_index=0, root_id="r1", parent_id="p1"), False),
        (Caller(callbacks=[], chain=[]), False),
    ],
    ids=["link", "link_error", "chain", "chord", "group alone", "empty"],
)
def test_celery_calls_back_for_these(caller, is_called_back):
    assert caller.is_called_back is is_called_back


def test_a_replay_leaves_the_chord_out_and_keeps_the_rest():
    replayed = FULL.without_chord()

    assert (replayed.chord, replayed.group, replayed.group_index) == (None, None, None)
    assert (replayed.callbacks, replayed.errbacks) == (FULL.callbacks, FULL.errbacks)
    assert (replayed.chain, replayed.root_id) == (FULL.chain, FULL.root_id)
