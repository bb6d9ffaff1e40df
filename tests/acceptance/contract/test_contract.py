"""What an application relies on holds for the fake and for the real one: one suite for both.

So the fake can't drift from what it stands for. Each public call is here, or is named as missing.
"""

from __future__ import annotations

import ast
import asyncio
import hashlib
import inspect
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from celery import Celery

from conveyor import (
    ConversionCancelled,
    ConversionDeleted,
    ConversionFailed,
    Conveyor,
    DeadLetters,
    FailureKind,
    FileGone,
    Handle,
    InvalidRequest,
    Reason,
    State,
    StorageError,
    UnknownConversion,
    WaitTimeout,
)
from conveyor.testing import FakeConveyor, NotInFake
from tests.acceptance.contract.conftest import DAMAGED, PATIENCE_S

# Celery unsubscribes from a result when it is collected, and the server may have gone.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

STATES = [State.QUEUED, State.CONVERTING, State.READY, State.SUCCEEDED]
# What is no call of an application's: parts that the doctor, the command line and tests look into.
INNER = {"ledger", "marker", "publisher", "redis_address", "time", "watch"}
# The environment is read nowhere else. `test_fake.py` looks at the fake's own.
ELSEWHERE = {"from_env"}


@pytest.fixture
def staged(conveyor):
    """A document in the storage, unlike any other."""
    return conveyor.stage("report.md", [f"# Report {uuid4()}".encode()])


@pytest.fixture
def damaged(conveyor):
    return conveyor.stage("damaged.docx", [DAMAGED])


@pytest.fixture
def dead(world, conveyor, damaged):
    """A dead letter."""
    handle = conveyor.convert(damaged, to="pdf")
    world.end(handle)
    return handle


# -- one conversion ------------------------------------------------------------------------------


def test_conversion_succeeds_and_its_file_can_be_read(world, conveyor, staged):
    handle = conveyor.convert(staged, to="html", metadata={"order": 4711})
    world.end(handle)
    conversion = handle.wait(timeout=PATIENCE_S)
    (file,) = conversion.files
    content = b"".join(conveyor.storage.read(file.uri))

    assert (conversion.id, conversion.state) == (handle.id, State.SUCCEEDED)
    assert (conversion.from_format, conversion.to_format) == ("md", "html")
    assert (conversion.source_name, conversion.metadata) == ("report.md", {"order": 4711})
    assert (conversion.submits, conversion.cost > 0) == (1, True)
    assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert conversion.created_at <= conversion.submitted_at <= conversion.ready_at
    assert conversion.ready_at <= conversion.finished_at


def test_each_change_of_state_is_an_event(world, conveyor, staged):
    handle = conveyor.convert(staged, to="html")
    world.end(handle)
    events = list(handle.events())

    assert [event.state for event in events] == STATES
    assert list(handle.events(after=events[1].id)) == events[2:]
    with pytest.raises(InvalidRequest, match="Invalid event id"):
        handle.events(after="no event")


def test_status_handle_and_progress_agree_at_the_end(world, conveyor, staged):
    handle = conveyor.handle(conveyor.convert(staged, to="html").id)
    world.end(handle)
    status = conveyor.status(handle.id)

    assert status.conversion == conveyor.get(handle.id) == handle.get()
    assert (handle.state, status.progress.fraction) == (State.SUCCEEDED, 1.0)
    assert handle.progress() == status.progress


def test_short_wait_ends_and_the_conversion_goes_on(world, conveyor, staged):
    handle = conveyor.convert(staged, to="html")
    with pytest.raises(WaitTimeout, match=f"The conversion {handle.id} is still "):
        handle.wait(timeout=0)

    world.end(handle)
    assert handle.wait(timeout=PATIENCE_S).state is State.SUCCEEDED


def test_conversion_that_failed_tells_its_reason(world, conveyor, dead):
    with pytest.raises(ConversionFailed) as failed:
        dead.wait(timeout=PATIENCE_S)
    failure = conveyor.get(dead.id).failure

    assert (failed.value.reason, failure.reason) == (Reason.DAMAGED, Reason.DAMAGED)
    assert (failure.kind, failure.code) == (FailureKind.INPUT, 5002)
    assert failure.sentence() == Reason.DAMAGED.sentence()
    assert "Check the file and its format." in failure.message


