"""What a conversion leaves in Redis once its caller knows: little, and nothing that opens it."""

from __future__ import annotations

import pytest

from conveyor import State, names
from conveyor.domain.conversion import Failure, FailureKind
from conveyor.domain.request_json import dump_request
from conveyor.domain.rules import FILE_LIFE_S
from conveyor.ledger.keys import Keys
from workers.cleaner import clean

KEYS = Keys()

PASSWORD = "hush-of-the-document"
MOST_BYTES = 2048


@pytest.fixture
def worker(worker_of, sandbox):
    """One that has each result delivered by a message of its own."""
    with worker_of(sandbox.url, small_bytes=0) as made:
        yield made


@pytest.fixture
def stored_in_redis(client, valkey_server, redis_url):
    """Look for a text in everything that Redis holds, but for what is to be deleted yet."""

    def find(text):
        found = []
        for key in client.scan_iter("{conveyor}:*"):
            if key in (KEYS.leftovers, KEYS.leftover_records):
                continue
            if text in repr(_read(client, key)):
                found.append(key)
        return found

    return find


def _read(client, key):
    read = {
        "hash": client.hgetall,
        "zset": lambda name: client.zrange(name, 0, -1),
        "list": lambda name: client.lrange(name, 0, -1),
        "set": client.smembers,
        "string": client.get,
    }
    # A key may expire while it is looked at.
    return key, read.get(client.type(key), lambda _: None)(key)


def _memory(client, conversion_id):
    names_of = (KEYS.conversion, KEYS.events)
    sizes = (client.memory_usage(name(conversion_id), samples=0) or 0 for name in names_of)
    return sum(sizes)


def _convert(worker, conveyor, document, client, params=None):
    """Convert, and remember the job's id before it is forgotten."""
    handle = conveyor.convert(document, to="html", params=params)
    worker.run(worker.waiting()[0])
    entry = worker.services.ledger.get(handle.id)
    worker.services.ledger._redis.delete(KEYS.turnstile(handle.id))
    (poll,) = [it for it in worker.waiting() if it.task == names.POLL] or [None]
    return handle, entry, poll


def test_a_finished_conversion_takes_no_more_than_two_kilobytes(worker, conveyor, client, tmp_path):
    """Seen: 5.9 KB for 7 days, 4.4 of them its events."""
    folder = tmp_path / "a folder of the usual depth" / "clients" / "2026"
    folder.mkdir(parents=True)
    document = folder / "Quarterly report of the northern branch (final).md"
    document.write_text("# Title\n")
    handle = conveyor.convert(document, to="html")
    worker.work()

    assert handle.get().state is State.SUCCEEDED
    (file,) = handle.get().files
    assert len(file.uri) > 100
    assert _memory(client, handle.id) <= MOST_BYTES


def test_a_conversion_that_had_a_hard_time_takes_no_more_either(
    worker, conveyor, document, client, after_spacing
):
    handle, entry, _ = _convert(worker, conveyor, document, client)
    ledger = worker.services.ledger
    for number in range(60):
        entry = ledger.poll_later(
            entry, 1, confirmed=True, failed=True, note=f"{number}: the proxy says {'no ' * 80}"
        )
    worker.drop()
    after_spacing(handle.id)
    worker.ring()
    worker.work()

    assert handle.get().state is State.SUCCEEDED
    assert _memory(client, handle.id) <= MOST_BYTES
    events = [(event.state, event.note) for event in ledger.events(handle.id)]
    assert events == [
        (State(state), "") for state in ("queued", "converting", "ready", "succeeded")
    ]


def test_a_finished_conversion_keeps_nothing_that_opens_a_document(
    *, worker, conveyor, document, client, stored_in_redis
):
    handle, entry, poll = _convert(worker, conveyor, document, client)
    client.hset(  # as if it had been asked so; the sandbox has no such parameter
        KEYS.conversion(handle.id),
        "request",
        dump_request(entry.request).replace('"params":{', f'"params":{{"Password":"{PASSWORD}"'),
    )
    assert stored_in_redis(PASSWORD)
    worker.run_when_due(poll)
    ready = worker.services.ledger.get(handle.id)
    (remote,) = ready.result.files
    addresses = entry.request.addresses
    secrets = [PASSWORD, entry.job_id, remote.url, *addresses, *entry.uploads.values()]
    assert all(map(stored_in_redis, secrets))
    worker.work()

    assert handle.get().state is State.SUCCEEDED
    assert [secret for secret in secrets if stored_in_redis(secret)] == []
    # What can be asked of it is there still.
    kept = handle.get()
    assert (kept.from_format, kept.to_format, kept.cost, kept.polls) == ("md", "html", 1, 1)
    assert kept.source_name == document.name
    assert [file.name for file in kept.files] == ["a.html"]


def test_a_cancelled_conversion_keeps_nothing_either(
    *, worker, conveyor, document, client, stored_in_redis
):
    handle, entry, _ = _convert(worker, conveyor, document, client)
    handle.cancel()
    worker.work()

    assert worker.services.ledger.get(handle.id).delivered
    for secret in (entry.job_id, *entry.request.addresses, *entry.uploads.values()):
        assert stored_in_redis(secret) == []


def test_an_old_dead_letter_keeps_what_a_replay_needs_and_no_more(
    *, worker, conveyor, document, client, stored_in_redis
):
    handle, entry, poll = _convert(worker, conveyor, document, client)
    worker.run_when_due(poll)
    worker.drop()
    ledger = worker.services.ledger
    ready = ledger.get(handle.id)
    dead = ledger.failed(ready, Failure(FailureKind.STORAGE, "Full."))
    ledger.delivered(handle.id, is_dead=True)
    clean()
    assert ledger.get(handle.id).result == ready.result  # it may still be fetched

    client.zadd(KEYS.dead, {handle.id: ledger.now() - FILE_LIFE_S - 1})
    clean()

    stripped = ledger.get(handle.id)
    assert (stripped.job_id, stripped.result, stripped.uploads) == ("", None, {})
    assert stored_in_redis(entry.job_id) == []
    assert (stripped.request, stripped.failure, stripped.caller) == (
        dead.request,
        dead.failure,
        dead.caller,
    )
    assert conveyor.dead_letters.replay(handle.id).state is State.QUEUED
    worker.work()
    assert handle.get().state is State.SUCCEEDED


def test_dead_letters_are_stripped_batch_by_batch_and_once(ledger, make, client):
    letters = [ledger.failed(make.ready(), Failure(FailureKind.STORAGE, "Full.")) for _ in range(5)]
    ago_s = ledger.now() - FILE_LIFE_S
    client.zadd(KEYS.dead, {it.id: ago_s - 10 * place - 1 for place, it in enumerate(letters)})

    looked_at = [ledger.strip_dead(FILE_LIFE_S, 2) for _ in range(4)]

    assert looked_at == [2, 2, 1, 0]
    assert {ledger.get(it.id).job_id for it in letters} == {""}
