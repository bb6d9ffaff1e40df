"""What a run says of sandboxes whose ways are known."""

from __future__ import annotations

import pytest

from convertapi_sandbox import Duration, SandboxConfig, SandboxServer
from convertapi_sandbox.config import Dialect, Repeated

from .conftest import WIDE_S, run, run_in_time, sandbox_of, values, verdicts

# What the sandbox does not have.
MISSING = {"information"}


def test_everything_holds_of_a_sandbox_as_it_comes(listener):
    report, audit = run_in_time(lambda: sandbox_of(WIDE_S, duration=Duration(1)), 10, listener)
    found = verdicts(report)
    odd = {name: verdict for name, verdict in found.items() if verdict != "holds"}
    assert odd == {"upload-throttle": "could not tell", **dict.fromkeys(MISSING, "does not hold")}
    assert report.spent == audit["paid"] + 1 == 10
    assert audit["bad_credentials"] == 1
    # The two polls that break the rule break it on purpose, once.
    assert audit["overlapping_polls"] + audit["early_polls"] == 2


@pytest.mark.parametrize("repeated", Repeated)
def test_repeated_id_is_detected(repeated):
    with sandbox_of(repeated_job_id=repeated) as server:
        found = values(run(server.url, 8))
        paid = server.audit()["paid"]
    assert found["repeated-id"] == found["repeated-id-running"] == repeated.value[:7]
    assert paid == (8 if repeated is Repeated.TAKEN else 6)


@pytest.mark.parametrize(("spoken", "missing"), [("path", "query"), ("query", "path")])
def test_the_dialect_that_lives_is_seen(spoken, missing):
    with sandbox_of(dialects=frozenset({Dialect(spoken)})) as server:
        report = run(server.url, 3)
    found = verdicts(report)
    assert found[f"start-{spoken}"] == found[f"own-id-{spoken}"] == "holds"
    assert found["poll-done"] == "holds"
    assert found[f"start-{missing}"] == "does not hold"


def test_a_service_that_ignores_async_is_seen():
    with sandbox_of(ignore_async=True) as server:
        report = run(server.url, 2)
    assert verdicts(report)["start-path"] == "does not hold"
    assert report.recording.traits["ignores_async"] is True
    assert verdicts(report)["result-form"] == "holds"


def test_an_api_token_converts_and_may_not_read_the_account():
    with sandbox_of(token="tok-of-the-account", master_token="master-of-the-account") as server:
        token = run(server.url, 1, secret="tok-of-the-account")
        both = run(server.url, 1, secret="tok-of-the-account", reader="master-of-the-account")
    assert values(token)["user"] == "refused"
    assert verdicts(token)["result-charge"] == "could not tell"
    assert verdicts(token)["poll-done"] == "holds"
    assert values(both)["user"] == "read"
    assert verdicts(both)["result-charge"] == "holds"


def test_a_service_that_keeps_no_polls_apart_is_seen():
    with SandboxServer(SandboxConfig(spacing_s=0, duration=Duration(1))) as server:
        report = run(server.url, 1)
    assert values(report)["poll-early"] == "answered"


def test_an_upload_throttle_is_seen_and_ends_the_burst():
    with sandbox_of(seed=3, faults={"throttle_upload": 0.4}) as server:
        for _ in range(6):
            server.reset()
            report = run(server.url)
            if values(report)["upload-throttle"] == "throttles":
                break
    assert values(report)["upload-throttle"] == "throttles"


def test_webhooks_that_never_come_are_seen(listener):
    with sandbox_of(faults={"lost_webhook": 1.0}) as server:
        report = run(server.url, 1, listener=listener)
    assert verdicts(report)["webhook-path"] == "does not hold"


@pytest.mark.parametrize("spend", [0, 3])
def test_no_secret_stands_in_a_recording(spend, listener):
    with sandbox_of(
        secret="Hush-of-the-account-7", faults={"leaky_error_poll": 0.3}, seed=1
    ) as server:
        report = run(server.url, spend, secret="Hush-of-the-account-7", listener=listener)
    text = report.recording.to_text()
    assert "hush" not in text.lower()
    assert listener.url not in text
    assert "127.0.0.1" not in text
    assert "sandbox@example.com" not in text