def test_cancelled_conversion_has_no_files_and_is_no_dead_letter(conveyor, staged):
    handle = conveyor.convert(staged, to="html")
    ended = conveyor.cancel(handle.id)

    assert (ended.state, ended.files) == (State.CANCELLED, ())
    assert handle.cancel() == ended
    with pytest.raises(ConversionCancelled):
        handle.wait(timeout=PATIENCE_S)
    assert handle.id not in [each.id for each in conveyor.dead_letters.list()]


def test_deleted_conversion_is_gone_with_its_files_and_its_key(world, conveyor):
    key, source = str(uuid4()), f"# Report {uuid4()}".encode()
    handle = conveyor.convert(conveyor.stage("a.md", [source]), to="html", idempotency_key=key)
    world.end(handle)
    (file,) = handle.wait(timeout=PATIENCE_S).files
    deletion = conveyor.delete(handle.id)

    with pytest.raises(ConversionDeleted):
        conveyor.get(handle.id)
    world.settle(lambda: conveyor.delete(handle.id).erased_at is not None)
    assert conveyor.delete(handle.id).deleted_at == deletion.deleted_at
    with pytest.raises(FileGone):
        list(conveyor.storage.read(file.uri))
    again = conveyor.convert(conveyor.stage("a.md", [source]), to="html", idempotency_key=key)
    assert again.id != handle.id


def test_conversion_that_is_deleted_while_it_runs_is_cancelled(world, conveyor, staged):
    handle = conveyor.convert(staged, to="html")
    conveyor.delete(handle.id)
    world.settle(lambda: conveyor.delete(handle.id).erased_at is not None)

    with pytest.raises(ConversionDeleted):
        handle.get()


def test_files_say_until_when_they_are_kept(world, conveyor, staged):
    handle = conveyor.convert(staged, to="html", keep="7d")
    world.end(handle)
    world.settle(lambda: handle.get().files_until is not None)
    conversion = handle.get()

    assert conversion.files_until - conversion.finished_at == pytest.approx(7 * 24 * 3600, abs=60)
    assert conversion.files[0].removed_at is None


def test_link_needs_a_file_and_something_that_signs(world, conveyor, staged):
    handle = conveyor.convert(staged, to="html")
    world.end(handle)

    with pytest.raises(StorageError, match="sign"):
        conveyor.link(handle.id)
    with pytest.raises(InvalidRequest, match="Name one of the conversion's files"):
        conveyor.link(handle.id, "nothing.html")
    with pytest.raises(UnknownConversion, match="not valid"):
        conveyor.linked_file(handle.id, "a.html", 1, "nonsense")


# -- what is accepted, and what is not -----------------------------------------------------------


def test_same_key_is_the_same_conversion_and_is_paid_once(world, conveyor):
    key, paid = str(uuid4()), world.paid()
    content = f"# Report {key}".encode()
    first, second = (
        conveyor.convert(conveyor.stage("a.md", [content]), to="html", idempotency_key=key)
        for _click in range(2)
    )
    world.end(first)

    assert first.id == second.id
    assert world.paid() == paid + 1
    with pytest.raises(InvalidRequest, match="was used for a different request"):
        conveyor.convert("https://example.com/b.md", to="html", idempotency_key=key)


def test_staged_file_belongs_to_one_conversion(world, conveyor, staged):
    handle = conveyor.convert(staged, to="html")

    with pytest.raises(InvalidRequest, match="An uploaded file is gone"):
        conveyor.convert(staged, to="pdf")
    world.end(handle)
    assert handle.state is State.SUCCEEDED


