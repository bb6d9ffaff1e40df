from __future__ import annotations

import pytest

from conveyor.webhooks import address_of

WEBHOOK_KEY = "key-of-the-webhooks"  # as the site of conftest has it
JOB = "0" * 32
EVIL = {"Host": "conveyor.example.com", "Origin": "https://v2.convertapi.com"}


@pytest.fixture
def call(site):
    def make(conversion_id, method="GET", *, job_id=JOB, key=WEBHOOK_KEY):
        path = address_of("/webhooks", key, conversion_id)
        how = {"params": {"JobId": job_id}} if method == "GET" else {"json": {"JobId": job_id}}
        return site.ask(method, path, headers=EVIL, **how)

    return make


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_call_brings_the_poll_forward(call, client, make, method):
    """From outside, without a key: the address is its own proof."""
    entry = make.converting(alive=True, job_id=JOB)
    answer = call(entry.id, method)

    assert (answer.status_code, answer.content) == (204, b"")
    assert client.llen("conveyor.poll") == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_repeated_late_and_unknown_calls_are_answered_the_same(call, make, converted, method):
    entry = make.converting(alive=True, job_id=JOB)

    assert {call(entry.id, method).status_code for _ in range(3)} == {204}
    assert call(converted(), method).status_code == 204
    assert call("nothing", method).status_code == 204
    assert call(make.converting(alive=True).id, method, job_id="1" * 32).status_code == 204


def test_a_forged_call_finds_nothing(call, client, make):
    entry = make.converting(alive=True, job_id=JOB)
    answer = call(entry.id, key="another-key-than-ours")

    assert answer.status_code == 404
    assert client.llen("conveyor.poll") == 0


def test_a_signature_is_of_one_conversion(site, make):
    first, second = make.converting(alive=True), make.converting(alive=True)
    path = address_of("/webhooks", WEBHOOK_KEY, first.id).replace(first.id, second.id)

    assert site.get(path, params={"JobId": JOB}).status_code == 404


def test_without_a_key_there_are_no_webhooks(serve, make):
    site = serve()
    path = address_of("/webhooks", "", make.converting(alive=True).id)

    assert site.get(path, params={"JobId": JOB}).status_code == 404


def test_redis_being_away_asks_for_another_call(serve):
    site = serve(redis_url="redis://127.0.0.1:9/0", webhook_key=WEBHOOK_KEY)
    path = address_of("/webhooks", WEBHOOK_KEY, "6f1c")

    assert site.get(path, params={"JobId": JOB}).status_code == 503


def test_a_forged_call_is_refused_without_asking_redis(serve):
    site = serve(redis_url="redis://127.0.0.1:9/0", webhook_key=WEBHOOK_KEY)
    path = address_of("/webhooks", "another-key-than-ours", "6f1c")

    assert site.get(path, params={"JobId": JOB}).status_code == 404
