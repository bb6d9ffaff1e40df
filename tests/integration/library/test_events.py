"""`handle.events()` and its twin for asyncio."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from contextlib import closing

import pytest
from blockbuster import BlockingError, blockbuster_ctx

from conveyor import (
    ConversionFailed,
    Conveyor,
    InvalidRequest,
    State,
    UnknownConversion,
    WaitTimeout,
)
from conveyor.domain.conversion import Failure, FailureKind, StoredFile
from conveyor.ledger import Ledger, connect, watch
from conveyor.ledger.keys import Keys

KEYS = Keys()

FILES = (StoredFile("a.pdf", "file:///a.pdf", 3, "00"),)
FAILURE = Failure(FailureKind.SERVICE, "Broken.", code=5001)
WHOLE_WAY = [State.QUEUED, State.CONVERTING, State.READY, State.SUCCEEDED]


def _listening(client):
    """How many connections listen; a web process that other tests left running may be one."""
    return client.pubsub_numsub(KEYS.changed)[0][1]


async def _until(is_so):
    async with asyncio.timeout(60):
        while not is_so():  # noqa: ASYNC110 - Redis tells when asked
            await asyncio.sleep(0.01)


def _states(events):
    return [event.state for event in events]


def test_the_history_is_reported_from_the_first_state_to_the_last(conveyor, ledger, make):
    entry = ledger.succeeded(make.ready(), FILES)
    begun = time.time()
    events = list(conveyor.handle(entry.id).events())

    assert _states(events) == WHOLE_WAY
    assert {event.conversion_id for event in events} == {entry.id}
    assert all(abs(event.at - begun) < 5 for event in events)


def test_seen_events_are_not_sent_again(conveyor, ledger, make):
    handle = conveyor.handle(ledger.succeeded(make.ready(), FILES).id)
    first, second, *rest = handle.events()

    assert list(handle.events(after=second.id)) == rest
    assert list(handle.events(after=rest[-1].id)) == []
    assert list(handle.events(after=first.id)) == [second, *rest]


def test_a_change_is_reported_when_it_happens(conveyor, ledger, make):
    entry = make.ready()
    events = conveyor.handle(entry.id).events()
    assert _states(next(events) for _ in range(3)) == WHOLE_WAY[:3]
    threading.Timer(0.3, ledger.succeeded, (entry, FILES)).start()
    begun = time.monotonic()

    assert _states(events) == [State.SUCCEEDED]
    assert time.monotonic() - begun < 30


def test_delay_is_an_event_and_an_ordinary_poll_is_not(ledger, conveyor, make):
    entry = ledger.submit_later(make.queued(), 1.0, "the account is on hold", held=True)
    begun = make.submitting(entry)
    polled = ledger.poll_later(begun, 1.0, confirmed=True, failed=False)
    ledger.poll_later(polled, 1.0, confirmed=True, failed=False)
    ledger.failed(ledger.get(entry.id), FAILURE)
    told = [(event.state, event.note) for event in conveyor.handle(entry.id).events()]

    assert told == [
        (State.QUEUED, ""),
        (State.QUEUED, "the account is on hold"),
        (State.CONVERTING, ""),
        (State.FAILED, ""),
    ]


def test_a_replay_continues_with_the_same_history(ledger, conveyor, make):
    dead = ledger.failed(make.converting(), FAILURE)
    seen = list(conveyor.handle(dead.id).events())
    ledger.cancelled(ledger.replay(dead))

    assert _states(conveyor.handle(dead.id).events(after=seen[-1].id)) == [
        State.QUEUED,
        State.CANCELLED,
    ]


def test_the_history_goes_with_its_entry(ledger, make, client):
    entry = ledger.succeeded(make.ready(), FILES)
    ledger.delivered(entry.id, is_dead=False)
    dead = ledger.failed(make.converting(), FAILURE)
    ledger.delivered(dead.id, is_dead=True)

    assert client.ttl(KEYS.events(entry.id)) == client.ttl(KEYS.conversion(entry.id)) > 0
    assert client.ttl(KEYS.events(dead.id)) == -1
    ledger.purge(dead)
    assert not client.exists(KEYS.events(dead.id))


def test_an_unknown_conversion_has_no_history(conveyor, make):
    handle = conveyor.handle(make.queued().id)
    handle.id = "nobody"
    with pytest.raises(UnknownConversion):
        next(handle.events())


@pytest.mark.parametrize("after", ["x", "1", "-1-0", "1-0\n", f"{2**64}-0", "٣-0"], ids=repr)
def test_invalid_event_id_is_refused_before_the_stream_begins(conveyor, make, after):
    """It may come from a browser, and an answer that has begun can't tell of an error any more."""
    handle = conveyor.handle(make.queued().id)
    for events in (handle.events, handle.aevents):
        with pytest.raises(InvalidRequest, match="Invalid event id"):
            events(after=after)