def test_unstaged_file_is_gone(conveyor, staged):
    conveyor.unstage([staged])

    with pytest.raises(InvalidRequest, match="An uploaded file is gone"):
        conveyor.convert(staged, to="html")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"to": ""}, "format"),
        ({"to": "pdf", "params": {"Async": "true"}}, "every conversion is asynchronous"),
        ({"to": "pdf", "metadata": {"a": object()}}, "metadata"),
        ({"to": "pdf", "deadline": timedelta(seconds=-1)}, "deadline"),
        ({"to": "pdf", "semi_async_seconds": -1}, "semi_async_seconds"),
    ],
)
def test_what_can_not_be_right_is_refused_in_words(conveyor, asked, words):
    with pytest.raises(InvalidRequest, match=words):
        conveyor.convert("https://example.com/a.docx", **asked)


def test_local_file_is_staged(world, conveyor, tmp_path):
    path = tmp_path / "local.md"
    path.write_text(f"# Report {uuid4()}")
    handle = conveyor.convert(path, to="html", from_format="md")
    world.end(handle)

    assert handle.wait(timeout=PATIENCE_S).source_name == "local.md"


def test_unknown_conversion_is_unknown_to_every_call(conveyor):
    calls = (conveyor.get, conveyor.status, conveyor.handle, conveyor.cancel)
    for call in (*calls, conveyor.dead_letters.show, conveyor.dead_letters.replay):
        with pytest.raises(UnknownConversion, match="nothing"):
            call("nothing")


# -- many of them --------------------------------------------------------------------------------


def test_lists_go_page_by_page_the_last_first(world, conveyor):
    ids_of = str(uuid4())
    ids = [
        conveyor.convert(f"https://example.com/{n}.md", to="html", metadata={"of": ids_of}).id
        for n in range(3)
    ]
    for each in ids:
        conveyor.cancel(each)
    first = conveyor.list(limit=2)
    second = conveyor.list(limit=1, cursor=first.cursor)

    found = [each.id for page in (first, second) for each in page.conversions]
    assert found == ids[::-1]
    (one,) = conveyor.list(metadata={"of": ids_of}).conversions[:1]
    assert one.id == ids[-1]
    assert {each.state for each in conveyor.list(state=State.CANCELLED).conversions} == {
        State.CANCELLED
    }
    with pytest.raises(InvalidRequest, match="Invalid cursor"):
        conveyor.list(cursor="nonsense")


def test_fleet_counts_states_and_knows_the_account(world, conveyor, staged):
    before = conveyor.fleet().states[State.SUCCEEDED]
    world.end(conveyor.convert(staged, to="html"))
    (account,) = conveyor.accounts()

    assert conveyor.fleet().states[State.SUCCEEDED] == before + 1
    assert (account.held, conveyor.resume(account.account)) == ("", False)


def test_oldest_is_what_waits_longest_and_nothing_once_all_have_ended(world, conveyor, staged):
    handle = conveyor.convert(staged, to="html")
    waiting = conveyor.oldest()
    # A worker may have begun with it.
    assert waiting is None or waiting.conversion.id == handle.id
    world.end(handle)

    world.settle(lambda: conveyor.oldest() is None)


def test_webhook_of_what_has_ended_changes_nothing(world, conveyor, staged):
    handle = conveyor.convert(staged, to="html")
    world.end(handle)
    conveyor.job_ended(handle.id)
    conveyor.job_ended("nothing", "no job")

    assert handle.state is State.SUCCEEDED


def test_callback_of_an_end_lies_in_the_ledger(world, conveyor, staged):
    receiver = {"url": "https://shop.invalid/hooks", "events": "ends"}
    handle = conveyor.convert(staged, to="html", metadata={"order": 1}, callback=receiver)
    world.end(handle)
    (notice,) = conveyor.callbacks.show(handle.id)

    assert (notice.state, notice.metadata) == (State.SUCCEEDED, {"order": 1})
    assert handle.id in [each.conversion_id for each in conveyor.callbacks.list()]
    with pytest.raises(UnknownConversion):
        conveyor.callbacks.show("nothing")


# -- dead letters --------------------------------------------------------------------------------


