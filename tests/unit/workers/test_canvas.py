"""The caller's canvas: what is sent to whom, in which order, and under which ids."""

from __future__ import annotations

from types import SimpleNamespace
from uuid import UUID, uuid5

import pytest
from celery import Celery
from celery.app.task import Context
from celery.backends.redis import RedisBackend
from celery.states import FAILURE, SUCCESS

from conveyor.domain.conversion import Failure, FailureKind, State
from conveyor.messaging import canvas
from conveyor.messaging.canvas import steps_of
from conveyor.messaging.recipient import Recipient
from tests.unit.workers.parts import entry_of

SUCCEEDED = entry_of(state=State.SUCCEEDED)
FAILED = entry_of(state=State.FAILED, failure=Failure(FailureKind.INPUT, "Damaged.", code=5003))
LINK = {"task": "app.link", "options": {}}
NEXT = {"task": "app.next", "options": {"queue": "q"}}
LAST = {"task": "app.last", "options": {"task_id": "last"}}


class Backend:
    """A result backend that notes what it is asked."""

    def __init__(self):
        self.did = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args, **kwargs):
            self.did.append((name, args, kwargs))

        return call


class OfRedis(RedisBackend):
    """The same, and Celery's own for Redis."""

    def __init__(self):
        self.did = []

    def _fail_chain(self, *args):
        self.did.append(("_fail_chain", args, {}))

    def on_chord_part_return(self, *args):
        self.did.append(("on_chord_part_return", args, {}))


@pytest.fixture
def sent(monkeypatch):
    """What was sent: the signature, the application, the arguments, the options."""
    seen = []

    def signature(plain, app):
        def apply_async(args, **options):
            seen.append((plain, app, args, options))

        return SimpleNamespace(apply_async=apply_async)

    monkeypatch.setattr(canvas, "signature", signature)
    return seen


@pytest.fixture
def app():
    with Celery(set_as_current=False, broker="memory://") as made:
        yield made


@pytest.fixture
def to(app):
    """A recipient with some canvas."""

    def make(backend=None, **fields):
        request = Context(**{"id": "c1", "children": [], "root_id": "root", **fields})
        return Recipient(app, backend or Backend(), request)

    return make


def _do(to, entry):
    places = []
    for step in steps_of(to, entry):
        places.append(step.place)
        step.do()
    return places


def _id_of(sent):
    return sent[0]["options"]["task_id"]


def test_success_sends_callbacks_and_chain_stores_the_result_and_counts_the_part(to, sent, app):
    backend = Backend()
    recipient = to(backend, callbacks=[LINK, LAST], chain=[LAST, NEXT], chord={"task": "app.body"})
    places = _do(recipient, SUCCEEDED)
    result = SUCCEEDED.conversion.to_dict()

    assert places == ["link:0", "link:1", "chain", "result", "chord"]
    assert [plain["task"] for plain, *_ in sent] == ["app.link", "app.last", "app.next"]
    assert all((it[1], it[2]) == (app, (result,)) for it in sent)
    common = {"parent_id": "c1", "root_id": "root"}
    assert [it[3] for it in sent] == [common, common, {**common, "chain": [LAST]}]
    stored, counted = backend.did
    assert stored == ("store_result", ("c1", result, SUCCESS), {"request": recipient.request})
    assert counted == ("on_chord_part_return", (recipient.request, SUCCESS, result), {})
    # A stored result names what was called.
    children = [child.as_tuple() for child in recipient.request.children]
    assert children == [((_id_of(it), None), None) for it in sent]


def test_success_of_a_lonely_task_is_stored_and_nothing_more(to, sent):
    backend = Backend()

    assert _do(to(backend), SUCCEEDED) == ["result"]
    assert sent == []
    assert len(backend.did) == 1


def test_first_task_of_a_workflow_is_the_root_of_what_it_calls(to, sent):
    _do(to(callbacks=[LINK], root_id=None), SUCCEEDED)

    assert sent[0][3] == {"parent_id": "c1", "root_id": "c1"}


def test_single_task_keeps_its_id_when_it_is_sent_again(to, sent):
    _do(to(callbacks=[LINK], chain=[NEXT]), SUCCEEDED)
    _do(to(callbacks=[LINK], chain=[NEXT]), SUCCEEDED)
    link, following, *again = map(_id_of, sent)

    assert again == [link, following]
    assert link != following
    # What else its options say is kept.
    assert sent[1][0] == {"task": "app.next", "options": {"queue": "q", "task_id": following}}
    assert "task_id" not in LINK["options"]


def test_ids_are_the_same_in_every_release(to, sent):
    """A worker of another release may deliver what this one could not."""
    _do(to(callbacks=[LINK, LINK], chain=[NEXT]), SUCCEEDED)
    namespace = UUID("6f1f7a3e-6a53-4a55-8f0c-5d1f4d0f8b1e")

    assert [_id_of(it) for it in sent] == [
        str(uuid5(namespace, f"c1 3 {place}")) for place in ("link:0", "link:1", "chain:0")
    ]


