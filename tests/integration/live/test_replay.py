"""A recording replayed: the second sandbox says of itself what the first one did."""

from __future__ import annotations

from dataclasses import replace

import pytest
import requests

from convertapi_sandbox import Duration, SandboxConfig, SandboxServer
from convertapi_sandbox.config import Dialect, Repeated
from convertapi_sandbox.recording import Exchange, parse
from convertapi_sandbox.replay import replayed

from .conftest import SPACING_S, WIDE_S, run, run_in_time, sandbox_of, values, verdicts

# Longer than until a job's second poll: so each run sees it run.
LONG = Duration(1)


def replay(recording, spacing_s=SPACING_S, **options):
    config = SandboxConfig(spacing_s=spacing_s, **options)
    return SandboxServer(replayed(config, recording))


@pytest.mark.parametrize(
    ("ways", "spend"),
    [
        ({"repeated_job_id": Repeated.REFUSED}, 6),
        ({"repeated_job_id": Repeated.REFUSED_400, "dialects": frozenset({Dialect.PATH})}, 3),
        ({"repeated_job_id": Repeated.FIRST, "dialects": frozenset({Dialect.QUERY})}, 3),
        ({"ignore_async": True}, 3),
        ({"faults": {"foreign_job_id": 1.0, "lost_webhook": 1.0}}, 3),
    ],
    ids=["refused", "refused-400-path", "first-query", "ignores-async", "foreign-ids-no-webhooks"],
)
def test_a_run_against_the_replay_finds_the_same(ways, spend, listener):
    first, _ = run_in_time(lambda: sandbox_of(WIDE_S, duration=LONG, **ways), spend, listener)
    recording = parse(first.recording.to_text().encode())
    second, _ = run_in_time(lambda: replay(recording, WIDE_S, duration=LONG), spend, listener)
    assert verdicts(second) == verdicts(first)
    assert values(second) == values(first)
    assert second.recording.traits == first.recording.traits
    assert second.spent == first.spent


@pytest.fixture(scope="module")
def recording():
    with sandbox_of() as server:
        return parse(run(server.url, 1).recording.to_text().encode())


def edited(recording, label, **changes):
    exchanges = [
        replace(one, **changes) if one.label == label else one for one in recording.exchanges
    ]
    return replace(recording, exchanges=tuple(exchanges))


JSON = {"content-type": "application/json; charset=utf-8"}


@pytest.mark.parametrize(
    ("label", "request_", "status", "body"),
    [
        ("unknown-job-path", ("GET", "/async/job/" + "0" * 32), 404, {"Message": "No job."}),
        ("unknown-job-query", ("GET", "/job/" + "0" * 32), 410, "<p>gone"),
        ("unknown-delete-path", ("DELETE", "/async/job/" + "0" * 32), 204, None),
        ("unknown-file", ("GET", "/d/" + "0" * 32), 404, {"Code": 5009, "Message": "No."}),
        ("wrong-credential", ("GET", "/user"), 401, {"Code": 4010, "Message": "Who are you?"}),
        ("info-pair", ("GET", "/info/docx/to/pdf"), 200, {"openapi": "3.0.1"}),
        ("no-such-address", ("GET", "/nowhere"), 404, {"Message": "No such page."}),
        ("unsupported-pair", ("POST", "/convert/xx/to/yy"), 415, {"Code": 415, "Message": "No."}),
    ],
)
def test_a_question_that_costs_nothing_is_answered_as_recorded(
    recording, label, request_, status, body
):
    ours = edited(recording, label, status=status, headers=JSON, body=body)
    secret = "wrong" if label == "wrong-credential" else "sandbox"
    with replay(ours) as server:
        method, path = request_
        headers = {"Authorization": f"Bearer {secret}"}
        answer = requests.request(method, server.url + path, headers=headers, timeout=30)
    assert answer.status_code == status
    assert answer.headers["content-type"] == JSON["content-type"]
    if isinstance(body, dict):
        assert answer.json() == body
    else:
        assert answer.text == (body or "")


def test_an_upload_is_answered_in_the_recorded_form(recording):
    form = {"FileId": "<file-id-1>", "FileName": "a", "FileExt": "txt", "Region": "eu"}
    with replay(edited(recording, "upload", body=form)) as server:
        headers = {"Authorization": "Bearer sandbox", "Content-Disposition": "a; filename=b.txt"}
        answer = requests.post(f"{server.url}/upload", data=b"x", headers=headers, timeout=30)
        file_id = answer.json()["FileId"]
        assert requests.get(f"{server.url}/d/{file_id}", timeout=30).content == b"x"
    assert answer.json() == {
        "FileId": file_id,
        "FileName": "b.txt",
        "FileExt": "txt",
        "Region": "eu",
    }


def test_a_result_has_the_recorded_fields(recording):
    result = next(one.body for one in recording.exchanges if one.label == "first-poll" and one.body)
    older = {"ConversionTime": 2, "Files": [{"FileName": "a", "Url": result["Files"][0]["Url"]}]}
    with replay(edited(recording, "first-poll", status=200, body=older)) as server:
        report = run(server.url, 1)
    finding = next(finding for fact, finding in report.findings if fact.id == "result-form")
    assert finding.verdict.value == "does not hold"
    assert finding.evidence == "The result lacks ConversionCost, FileExt, FileSize."


def test_conversions_continue_and_their_files_are_whole(recording):
    with replay(recording) as server:
        answer = requests.post(
            f"{server.url}/convert/md/to/html",
            headers={"Authorization": "Bearer sandbox"},
            files={"File": ("a.md", b"# Hello")},
            timeout=60,
        )
    assert "FileData" in answer.json()["Files"][0]


def test_unknown_url_parameter_is_refused_with_our_message(recording):
    words = {"Code": 4000, "Message": "Recorded.", "InvalidParameters": {"Timeout": ["No."]}}
    with replay(edited(recording, "address-query", body=words)) as server:
        answers = [
            requests.post(
                f"{server.url}/convert/txt/to/pdf",
                headers={"Authorization": "Bearer sandbox"},
                data=form,
                timeout=30,
            ).json()
            for form in ({"Timeout": "x"}, {"PageRange": "x"})
        ]
    assert answers[0] == words
    assert "PageRange" in answers[1]["InvalidParameters"]


def test_an_account_that_may_not_be_read_is_not(recording):
    refusal = {"Code": 4010, "Message": "Not with this."}
    with replay(edited(recording, "user", status=403, headers=JSON, body=refusal)) as server:
        report = run(server.url)
    assert values(report)["user"] == "refused"


def test_a_request_that_was_not_answered_changes_nothing(recording):
    silence = Exchange(label="unknown-file")
    with replay(replace(recording, exchanges=(silence,))) as server:
        answer = requests.get(f"{server.url}/d/{'0' * 32}", timeout=30)
    assert answer.text == "File not found or expired."