def test_dead_letter_is_listed_grouped_shown_and_purged(conveyor, dead):
    letters = conveyor.dead_letters

    assert dead.id in [each.id for each in letters.list(FailureKind.INPUT)]
    assert dead.id in [each.id for each in letters.page(limit=50).conversions]
    assert FailureKind.INPUT in [group.kind for group in letters.groups()]
    assert letters.show(dead.id).state is State.FAILED
    assert (letters.costs(dead.id), letters.asks_first(dead.id)) == (True, False)
    assert letters.costs_of([dead.id, "nothing"]) == {dead.id: True}
    assert letters.accounts_of([dead.id]) == {dead.id: letters.groups()[0].account}
    assert letters.count(older_than_s=0) == letters.purge(older_than_s=0) > 0
    with pytest.raises(UnknownConversion):
        conveyor.get(dead.id)


def test_replayed_dead_letter_is_under_way_again(world, conveyor, dead):
    again = conveyor.dead_letters.replay(dead.id, timeout=60)
    world.end(dead)

    assert (again.id, again.state) == (dead.id, State.QUEUED)
    assert dead.state is State.FAILED
    with pytest.raises(InvalidRequest, match="Timeout"):
        conveyor.dead_letters.replay(dead.id, timeout=1)


def test_no_entry_is_damaged_lost_or_newer(conveyor):
    letters = conveyor.dead_letters

    assert (letters.unreadable(), letters.lost(), letters.newer()) == ({}, {}, [])
    assert letters.discard("nothing") is False


# -- Celery --------------------------------------------------------------------------------------


def test_result_of_a_conversion_is_its_tasks(world, conveyor, staged):
    handle = conveyor.convert(staged, to="html")
    world.end(handle)
    result = conveyor.celery_app.AsyncResult(handle.id).get(timeout=PATIENCE_S)

    assert result == conveyor.get(handle.id).to_dict()


def test_signature_converts_under_its_task_id(world, conveyor, staged):
    task_id = str(uuid4())
    signature = conveyor.signature(staged, to="html", metadata={"order": 1})
    result = signature.apply_async(task_id=task_id)
    _accepted(conveyor, task_id)
    world.end(conveyor.handle(task_id))

    assert result.get(timeout=PATIENCE_S)["metadata"] == {"order": 1}
    assert signature.apply_async(task_id=task_id).get(timeout=PATIENCE_S)["id"] == task_id


def test_next_conversion_of_a_chain_takes_the_first_ones_file(world, conveyor, staged):
    chain = conveyor.signature(staged, to="html") | conveyor.signature(to="txt")
    result = chain.apply_async()
    _accepted(conveyor, result.parent.id)
    world.end(conveyor.handle(result.parent.id))
    _accepted(conveyor, result.id)
    second = conveyor.handle(result.id)
    world.end(second)

    assert second.get().from_format == "html"
    assert result.get(timeout=PATIENCE_S)["id"] == second.id


@pytest.mark.parametrize("call", ["convert", "signature"])
def test_applications_task_is_called_with_the_result(world, conveyor, staged, call):
    mail = Celery("shop", set_as_current=False).signature("shop.mail", args=("a@b",))
    ends = {"on_success": mail, "on_failure": mail}
    if call == "convert":
        handle = conveyor.convert(staged, to="html", **ends)
    else:
        handle = conveyor.signature(staged, to="html", **ends).apply_async()
        _accepted(conveyor, handle.id)
    world.end(handle)

    assert world.called_back() == ("shop.mail", [conveyor.get(handle.id).to_dict(), "a@b"])


def test_failed_signature_raises_where_its_result_is_asked_for(world, conveyor, damaged):
    result = conveyor.signature(damaged, to="pdf").apply_async()
    _accepted(conveyor, result.id)
    world.end(conveyor.handle(result.id))

    with pytest.raises(ConversionFailed) as failed:
        result.get(timeout=PATIENCE_S)
    assert failed.value.reason is Reason.DAMAGED


def _accepted(conveyor, conversion_id):
    """A signature is known once a worker has seen its message."""

    async def look():
        while True:
            try:
                return await conveyor.aget(conversion_id)
            except UnknownConversion:
                await asyncio.sleep(0.02)

    asyncio.run(asyncio.wait_for(look(), PATIENCE_S))


