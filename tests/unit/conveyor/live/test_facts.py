from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from conveyor.domain.dialect import Dialect
from conveyor.live.answers import Answer, Silence
from conveyor.live.facts import FACTS
from conveyor.live.findings import UNASKED, Verdict, could_not_tell, holds
from conveyor.live.plan import MOST_SPENT
from conveyor.live.scene import Call, JobSeen, Role, Scene
from conveyor.live.traits import traits_of

DOCS = Path(__file__).parents[4] / "docs"
CHECKS = {fact.id: fact.check for fact in FACTS}
YES, NO, OPEN = Verdict.HOLDS, Verdict.DOES_NOT_HOLD, Verdict.COULD_NOT_TELL


def reply(status, body=None, elapsed=0.0):
    if isinstance(body, bytes):
        return Answer(status, {"content-type": "text/html"}, body, elapsed)
    content = b"" if body is None else json.dumps(body).encode()
    return Answer(status, {"content-type": "application/json"}, content, elapsed)


def scene(**replies):
    labelled = {name.replace("_", "-"): value for name, value in replies.items()}
    return Scene(base_url="http://127.0.0.1:1", replies=labelled)


def error(status, code):
    return reply(status, {"Code": code, "Message": "So it is."})


def test_each_fact_has_a_name_of_its_own_and_a_price_within_bounds():
    assert len(CHECKS) == len(FACTS)
    assert all(0 <= fact.spend <= MOST_SPENT for fact in FACTS)
    assert max(fact.spend for fact in FACTS) == MOST_SPENT


def test_the_documentation_lists_them_all():
    rows = re.findall(r"^\| `([a-z-]+)` \| (.+) \| (.+) \| (\d+) \|$", _page(), re.MULTILINE)
    assert rows == [(fact.id, fact.sentence, fact.source, str(fact.spend)) for fact in FACTS]