def test_an_id_from_a_future_that_redis_has_lost_begins_anew(conveyor, ledger, make):
    """A stale replica may have become the server: the final state must be told all the same."""
    entry = ledger.succeeded(make.ready(), FILES)

    assert _states(conveyor.handle(entry.id).events(after="99999999999999-0")) == WHOLE_WAY


def test_followers_leave_the_connections_to_others(conveyor, ledger, make):
    """More threads follow than there are connections, and whoever asks is answered."""
    entry = make.ready()
    handle = conveyor.handle(entry.id)
    told = []
    threads = [
        threading.Thread(target=lambda: told.append(_states(handle.events()))) for _ in range(80)
    ]
    for thread in threads:
        thread.start()
    assert conveyor.get(entry.id).state is State.READY
    ledger.succeeded(entry, FILES)
    for thread in threads:
        thread.join(30)

    assert told == [WHOLE_WAY] * 80


def test_a_user_without_channels_loses_nothing_but_the_hint(client, valkey_server, make):
    """As an ACL's users are by default: what was written must not be told as a failure."""
    client.execute_command("ACL", "SETUSER", "plain", "on", ">word", "~*", "+@all", "resetchannels")
    address = valkey_server.url().partition("@")[2]
    with closing(connect(f"redis://plain:word@{address}")) as plain:
        ledger = Ledger(plain)
        entry = ledger.open("c1", make.request)
        assert _states(ledger.events(entry.id)) == [State.QUEUED]


# -- asyncio ----------------------------------------------------------------------------------


@pytest.fixture
def run(redis_url, tmp_path):
    """Runs a coroutine function with a `Conveyor` of its own, closed in its event loop."""

    def run(function):
        async def whole():
            made = Conveyor(broker_url=redis_url, storage_url=str(tmp_path / "files"))
            try:
                return await function(made)
            finally:
                await made.aclose()

        return asyncio.run(whole())

    return run


def test_a_thousand_followers_share_one_connection(run, ledger, make, client):
    entries = [make.ready() for _ in range(10)]
    before = _listening(client)

    heard = []

    async def states(conveyor, entry):
        handle = await conveyor.ahandle(entry.id)
        mine = []
        async for event in handle.aevents():
            mine.append(event.state)
            heard.append(event)
        return mine

    async def follow(conveyor):
        followers = [
            asyncio.create_task(states(conveyor, entry)) for entry in entries for _ in range(100)
        ]
        # Each has heard how it stands, and follows.
        await _until(lambda: len(heard) >= len(followers) and _listening(client) > before)
        listening = _listening(client)
        for entry in entries:
            await asyncio.to_thread(ledger.succeeded, entry, FILES)
        return listening, await asyncio.gather(*followers)

    listening, told = run(follow)

    assert listening == before + 1
    assert told == [WHOLE_WAY] * 1000


def test_a_follower_hears_immediately_and_misses_nothing(run, ledger, make, client, monkeypatch):
    monkeypatch.setattr(watch, "_LOOK_EVERY_S", 60.0)
    entry, before = make.ready(), _listening(client)

    async def follow(conveyor):
        handle = await conveyor.ahandle(entry.id)
        waiting = asyncio.create_task(handle.await_(timeout=90))
        await _until(lambda: _listening(client) > before)
        begun = time.monotonic()
        await asyncio.to_thread(ledger.succeeded, entry, FILES)
        return await waiting, time.monotonic() - begun

    done, seconds = run(follow)

    assert done.files == FILES
    assert seconds < 30  # by the bell: without it, the next look comes after sixty