@pytest.mark.parametrize(
    "another",
    [
        entry_of(state=State.SUCCEEDED, turn=4),
        entry_of(state=State.SUCCEEDED, id="c2"),
    ],
    ids=["a replay", "another conversion"],
)
def test_tasks_of_different_deliveries_have_different_ids(to, sent, another):
    _do(to(callbacks=[LINK, LINK]), SUCCEEDED)
    _do(to(callbacks=[LINK, LINK]), another)

    assert len(set(map(_id_of, sent))) == 4


@pytest.mark.parametrize(
    "plain", [LAST, {"task": "celery.group", "subtask_type": "group", "options": {}}]
)
def test_id_of_the_callers_own_and_groups_are_left_alone(to, sent, plain):
    _do(to(callbacks=[plain]), SUCCEEDED)

    assert sent[0][0] == plain


def test_callback_without_options_gets_an_id(to, sent):
    _do(to(callbacks=[{"task": "app.link", "options": None}, {"task": "app.link"}]), SUCCEEDED)

    assert len({_id_of(it) for it in sent}) == 2


def test_group_among_the_callbacks_is_no_child_of_the_result(to, sent):
    recipient = to(callbacks=[{"task": "g", "subtask_type": "group"}, LAST])
    _do(recipient, SUCCEEDED)

    assert [child.id for child in recipient.request.children] == ["last"]


def test_callback_that_an_earlier_delivery_sent_is_a_child_of_the_result_too(to, sent):
    recipient = to(callbacks=[LAST])
    for step in steps_of(recipient, SUCCEEDED):
        if step.place == "result":
            step.do()

    assert [child.id for child in recipient.request.children] == ["last"]
    assert sent == []


def test_failure_is_stored_and_counted_before_anybody_is_told(to, sent):
    backend = Backend()
    recipient = to(
        backend, errbacks=[LINK, LAST], chain=[LAST, NEXT], chord={"task": "b"}, callbacks=[NEXT]
    )

    assert _do(recipient, FAILED) == [
        *("result", "chord", "chain", "link_error:0", "link_error:1"),
    ]
    stored, counted, chain, *errbacks = backend.did
    name, (task_id, failure, state), options = stored
    assert (name, task_id, state) == ("store_result", "c1", FAILURE)
    assert (failure.kind, failure.code) == ("input", 5003)
    assert options.pop("traceback").endswith("ConversionFailed: Damaged. (code 5003)\n")
    assert options == {"request": recipient.request}
    assert counted == ("on_chord_part_return", (recipient.request, FAILURE, failure), {})
    assert chain[:1] == ("_fail_chain",)
    assert chain[1][:2] == (recipient.request.chain, failure)
    assert chain[1][2].endswith("ConversionFailed: Damaged. (code 5003)\n")
    # One at a time, with an id of its own where it has none, and all else of the request.
    assert [it[0] for it in errbacks] == ["_call_task_errbacks"] * 2
    ((first,), (second,)) = [it[1][0].errbacks for it in errbacks]
    assert first["options"]["task_id"]
    assert second == LAST
    request, told, text = errbacks[0][1]
    assert (request.id, request.root_id, told) == ("c1", "root", failure)
    assert text.endswith("ConversionFailed: Damaged. (code 5003)\n")
    assert sent == []


def test_failure_of_a_lonely_task_is_stored_and_nothing_more(to):
    backend = Backend()

    assert _do(to(backend), FAILED) == ["result"]
    assert len(backend.did) == 1


def test_parts_of_a_chord_in_a_failed_chain_are_counted_for_sure(to):
    backend = OfRedis()
    part = {
        "task": "app.part",
        "options": {"task_id": "p", "group_id": "g", "chord": {"task": "b"}},
    }
    recipient = to(backend, chain=[part, LAST])
    steps = {step.place: step for step in steps_of(recipient, FAILED)}
    steps["chain"].do()

    assert [it[0] for it in backend.did] == ["_fail_chain", "on_chord_part_return"]
    context, state, failure = backend.did[-1][1]
    assert (context.id, context.group, state) == ("p", "g", FAILURE)
    assert failure.code == 5003


def test_chain_without_a_chord_is_counted_nowhere(to):
    backend = OfRedis()
    steps = {step.place: step for step in steps_of(to(backend, chain=[LAST]), FAILED)}
    steps["chain"].do()

    assert [it[0] for it in backend.did] == ["_fail_chain"]


def test_other_backend_counts_the_parts_of_a_failed_chain_itself(to):
    backend = Backend()
    part = {
        "task": "app.part",
        "options": {"task_id": "p", "group_id": "g", "chord": {"task": "b"}},
    }
    steps = {step.place: step for step in steps_of(to(backend, chain=[part]), FAILED)}
    steps["chain"].do()

    assert [it[0] for it in backend.did] == ["_fail_chain"]
