from __future__ import annotations

import socket
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from conveyor.webhooks import address_of
from web import webhooks

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


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(webhooks, "_BODY_S", 0.2)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_call_brings_the_poll_forward(call, client, make, method):
    """From outside, without a key: the address is its own proof."""
    entry = make.converting(confirmed=True, job_id=JOB)
    answer = call(entry.id, method)

    assert (answer.status_code, answer.content) == (204, b"")
    assert client.llen("conveyor.poll") == 1


@pytest.mark.parametrize("own_id", ["order/7", "/7", "7/", "a//b", "ü %2F?#7"])
def test_a_call_for_any_task_id_brings_the_poll_forward(*, call, client, ledger, make, own_id):
    entry = make.submitting(make.queued(own_id), JOB)
    ledger.started(entry, JOB, 1.0)

    assert call(own_id).status_code == 204
    assert client.llen("conveyor.poll") == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_repeated_late_and_unknown_calls_are_answered_the_same(call, make, converted, method):
    entry = make.converting(confirmed=True, job_id=JOB)

    assert {call(entry.id, method).status_code for _ in range(3)} == {204}
    assert call(converted(), method).status_code == 204
    assert call("nothing", method).status_code == 204
    assert call(make.converting(confirmed=True).id, method, job_id="1" * 32).status_code == 204


def test_a_forged_call_finds_nothing(call, client, make):
    entry = make.converting(confirmed=True, job_id=JOB)
    answer = call(entry.id, key="another-key-than-ours")

    assert answer.status_code == 404
    assert client.llen("conveyor.poll") == 0


def test_a_signature_is_of_one_conversion(site, make):
    first, second = make.converting(confirmed=True), make.converting(confirmed=True)
    path = address_of("/webhooks", WEBHOOK_KEY, first.id).replace(first.id, second.id)

    assert site.get(path, params={"JobId": JOB}).status_code == 404


def test_without_a_key_there_are_no_webhooks(serve, make):
    site = serve()
    path = address_of("/webhooks", "", make.converting(confirmed=True).id)

    assert site.get(path, params={"JobId": JOB}).status_code == 404


def test_redis_being_away_asks_for_another_call(serve):
    site = serve(redis_url="redis://127.0.0.1:9/0", webhook_key=WEBHOOK_KEY)
    path = address_of("/webhooks", WEBHOOK_KEY, "6f1c")

    assert site.get(path, params={"JobId": JOB}).status_code == 503


def test_a_forged_call_is_refused_without_asking_redis(serve):
    site = serve(redis_url="redis://127.0.0.1:9/0", webhook_key=WEBHOOK_KEY)
    path = address_of("/webhooks", "another-key-than-ours", "6f1c")

    assert site.get(path, params={"JobId": JOB}).status_code == 404


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "application/x-www-form-urlencoded"}, f"JobId={JOB}"),
        ({"Content-Type": "application/json"}, '{"jobId": "' + JOB + '"}'),
        ({"Content-Type": "application/json"}, b"\xef\xbb\xbf{}"),
        ({"Content-Type": "text/plain"}, b"done"),
        ({}, b""),
        ({}, b"x" * 2_000_000),
    ],
)
def test_a_call_in_another_form_brings_the_poll_forward(site, client, make, headers, body):
    entry = make.converting(confirmed=True, job_id=JOB)
    path = address_of("/webhooks", WEBHOOK_KEY, entry.id)

    assert site.post(path, data=body, headers=headers).status_code == 204
    assert client.llen("conveyor.poll") == 1


def test_a_call_for_another_job_brings_nothing_forward(call, client, make):
    entry = make.converting(confirmed=True, job_id=JOB)

    assert call(entry.id, "POST", job_id="1" * 32).status_code == 204
    assert client.llen("conveyor.poll") == 0


@pytest.mark.parametrize(
    "body", [b"Content-Length: 100\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"]
)
@pytest.mark.usefixtures("impatient")
def test_a_call_that_stalls_counts_and_ends(site, client, make, heard, body):
    entry = make.converting(confirmed=True, job_id=JOB)
    path = address_of("/webhooks", WEBHOOK_KEY, entry.id)
    target = urlsplit(site.url)
    with closing(socket.create_connection((target.hostname, target.port), timeout=60)) as caller:
        caller.sendall(f"POST {path} HTTP/1.1\r\nHost: a.example\r\n".encode() + body)
        assert heard(caller).startswith(b"HTTP/1.1 204 ")

    assert client.llen("conveyor.poll") == 1


def test_a_caller_that_does_not_wait_counts(site, client, make):
    entry = make.converting(confirmed=True, job_id=JOB)
    path = address_of("/webhooks", WEBHOOK_KEY, entry.id)
    target = urlsplit(site.url)
    head = f"POST {path} HTTP/1.1\r\nHost: a.example\r\nContent-Length: 9\r\n\r\n"
    with closing(socket.create_connection((target.hostname, target.port), timeout=60)) as caller:
        caller.sendall(head.encode() + b"{")

    assert client.blpop("conveyor.poll", timeout=60)