def _page():
    return (DOCS / "live.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CHECKS)
def test_of_what_was_not_asked_nothing_is_said(name):
    finding = CHECKS[name](scene())
    assert finding.verdict is Verdict.COULD_NOT_TELL


SIMPLE = {
    "user": "user",
    "statistic": "statistic",
    "wrong-credential": "wrong-credential",
    "upload-form": "upload",
    "upload-name": "upload",
    "download": "download",
    "download-range": "range",
    "file-delete": "file-delete",
    "unknown-job-path": "unknown-job-path",
    "address-path": "address-path",
    "unsupported-pair": "unsupported-pair",
    "invalid-parameter": "address-query",
    "information": "info-pair",
}


@pytest.mark.parametrize("name", SIMPLE)
@pytest.mark.parametrize(
    "answer",
    [
        Silence("no answer in time"),
        error(503, 503),
        reply(429),
        reply(502, b"<html>"),
        reply(504, {"Message": "Endpoint request timed out"}),
        reply(302),
    ],
    ids=str,
)
def test_the_road_proves_nothing(name, answer):
    finding = CHECKS[name](scene(**{SIMPLE[name]: answer}))
    assert finding.verdict is Verdict.COULD_NOT_TELL
    assert finding is not UNASKED


UPLOAD = {"FileId": "a" * 32, "FileName": "conveyor live é.txt", "FileExt": "txt"}


@pytest.mark.parametrize(
    ("name", "answer", "verdict", "value"),
    [
        ("user", reply(200, {"ConversionsTotal": 1, "ConversionsConsumed": 0}), YES, "read"),
        ("user", reply(200, {"ConversionsTotal": "1"}), NO, ""),
        ("user", error(403, 4010), YES, "refused"),
        ("user", reply(404, b""), NO, ""),
        ("statistic", reply(200, []), YES, "read"),
        ("statistic", reply(401), YES, "refused"),
        ("wrong-credential", error(401, 4011), YES, ""),
        ("wrong-credential", reply(401), NO, ""),
        ("wrong-credential", reply(401, {"Code": "4011"}), NO, ""),
        ("wrong-credential", reply(401, {"Code": True}), NO, ""),
        ("wrong-credential", reply(200, {}), NO, ""),
        ("upload-form", reply(200, UPLOAD), YES, ""),
        ("upload-form", reply(200, {**UPLOAD, "FileId": "a"}), NO, ""),
        ("upload-form", reply(200, {**UPLOAD, "FileSize": 3}), NO, ""),
        ("upload-form", reply(200, {"FileId": "a" * 32}), NO, ""),
        ("upload-name", reply(200, {**UPLOAD, "FileName": "conveyor live e\u0301"}), YES, ""),
        ("upload-name", reply(200, {**UPLOAD, "FileName": "x.txt"}), NO, ""),
        ("download-range", Answer(206, {}, b"Conv"), YES, "honoured"),
        ("download-range", Answer(206, {}, b"C"), NO, ""),
        ("download-range", reply(416), NO, ""),
        ("unknown-job-path", reply(404, b"<html>"), YES, "HTML"),
        ("unknown-job-path", reply(202), NO, ""),
        ("address-path", reply(404), NO, "missing"),
        ("address-path", error(400, 4000), YES, "there"),
        ("address-path", error(401, 4013), YES, "there"),
        ("address-path", reply(405), OPEN, ""),
        ("unsupported-pair", error(415, 415), YES, ""),
        ("unsupported-pair", reply(404), NO, ""),
        ("invalid-parameter", error(400, 4000), YES, ""),
        ("invalid-parameter", error(400, 4001), NO, ""),
        ("invalid-parameter", reply(200, {"JobId": "x"}), NO, ""),
        ("information", reply(200, {"openapi": "3"}), YES, ""),
        ("information", reply(401), NO, ""),
    ],
)
def test_an_answer_is_judged(name, answer, verdict, value):
    finding = CHECKS[name](scene(**{SIMPLE[name]: answer}))
    assert (finding.verdict, finding.value) == (verdict, value)


def job(role=Role.FIRST, dialect=Dialect.PATH, **seen):
    return JobSeen(role=role, dialect=dialect, job_id="own", known_as="own", **seen)


def with_job(one, **replies):
    made = scene(**replies)
    made.jobs[one.role] = one
    return made


RESULT = {
    "ConversionCost": 1,
    "Files": [{"FileName": "a.pdf", "FileExt": "pdf", "FileSize": 1, "Url": "x", "FileId": "1"}],
}
OTHER = {"ConversionCost": 1, "Files": [{**RESULT["Files"][0], "FileId": "2"}]}


@pytest.mark.parametrize(
    ("name", "seen", "verdict", "value"),
    [
        ("start-path", {"start": reply(200, {"JobId": "own"})}, YES, "started"),
        ("start-path", {"start": reply(200, RESULT)}, NO, "finished"),
        ("start-path", {"start": reply(200, {"Files": []})}, NO, "finished"),
        ("start-path", {"start": reply(404)}, NO, "missing"),
        ("start-path", {"start": reply(200, b"<html>portal")}, NO, ""),
        ("start-path", {"start": error(503, 503)}, OPEN, ""),
        ("start-path", {"start": Silence("gone")}, OPEN, ""),
        ("own-id-path", {"start": reply(200, {"JobId": "own"})}, YES, ""),
        ("own-id-path", {"start": reply(200, {"JobId": "else"})}, NO, ""),
        ("own-id-path", {"start": Silence("gone"), "polls": [reply(202)]}, YES, ""),
        ("own-id-path", {"start": Silence("gone"), "polls": [reply(404)]}, OPEN, ""),
        ("poll-open", {"polls": [reply(401)]}, NO, ""),
        ("poll-open", {"polls": [reply(202)]}, YES, ""),
        ("poll-running", {"polls": [reply(202), reply(200, RESULT)]}, YES, ""),
        ("poll-running", {"polls": [reply(200, RESULT)]}, OPEN, ""),
        ("poll-done", {"polls": [reply(200)], "final": reply(200, RESULT)}, YES, ""),
        ("poll-done", {"polls": [reply(500)], "final": error(500, 5001)}, OPEN, ""),
        ("poll-done", {"start": reply(200, {"JobId": "own"}), "polls": [reply(404)]}, NO, ""),
        ("poll-done", {"start": Silence("gone"), "polls": [reply(404)]}, OPEN, ""),
        ("poll-early", {"early": reply(503, b"busy")}, YES, "refused"),
        ("poll-early", {"early": reply(202, elapsed=4.9)}, YES, "held"),
        ("poll-early", {"early": reply(202, elapsed=0.1)}, NO, "answered"),
        ("poll-early", {"early": reply(502)}, OPEN, ""),
        ("poll-early", {"early": Silence("gone")}, OPEN, ""),
        ("poll-together", {"together": (reply(202), reply(503))}, YES, "refused"),
        ("poll-together", {"together": (reply(202), reply(202, elapsed=5))}, YES, "held"),
        ("poll-together", {"together": (reply(202), reply(202))}, NO, "answered"),
        ("poll-together", {"together": (reply(503), Silence("gone"))}, OPEN, ""),
        ("poll-again", {"final": reply(200, RESULT), "again": reply(200, RESULT)}, YES, ""),
        ("poll-again", {"final": reply(200, RESULT), "again": reply(404)}, NO, ""),
        ("result-form", {"final": reply(200, RESULT)}, YES, ""),
        ("result-form", {"final": reply(200, {"ConversionTime": 1, "Files": [{}]})}, NO, ""),
        ("result-form", {"final": reply(200, {"ConversionCost": 1, "Files": None})}, NO, ""),
        ("result-form", {"final": reply(200, b"%PDF")}, OPEN, ""),
    ],
)
def test_a_job_is_judged(name, seen, verdict, value):
    finding = CHECKS[name](with_job(job(**seen)))
    assert (finding.verdict, finding.value) == (verdict, value)


def test_dialect_with_a_missing_endpoint_does_not_start_jobs():
    finding = CHECKS["start-path"](scene(address_path=reply(404)))
    assert (finding.verdict, finding.value) == (NO, "missing")


@pytest.mark.parametrize(
    ("answer", "poll", "verdict", "value"),
    [
        (reply(409), None, YES, "refused"),
        (error(409, 409), None, YES, "refused"),
        (error(400, 4000), None, YES, "refused"),
        (error(500, 5001), None, YES, "refused"),
        (reply(200, {"JobId": "own"}), RESULT, YES, "first"),
        (reply(200, {"JobId": "own"}), OTHER, YES, "taken"),
        (reply(200, {"JobId": "own"}), None, OPEN, ""),
        (reply(200, {"JobId": "else"}), None, YES, "taken"),
        (reply(200, RESULT), None, YES, "first"),
        (reply(200, OTHER), None, YES, "taken"),
        (reply(400, b"page"), None, OPEN, ""),
        (reply(404), None, OPEN, ""),
        (error(401, 4010), None, OPEN, ""),
        (error(503, 503), None, OPEN, ""),
        (reply(502), None, OPEN, ""),
        (Silence("gone"), None, OPEN, ""),
    ],
)
def test_repeated_id_is_reported(answer, poll, verdict, value):
    made = with_job(job(final=reply(200, RESULT)), repeat=answer)
    if poll is not None:
        made.replies["repeat-poll-end"] = reply(200, poll)
    finding = CHECKS["repeated-id"](made)
    assert (finding.verdict, finding.value) == (verdict, value)


@pytest.mark.parametrize(
    ("base_url", "succeeded", "failed", "verdicts"),
    [
        ("http://127.0.0.1:1", Call.CAME, Call.MISSING, (YES, YES)),
        ("http://127.0.0.1:1", Call.MISSING, Call.MISSING, (NO, YES)),
        ("https://v2.convertapi.com", Call.CAME, Call.MISSING, (YES, YES)),
        ("https://v2.convertapi.com", Call.CAME, Call.CAME, (YES, NO)),
        # Nothing came: the address may be out of the service's reach.
        ("https://v2.convertapi.com", Call.MISSING, Call.MISSING, (OPEN, OPEN)),
    ],
)
def test_webhooks_of_the_path_dialect_are_judged(base_url, succeeded, failed, verdicts):
    made = Scene(base_url=base_url, has_listener=True)
    made.jobs[Role.FIRST] = job(final=reply(200, RESULT), call=succeeded)
    made.jobs[Role.FAILING] = job(Role.FAILING, final=error(500, 5009), call=failed)
    found = tuple(CHECKS[name](made).verdict for name in ("webhook-path", "webhook-failed-path"))
    assert found == verdicts


def test_traits_are_what_was_seen():
    findings = {fact.id: could_not_tell("") for fact in FACTS}
    assert traits_of(findings) == {}
    findings |= {
        "start-path": CHECKS["start-path"](scene(address_path=reply(404))),
        "start-query": holds("", "started"),
        "own-id-query": holds(""),
        "repeated-id": holds("", "refused"),
        "poll-early": holds("", "held"),
        "webhook-query": holds("", "called"),
    }
    assert traits_of(findings) == {
        "dialects": ["query"],
        "ignores_async": False,
        "keeps_own_ids": True,
        "repeated_job_id": "refused",
        "early_polls": "held",
        "calls_webhooks": True,
    }