# -- asyncio -------------------------------------------------------------------------------------


def test_async_calls_do_what_the_others_do(world, conveyor):
    async def chunks():
        yield f"# Report {uuid4()}".encode()

    async def run():
        staged = await conveyor.astage("report.md", chunks())
        spare = await conveyor.astage("spare.md", chunks())
        await conveyor.aunstage([spare])
        handle = await conveyor.ahandle((await conveyor.aconvert(staged, to="html")).id)
        follower = asyncio.create_task(_states(handle))
        await asyncio.to_thread(world.end, handle)
        conversion = await handle.await_(timeout=PATIENCE_S)
        assert conversion == await handle.aget() == await conveyor.aget(handle.id)
        assert (await conveyor.astatus(handle.id)).progress == await handle.aprogress()
        assert (await conveyor.alist(limit=1)).conversions == (conversion,)
        assert (await conveyor.afleet()).states == conveyor.fleet().states
        assert await follower == STATES
        pieces = [piece async for piece in conveyor.storage.aread(conversion.files[0].uri)]
        assert len(b"".join(pieces)) == conversion.files[0].size
        assert await conveyor.dead_letters.alist() == conveyor.dead_letters.list()
        (account,) = await conveyor.aaccounts()
        assert await conveyor.aresume(account.account) is False
        other = await conveyor.aconvert("https://example.com/a.md", to="html")
        assert (await other.acancel()).state is State.CANCELLED
        assert (await conveyor.acancel(other.id)).state is State.CANCELLED
        assert (await conveyor.asignature(to="pdf")).task == "conveyor.submit"
        await conveyor.aclose()

    asyncio.run(run())


async def _states(handle):
    return [event.state async for event in handle.aevents()]


# -- the whole of it -----------------------------------------------------------------------------


def test_what_needs_a_server_is_refused_by_the_fake_in_words(world, conveyor):
    if world.is_fake:
        with pytest.raises(NotInFake, match="no Redis"):
            conveyor.neighbours()
        with pytest.raises(NotInFake, match="no Redis"):
            asyncio.run(conveyor.aneighbours())
    else:
        assert conveyor.neighbours() == asyncio.run(conveyor.aneighbours())


def test_closed_one_can_be_used_again(conveyor, staged):
    with conveyor as same:
        same.close()

    assert conveyor.get(conveyor.convert("https://example.com/a.md", to="html").id)


def test_every_public_call_is_in_the_contract():
    tree = ast.parse(Path(__file__).read_text(encoding="utf-8"))
    called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    public = {
        name: value
        for owner in (Conveyor, Handle, DeadLetters)
        for name, value in inspect.getmembers(owner)
        if not name.startswith("_")
    }
    # An async version runs the same method in a thread.
    twins = {name for name, value in public.items() if _twin_of(value) in called}

    assert public.keys() - called - twins - INNER - ELSEWHERE == set()
    assert not (INNER | ELSEWHERE) - public.keys()


def test_every_argument_is_in_the_contract():
    tree = ast.parse(Path(__file__).read_text(encoding="utf-8"))
    named = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    named |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    asked = {
        name
        for call in (Conveyor.convert, Conveyor.signature, Conveyor.list, Handle.wait)
        for name in inspect.signature(call).parameters
    }

    # Each test passes the source by its place.
    assert asked - named - {"self", "source"} == set()


def test_each_async_call_of_the_fake_runs_its_own_method():
    twins = {name: _twin_of(value) for name, value in inspect.getmembers(FakeConveyor)}

    assert {
        name
        for name, sync in twins.items()
        if sync and getattr(FakeConveyor, name).__wrapped__ is not getattr(FakeConveyor, sync)
    } == set()


def _twin_of(value):
    """The name of the method whose async version it is; empty for what is none."""
    wrapped = getattr(value, "__wrapped__", None)
    return wrapped.__name__ if inspect.iscoroutinefunction(value) and wrapped else ""
