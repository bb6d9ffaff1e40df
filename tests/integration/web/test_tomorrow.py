"""A web process of today over conversions that a later release has written: no answer is a 5XX but
the one that says so."""

from __future__ import annotations

import pytest

from conveyor.ledger.keys import Keys

KEYS = Keys()


@pytest.fixture
def newer(client):
    fields = {"v": "2", "state": "pondering", "request": '{"v": 7}', "mood": "cheerful"}
    client.hset(KEYS.conversion("newer"), mapping=fields)
    for index in (*KEYS.all_due, KEYS.dead, KEYS.state("queued"), KEYS.state("failed")):
        client.zadd(index, {"newer": 1})
    client.rpush(KEYS.events("newer"), "1-0 pondering Hm.")
    return fields


def test_conversion_of_a_later_release_is_answered_by_its_own_process(site, newer):
    answered = site.get("/conversions/newer")

    assert answered.status_code == 503
    assert "A later release of Conveyor" in answered.json()["detail"]


@pytest.mark.parametrize("path", ["/conversions", "/dead-letters", "/fleet", "/metrics"])
def test_list_continues_past_what_a_later_release_has_written(site, newer, make, path):
    own = make.queued()
    answered = site.get(path)

    assert answered.status_code == 200
    if path == "/conversions":
        assert [it["id"] for it in answered.json()["conversions"]] == [own.id]


def test_conversion_of_a_later_release_is_left_as_it_is(site, newer, client):
    for method, path in (
        ("DELETE", "/conversions/newer"),
        ("POST", "/conversions/newer/cancel"),
        ("POST", "/dead-letters/newer/replay"),
    ):
        assert site.ask(method, path).status_code in {404, 405, 503}
    site.get("/conversions")

    assert client.hgetall(KEYS.conversion("newer")) == newer
    assert site.get("/fleet").json()["newer"] == 1
