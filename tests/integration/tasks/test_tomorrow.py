"""Two releases at once: today's workers, library and command line among records of tomorrow's.

Whatever a later release writes is left as it is, shown as what it is, and stops nothing.
"""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from conveyor import State, names
from conveyor.diagnosis.doctor import further_parts_of
from conveyor.domain.dialect import Dialect
from conveyor.errors import InvalidRequest, UnreadableConversion
from conveyor.ledger.keys import Keys
from workers import cleanup
from workers.cleaner import clean

KEYS = Keys()


def _tomorrow(**changed):
    """An entry as a later release may write it: unknown fields, states, kinds."""
    return {
        "v": "2",
        "state": "pondering",
        "turn": "3",
        "attempt": "1",
        "request": '{"v": 7, "wishes": ["a", "b"]}',
        "caller": '{"continuations": {"next": []}}',
        "failure": '{"kind": "bored", "message": "?", "reason": "nothing on", "mood": "low"}',
        "dialect": "telepathy",
        "mood": "cheerful",
        "created_at": "1700000000.5",
        **changed,
    }


TOMORROWS = {
    "all is new": _tomorrow(),
    "a state that we have": _tomorrow(state="queued"),
    "finished": _tomorrow(state="succeeded", told="1"),
    "a dead letter": _tomorrow(state="failed"),
    "an unknown state alone": {
        **_tomorrow(request='{"sources": [], "to": "pdf"}'),
        "v": "1",
        "dialect": "path",
    },
}


@pytest.fixture
def planted(client):
    """Puts an entry into Redis, and into every index that a later release may have it in."""

    def plant(fields):
        conversion_id = str(uuid4())
        client.hset(KEYS.conversion(conversion_id), mapping=fields)
        for key in KEYS.all_due:
            client.zadd(key, {conversion_id: 1})
        client.zadd(KEYS.state(fields["state"]), {conversion_id: 1})
        client.zadd(KEYS.dead, {conversion_id: 1})
        client.zadd(KEYS.dead_of("bored"), {conversion_id: 1})
        client.rpush(KEYS.events(conversion_id), "1-0 pondering Hm.", '{"v": 2}')
        client.sadd(KEYS.accounts, "acme")
        client.sadd(KEYS.jobs("acme"), conversion_id)
        return conversion_id

    return plant


@pytest.mark.parametrize("fields", TOMORROWS.values(), ids=TOMORROWS)
def test_entry_of_a_later_release_is_left_alone_and_shown(
    *, worker, conveyor, client, document, planted, due_at, fields
):
    conversion_id = planted(fields)
    own = conveyor.convert(document, to="html")
    worker.drop()  # its message is lost, too
    client.zadd(KEYS.due("submit"), {own.id: 2})
    for _ in range(3):
        worker.sweep()
        clean()
        cleanup.clean_up()
    worker.work()
    if fields["v"] == "2":
        worker.call(names.DELIVER, conversion_id)

    assert client.hgetall(KEYS.conversion(conversion_id)) == fields
    assert client.lrange(KEYS.events(conversion_id), 0, -1)[-1] == '{"v": 2}'
    assert due_at(conversion_id) is not None
    assert client.sismember(KEYS.jobs("acme"), conversion_id)
    assert own.state is State.SUCCEEDED
    assert conveyor.dead_letters.unreadable() == {}
    assert conveyor.dead_letters.lost() == {}
    assert conveyor.fleet().newer == 1
    with pytest.raises(UnreadableConversion, match="A later release of Conveyor"):
        conveyor.get(conversion_id)
    with pytest.raises(UnreadableConversion, match="A later release of Conveyor"):
        conveyor.cancel(conversion_id)


def test_lists_continue_past_what_a_later_release_has_written(
    *, worker, conveyor, document, planted
):
    own = conveyor.convert(document, to="html")
    for fields in TOMORROWS.values():
        planted(fields)

    assert [it.id for it in conveyor.list(limit=50).conversions] == [own.id]
    assert conveyor.dead_letters.list() == []
    assert conveyor.dead_letters.page().conversions == ()
    assert conveyor.dead_letters.groups() == []
    assert conveyor.dead_letters.purge(0) == 0
    assert conveyor.fleet().states[State.QUEUED] >= 1


def test_doctor_counts_what_a_later_release_has_written(worker, conveyor, planted):
    for _ in range(3):
        planted(_tomorrow())
    worker.sweep()
    entries = next(part for part in further_parts_of(conveyor) if part.name == "entries")
    found = entries.check(60)

    assert found.ok
    assert found.warning
    assert "3 were written by a later release of Conveyor" in found.detail


def test_unknown_fields_of_our_own_version_live_as_long_as_the_entry(
    worker, conveyor, client, document
):
    handle = conveyor.convert(document, to="html")
    client.hset(KEYS.conversion(handle.id), "mood", "cheerful")
    worker.work()

    assert handle.state is State.SUCCEEDED
    assert client.hget(KEYS.conversion(handle.id), "mood") == "cheerful"


def _message(worker, version, **options):
    worker.app.send_task(
        headers={names.VERSION_HEADER: version, "ignore_result": False},
        ignore_result=True,
        **options,
    )
    (message,) = worker.waiting()
    return message


