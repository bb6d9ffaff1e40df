"""A run never pays for more than it may, whatever the service does."""

from __future__ import annotations

import pytest

from conveyor.live import FACTS, Verdict

from .conftest import run, sandbox_of

# After a submit that was taken, or instead of it: each leaves the client in the dark.
DARK = (
    "lost_submit",
    "gateway_submit",
    "finished_submit",
    "foreign_job_id",
    "status_409_after_submit",
    "message_only_500_after_submit",
    "portal_json_after_submit",
    "null_json_after_submit",
    "deep_json_after_submit",
    "empty_body_after_submit",
    "redirect_307_after_submit",
    "redirect_308_after_submit",
    "closed_after_submit",
    "throttle_submit",
    "bare_401_submit",
    "raw_result",
    "truncated_json",
    "lost_poll",
    "closed_poll",
    "bare_401_poll",
    "leaky_error_poll",
    "bad_url_error_poll",
    "surrogate_error_poll",
    "error_5001",
    "closed_delete",
    "closed_user",
    "closed_upload",
    "portal_html_upload",
    "throttle_upload",
    "truncated_download",
    "outage",
)


@pytest.mark.parametrize("spend", range(11))
def test_what_is_paid_stays_within_what_may_be_spent(spend):
    with sandbox_of() as server:
        report = run(server.url, spend)
        # Without webhooks nine tell everything. What is refused at once counts, and is not charged.
        assert report.spent == min(spend, 9)
        assert report.spent - 1 <= server.audit()["paid"] <= report.spent
    dear = {fact.id for fact, found in report.findings if "needs --spend" in found.evidence}
    assert dear <= {fact.id for fact in FACTS if fact.spend > spend}
    assert dear or spend >= 9


@pytest.fixture(scope="module")
def faulty():
    with sandbox_of(slow_s=0.2, seed=1) as server:
        yield server


@pytest.mark.parametrize(
    ("fault", "rate"), [*((fault, 1.0) for fault in DARK), *((fault, 0.5) for fault in DARK[:4])]
)
def test_it_does_so_in_the_dark(faulty, fault, rate):
    faulty.reset()
    faulty.set_faults({fault: rate})
    report = run(faulty.url, 3, job_s=1)
    faulty.set_faults({})
    assert faulty.audit()["paid"] <= report.spent <= 3


def test_of_a_submit_that_is_lost_none_is_repeated(faulty):
    faulty.reset()
    faulty.set_faults({"lost_submit": 1.0})
    report = run(faulty.url, 1)
    faulty.set_faults({})
    audit = faulty.audit()
    assert (audit["paid"], audit["paid_duplicates"], report.spent) == (1, 0, 1)
    found = {fact.id: finding for fact, finding in report.findings}
    assert found["start-path"].verdict is Verdict.COULD_NOT_TELL
    # The job was asked for by our own id, and is there.
    assert found["own-id-path"].evidence == "The job is known by it."
    assert found["poll-done"].verdict is Verdict.HOLDS


def test_nothing_is_spent_with_a_credential_that_is_refused():
    with sandbox_of() as server:
        report = run(server.url, 5, secret="wrong")
        assert server.audit()["paid"] == report.spent == 0
    found = {fact.id: finding for fact, finding in report.findings}
    assert found["bearer"].verdict is Verdict.DOES_NOT_HOLD
    assert "CONVEYOR_API_SECRET" in found["bearer"].evidence
    assert "credential was refused" in found["poll-done"].evidence


def test_nothing_more_is_tried_once_the_balance_is_used_up():
    with sandbox_of(balance=1) as server:
        report = run(server.url, 9)
        assert server.audit()["paid"] == 1
    assert report.spent <= 4


def test_what_it_leaves_behind_is_nothing():
    with sandbox_of() as server:
        run(server.url, 10)
        audit = server.audit()
    # The uploads, and a file of each conversion that succeeded and was stored.
    assert audit["uploads"] == 6
    assert audit["deleted_files"] == 6 + 5
    assert audit["deleted_jobs"] == 6
