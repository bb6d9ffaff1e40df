from __future__ import annotations

import json
import time
from threading import Timer

import pytest

from conveyor import Failure, FailureKind
from conveyor.ledger import watch


def _events(answer):
    """The events of a stream that ends."""
    found = []
    for block in answer.content.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line[0] != ":")
        if fields:
            found.append((fields["id"], fields["event"], json.loads(fields["data"])))
    return found


def _states(answer):
    return [data["state"] for _, _, data in _events(answer)]


def test_stream_sends_past_events_and_ends(site, converted):
    conversion_id = converted()
    answer = site.get(f"/conversions/{conversion_id}/events")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert _states(answer) == ["queued", "converting", "ready", "succeeded"]
    assert {name for _, name, _ in _events(answer)} == {"state"}
    assert {data["conversion"] for _, _, data in _events(answer)} == {conversion_id}


def test_events_arrive_immediately(site, make, ledger, monkeypatch):
    monkeypatch.setattr(watch, "_LOOK_EVERY_S", 60.0)
    entry = make.converting()
    failure = Failure(FailureKind.INPUT, "File is damaged.", 5002)
    begun = time.monotonic()
    Timer(0.3, ledger.failed, (entry, failure)).start()
    answer = site.get(f"/conversions/{entry.id}/events")

    assert _states(answer) == ["queued", "converting", "failed"]
    assert 0.3 <= time.monotonic() - begun < 30


def test_a_stream_continues_after_the_last_event_that_was_seen(site, converted):
    path = f"/conversions/{converted()}/events"
    first = _events(site.get(path))
    rest = site.get(path, headers={"Last-Event-ID": first[1][0]})

    assert _events(rest) == first[2:]


def test_nothing_more_comes_after_the_final_event(site, converted):
    path = f"/conversions/{converted()}/events"
    last = _events(site.get(path))[-1][0]
    answer = site.get(path, headers={"Last-Event-ID": last})

    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("last", ["x", "1", "1-", "9" * 40 + "-0", "9" * 18 + "-0", "null"])
def test_invalid_last_event_id_is_ignored(site, converted, last):
    answer = site.get(f"/conversions/{converted()}/events", headers={"Last-Event-ID": last})

    assert _states(answer) == ["queued", "converting", "ready", "succeeded"]


def test_a_conversion_is_looked_up_once_for_all_its_events(site, converted, client):
    conversion_id = converted()
    client.config_resetstat()
    answer = site.get(f"/conversions/{conversion_id}/events")

    assert len(_states(answer)) == 4
    assert client.info("commandstats")["cmdstat_hgetall"]["calls"] == 1


def test_an_unknown_conversion_has_no_events(site):
    assert site.get("/conversions/nothing/events").status_code == 404


def test_a_client_may_leave_at_any_time(site, make):
    path = f"/conversions/{make.queued().id}/events"
    for _ in range(3):
        with site.get(path, stream=True) as answer:
            assert next(answer.iter_lines()).startswith(b"id: ")

    assert site.get("/healthz").status_code == 200


def test_many_may_follow_one_conversion(site, make, ledger):
    entry = make.queued()
    path = f"/conversions/{entry.id}/events"
    streams = [site.get(path, stream=True).iter_lines(1) for _ in range(30)]
    for lines in streams:
        assert next(lines).startswith(b"id: ")
    ledger.cancelled(entry)

    for lines in streams:
        assert b'"state": "cancelled"' in b"".join(lines)