def test_every_message_carries_its_version(worker_of, sandbox, conveyor, document):
    conveyor.convert(document, to="html")
    conveyor.signature(document, to="html").apply_async()
    seen = []
    with worker_of(sandbox.url, small_bytes=0) as worker:
        while messages := worker.waiting():
            for message in messages:
                seen.append((message.task, message.request.get(names.VERSION_HEADER)))
                worker.run_when_due(message)

    assert {name for name, _ in seen} == {names.SUBMIT, names.POLL, names.DELIVER}
    assert {version for _, version in seen} == {names.MESSAGE_VERSION}


def test_bell_of_a_later_release_harms_nothing(worker, conveyor, client, document, make_overdue):
    handle = conveyor.convert(document, to="html")
    worker.drop()
    before = client.hgetall(KEYS.conversion(handle.id))
    for name in (names.SUBMIT, names.POLL, names.DELIVER):
        kwargs = {"at": 1.5, "of": {"kinds": [7]}}
        worker.run(_message(worker, 2, name=name, kwargs=kwargs, queue=names.Queues().deliver))

    assert worker.waiting() == []
    assert client.hgetall(KEYS.conversion(handle.id)) == before
    make_overdue()
    assert worker.sweep() == 1
    worker.work()
    assert handle.state is State.SUCCEEDED


def test_signature_of_a_later_release_is_put_back_for_a_later_worker(worker):
    asked = {"target": {"format": "pdf"}}
    queue = names.Queues().submit
    with capture_logs() as logged:
        first = _message(worker, 2, name=names.SUBMIT, task_id="t1", kwargs=asked, queue=queue)
        worker.run(first)
    (again,) = worker.waiting()

    assert (again.id, again.kwargs) == (first.id, asked)
    assert again.request[names.VERSION_HEADER] == 2
    assert again.due_at > 0
    assert [it["event"] for it in logged] == ["newer_message"]


def test_idempotency_key_of_a_later_release_is_not_a_different_request(conveyor, client, document):
    key = {"idempotency_key": "invoice-7"}
    first = conveyor.convert(document, to="html", **key)
    client.set(KEYS.idempotency("invoice-7"), f"{first.id} 2:its-own-way")

    assert conveyor.convert(document, to="html", **key).id == first.id
    client.set(KEYS.idempotency("invoice-7"), f"{first.id} 1:another")
    with pytest.raises(InvalidRequest, match="different request"):
        conveyor.convert(document, to="html", **key)


def test_leftovers_of_a_later_release_wait_and_block_no_others(worker, ledger, client):
    records = [
        '{"v": 2, "path": ["a"]}',
        json.dumps({"base_url": "http://x", "dialect": "telepathy", "job_id": "1"}),
        "[1, 2]",
    ]
    for number in range(60):
        record = records[number % len(records)]
        client.zadd(KEYS.leftovers, {f"newer-{number}": 1000 + number})
        client.hset(KEYS.leftover_records, f"newer-{number}", f"9999999999 0 {record}")
    client.zadd(KEYS.leftovers, {"own": 1})
    own = json.dumps({"v": 1, "url": f"{worker.services.api.base_url}/d/{'0' * 32}"})
    client.hset(KEYS.leftover_records, "own", f"9999999999 0 {own}")

    cleanup.clean_up()
    assert client.hget(KEYS.leftover_records, "newer-0") == f"9999999999 0 {records[0]}"
    assert client.zcard(KEYS.leftovers) >= 60
    assert client.zcount(KEYS.leftovers, "-inf", 2000) == 0
    # Of ours the DELETE was sent: it is gone, or waits for its next time.
    assert (client.zscore(KEYS.leftovers, "own") or 9e9) > 2000


def test_notice_of_a_later_release_is_kept_for_its_workers(worker, ledger, client, conveyor):
    handle = conveyor.convert("https://example.com/a.docx", "pdf", callback="https://shop.example/")
    handle.cancel()
    client.hset(KEYS.notices_of(handle.id), mapping={"1:v": "2", "1:mood": "cheerful"})

    worker.services.notifier.begin()
    assert worker.services.notifier.drain(30)
    assert client.hget(KEYS.notices_of(handle.id), "1:mood") == "cheerful"
    assert client.hget(KEYS.notices_of(handle.id), "1:reason") == "unreadable"
    assert ledger.notices.counts().pending == 1


def test_tokens_of_a_later_release_are_put_off(worker, conveyor, client, tmp_path):
    (tmp_path / "files" / "results").mkdir(parents=True)
    client.zadd(KEYS.staging, dict.fromkeys(["v2:abc", "../results", "x" * 32], 0))
    client.sadd(KEYS.doomed, "../results")
    clean()

    assert client.zcard(KEYS.staging) == 3
    assert client.zcount(KEYS.staging, "-inf", 1) == 0
    assert (tmp_path / "files" / "results").is_dir()


def test_durations_of_a_later_release_are_learned_anew(worker, conveyor, client, document):
    account = worker.services.settings.account_name
    client.set(KEYS.dialect(account), "telepathy")
    client.hset(KEYS.expected_durations, "md:html", "fast")
    client.hset(KEYS.account(account), mapping={"mood": "cheerful", "rate": "many"})
    handle = conveyor.convert(document, to="html")
    worker.work()

    assert handle.state is State.SUCCEEDED
    assert client.get(KEYS.dialect(account)) in [dialect.value for dialect in Dialect]
    assert conveyor.accounts()
