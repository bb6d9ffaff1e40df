"""What a call to a webhook's address can do: bring one poll forward, and nothing else."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import pytest
import requests

from conveyor import State
from workers.local.stack import LocalStack

SPACING_S = 5.0


@pytest.fixture(scope="module")
def stack():
    """A service that is done at once."""
    with LocalStack(web=True, webhooks=True, spacing=SPACING_S) as running:
        yield running


@pytest.fixture(scope="module")
def slow_stack():
    """A service that is never done."""
    options = ("--duration", "600")
    with LocalStack(web=True, webhooks=True, spacing=SPACING_S, sandbox_options=options) as running:
        yield running


@pytest.fixture
def slow_site(slow_stack, site_of):
    return site_of(slow_stack)


@pytest.fixture
def submit(slow_site, until):
    """Has the slow service work on a conversion, until the test ends."""
    submitted = []

    def submit():
        submitted.append(slow_site.convert())
        until(lambda: slow_site.entry(submitted[-1]).get("confirmed") == "1")
        return submitted[-1]

    yield submit
    for conversion_id in submitted:
        assert slow_site.cancel(conversion_id)["state"] == State.CANCELLED
        until(lambda conversion_id=conversion_id: "delivered" in slow_site.entry(conversion_id))


def _call(site, address, job_id, *, by="POST"):
    """Call as one of the dialects does; returns the status."""
    if by == "GET":
        return site.get(address, params={"JobId": job_id}).status_code
    return site.post(address, json={"JobId": job_id}).status_code


def test_calls_that_race_the_submits_answer_are_not_lost(stack, sandbox, audit_at_rest):
    """Equal documents are converted once: the service calls at the moment that it answers."""
    with closing(stack.conveyor()) as conveyor:
        sources = [conveyor.stage("a.md", [b"# Words\n"]) for _ in range(50)]
        handles = [conveyor.convert(source, to="html") for source in sources]
        done = [handle.wait(timeout=90) for handle in handles]
    after = sandbox.audit()

    counted = [after[name] - audit_at_rest[name] for name in ("polls", "paid")]
    assert counted == [len(done), len(done)]
    assert after["violations"] == 0
    # A lost call would have been another poll, as no fallback comes before 5 s.
    assert max(each.polls for each in done) == 1


def test_calls_before_the_submit_and_after_the_end_change_nothing(
    stack, site, until, audit_at_rest
):
    (worker,) = stack.workers
    worker.stop()
    conversion_id = site.convert()
    address = site.webhook(conversion_id)
    queued = site.keys(), site.waiting_polls()
    for by in ("GET", "POST"):
        assert _call(site, address, "f" * 32, by=by) == 204

    assert (site.keys(), site.waiting_polls()) == queued

    stack.start_worker(worker)
    until(lambda: site.entry(conversion_id).get("delivered") == "1")
    until(lambda: site.leftovers() == 0)
    ended, audit, job_id = site.keys(), site.sandbox.audit(), site.job_id(conversion_id)
    for by in ("GET", "POST") * 5:
        assert _call(site, address, job_id, by=by) == 204

    done = site.look(conversion_id)
    assert (done["state"], done["polls"], done["cost"]) == (State.SUCCEEDED, 1, 1)
    assert site.keys() == ended
    assert site.waiting_polls() == 0
    assert site.sandbox.audit() == audit
    assert audit["paid"] == audit_at_rest["paid"] + 1


def test_forged_and_foreign_calls_change_nothing(slow_stack, slow_site, submit):
    site, conversion_id, other_id = slow_site, submit(), submit()
    address, job_id = site.webhook(conversion_id), site.entry(conversion_id)["job_id"]
    folder, _, signature = address.rpartition("/")
    forged = (
        folder,
        f"{folder}/",
        f"{folder}/{signature[:-1]}",
        f"{folder}/{signature[::-1]}",
        f"{folder}/{site.webhook(other_id).rpartition('/')[2]}",
        f"{folder}/%C3%A9{signature}",
        f"{address}/",
        f"{address}/more",
        f"/webhooks/{signature}/{conversion_id}",
    )
    (worker,) = slow_stack.workers
    worker.stop()  # or a poll that was due anyway would change something
    before, polls = site.keys(), site.waiting_polls()
    for by in ("GET", "POST"):
        assert {path: _call(site, path, job_id, by=by) for path in forged} == dict.fromkeys(
            forged, 404
        )
        for job in (site.entry(other_id)["job_id"], job_id[:-1]):
            assert _call(site, address, job, by=by) == 204

    assert (site.keys(), site.waiting_polls()) == (before, polls)
    slow_stack.start_worker(worker)


def test_call_in_any_form_brings_a_poll_and_nothing_else(slow_site, submit, until):
    site, conversion_id = slow_site, submit()
    address, job_id = site.webhook(conversion_id), site.entry(conversion_id)["job_id"]
    before = site.sandbox.audit()

    for method in ("PATCH", "DELETE", "OPTIONS"):
        assert site.ask(method, address, json={"JobId": job_id}).status_code == 405
    for query in ({}, {"JobId": ""}, {"JobId": "x" * 300}, {"jobid": job_id}):
        assert (query, site.get(address, params=query).status_code) == (query, 204)
    for body in ("", "{", "[]", '"text"', '{"JobId": ""}', '{"JobId": 7}', '{"JobId": null}'):
        assert (body, site.post(address, data=body).status_code) == (body, 204)
    assert site.post(address, data={"JobId": job_id}).status_code == 204
    assert site.post(address, files={"JobId": (None, job_id)}).status_code == 204
    large = json.dumps({"JobId": job_id, "more": "x" * 10_000_000}).encode()
    for body in (large, iter([large])):
        with suppress(requests.ConnectionError):  # it may be cut off before it has sent all
            assert site.post(address, data=body).status_code == 204

    until(lambda: site.sandbox.audit()["polls"] > before["polls"])
    after, unchanged = site.sandbox.audit(), ("paid", "submits", "uploads", "violations")
    assert {name: after[name] for name in unchanged} == {name: before[name] for name in unchanged}
    assert site.entry(conversion_id)["state"] == State.CONVERTING


def test_a_genuine_call_brings_one_poll_however_often_it_comes(
    slow_stack, slow_site, submit, until
):
    site, conversion_id = slow_site, submit()
    address, job_id = site.webhook(conversion_id), site.entry(conversion_id)["job_id"]
    (worker,) = slow_stack.workers
    worker.stop()
    before, waiting = site.entry(conversion_id), site.waiting_polls()

    assert _call(site, address, job_id) == 204
    called, keys = site.entry(conversion_id), site.keys()
    assert called == {**before, "webhook_received": "1"}
    assert site.waiting_polls() == waiting + 1

    for by in ("GET", "POST") * 5:
        assert _call(site, address, job_id, by=by) == 204
    assert (site.keys(), site.waiting_polls()) == (keys, waiting + 1)

    polls = site.sandbox.audit()["polls"]
    slow_stack.start_worker(worker)
    until(lambda: site.entry(conversion_id).get("polls") == "1")
    until(lambda: site.waiting_polls() == 0)
    polled = site.entry(conversion_id)
    assert (polled["state"], polled.get("webhook_received", "0")) == (State.CONVERTING, "0")
    assert site.sandbox.audit()["polls"] == polls + 1


def test_many_calls_at_once_break_no_rule_of_polling(slow_site, submit, until):
    site, conversion_id = slow_site, submit()
    address, job_id = site.webhook(conversion_id), site.entry(conversion_id)["job_id"]
    before = site.sandbox.audit()["polls"]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: _call(site, address, job_id), range(200)))
    until(lambda: site.sandbox.audit()["polls"] > before)

    assert set(answers) == {204}
    after = site.sandbox.audit()
    assert after["violations"] == 0
    # One for each five seconds in which calls came, and one for those since its poll.
    assert after["polls"] - before <= 4