def test_a_lost_hint_only_delays(run, ledger, make, client):
    """A change that nobody was told of is seen at the next look all the same."""
    entry, before = make.ready(), _listening(client)

    async def follow(conveyor):
        handle = await conveyor.ahandle(entry.id)
        waiting = asyncio.create_task(handle.await_(timeout=20))
        await _until(lambda: _listening(client) > before)
        await asyncio.to_thread(client.client_kill_filter, _type="pubsub")
        await asyncio.to_thread(ledger.succeeded, entry, FILES)
        return await waiting

    assert run(follow).state is State.SUCCEEDED


def test_close_ends_a_listener_that_loses_its_cancellation(redis_url, monkeypatch):
    """As redis-py does while it connects again."""

    async def hear(_):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise TimeoutError from None

    async def close():
        async with asyncio.timeout(60):
            followers = watch.Watch(redis_url, KEYS.changed)
            async with followers.on("c1"):
                pass
            await followers.aclose()

    monkeypatch.setattr(watch._Listener, "_hear", hear)
    monkeypatch.setattr(watch, "_RECONNECT_S", 0.0)

    asyncio.run(close())


def test_loop_may_end_at_any_moment_of_the_connecting(redis_url):
    async def end(turns):
        watch.Watch(redis_url, KEYS.changed)._listener()
        for _ in range(turns):
            await asyncio.sleep(0)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for other in others:
            other.cancel()
        _, still_running = await asyncio.wait(others, timeout=60)
        assert not still_running

    for turns in range(40):
        asyncio.run(end(turns))


def test_a_failed_one_raises_and_an_unfinished_one_runs_out_of_time(run, ledger, make):
    dead, waiting = ledger.failed(make.converting(), FAILURE), make.queued()

    async def wait(conveyor):
        with pytest.raises(ConversionFailed, match="Broken"):
            await (await conveyor.ahandle(dead.id)).await_()
        with pytest.raises(WaitTimeout, match=r"still queued after 0\.2 s"):
            await (await conveyor.ahandle(waiting.id)).await_(timeout=0.2)

    run(wait)


def test_the_loop_is_never_blocked(run, tmp_path):
    """Enqueuing, looking, waiting, cancelling: no call that could block is made in the loop."""
    document = tmp_path / "a.docx"
    document.write_bytes(b"words" * 2_000_000)

    async def words():
        yield b"words"

    async def work(conveyor):
        with blockbuster_ctx() as detector:
            for function in detector.functions.values():
                # redis-py looks its own version up when it connects.
                function.can_block_in("redis/utils.py", "get_lib_version")
            handle = await conveyor.aconvert(document, to="pdf")
            assert (await conveyor.aget(handle.id)).state is State.QUEUED
            assert (await handle.aprogress()).fraction == 0
            with pytest.raises(WaitTimeout):
                await handle.await_(timeout=0.1)
            assert (await handle.acancel()).state is State.CANCELLED
            assert [event.state async for event in handle.aevents()][-1] is State.CANCELLED
            staged = await conveyor.astage("a.docx", words())
            await (await conveyor.aconvert(staged, to="pdf")).acancel()
            with pytest.raises(BlockingError):
                conveyor.get(handle.id)

    run(work)


def test_a_closed_connection_is_not_left_behind(run, client, make):
    entry, before = make.queued(), _listening(client)

    async def look(conveyor):
        handle = await conveyor.ahandle(entry.id)
        async for _ in handle.aevents():
            break

    run(look)
    deadline = time.monotonic() + 30
    while _listening(client) > before:
        assert time.monotonic() < deadline, "it listens on"
        time.sleep(0.01)


def test_loops_that_have_ended_are_forgotten(conveyor, ledger, make):
    """Scripts and `async_to_sync` run a loop for each call, and close none of our connections."""
    handle = conveyor.handle(ledger.succeeded(make.ready(), FILES).id)
    for _ in range(5):
        asyncio.run(handle.await_())
    gc.collect()

    assert len(conveyor.watch._listeners) == 1


def test_follower_has_no_generator_below_its_own(conveyor, make):
    """An event loop that ends closes its generators in any order: one below would be gone first."""
    handle = conveyor.handle(make.converting().id)

    async def follow():
        loop = asyncio.get_running_loop()
        before = {*loop._asyncgens}
        events = handle.aevents()
        await anext(events)
        codes = [each.ag_code for each in {*loop._asyncgens} - before]
        opened = {code.co_name for code in codes if "/conveyor/" in code.co_filename}
        await events.aclose()
        await conveyor.aclose()
        return opened

    assert asyncio.run(follow()) <= {"aevents", "afollow"}
