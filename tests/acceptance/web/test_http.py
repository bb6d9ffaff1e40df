"""Conversions over HTTP from the upload to the result, as a client without the library has them."""

from __future__ import annotations

import hashlib
import json

import pytest

from conveyor import State
from local_stack.environment import ROOT
from local_stack.stack import LocalStack

REPORT = ROOT / "examples" / "report.docx"
STATES = ["queued", "converting", "ready", "succeeded"]


@pytest.fixture(scope="module")
def stack():
    """A conversion takes long enough to be seen on its way."""
    with LocalStack(web=True, sandbox_options=("--duration", "0.5")) as running:
        yield running


def _upload(site):
    with REPORT.open("rb") as report:
        answer = site.post("/conversions", files={"file": report}, data={"to": "pdf"})
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/conversions/{answer.json()['id']}"
    return answer.headers["Location"]


def _events(site, location, last=None):
    """A conversion's events as they come, each with its id, until the stream ends."""
    headers = {"Last-Event-ID": last} if last else {}
    with site.get(f"{location}/events", headers=headers, stream=True) as answer:
        assert answer.status_code == 200
        event_id = None
        for line in answer.iter_lines(1, decode_unicode=True):
            name, _, value = line.partition(": ")
            if name == "id":
                event_id = value
            if name == "data":
                yield event_id, json.loads(value)["state"]


def test_a_document_goes_in_and_its_pdf_comes_out(site):
    location = _upload(site)
    stream = _events(site, location)
    begun = [next(stream), next(stream)]
    stream.close()  # the line breaks, and the client comes again
    rest = list(_events(site, location, last=begun[0][0]))

    assert [state for _, state in begun] == STATES[:2]
    assert begun[1:] + rest[1:] == rest
    assert [state for _, state in begun[:1] + rest] == STATES
    assert site.get(f"{location}/events", headers={"Last-Event-ID": rest[-1][0]}).status_code == 204

    done = site.get(location).json()
    (file,) = done["files"]
    assert (done["state"], done["cost"], file["name"]) == (State.SUCCEEDED, 1, "report.pdf")
    whole = site.get(file["href"])
    assert whole.content.startswith(b"%PDF-")
    assert hashlib.sha256(whole.content).hexdigest() == file["sha256"]
    half = file["size"] // 2
    first = site.get(file["href"], headers={"Range": f"bytes=0-{half - 1}"})
    tag = first.headers["ETag"]
    rest = site.get(file["href"], headers={"Range": f"bytes={half}-", "If-Range": tag})
    assert (first.status_code, rest.status_code) == (206, 206)
    assert first.content + rest.content == whole.content
    assert site.get(file["href"], headers={"If-None-Match": tag}).status_code == 304


def test_a_cancelled_conversion_ends_immediately(site, sandbox):
    with sandbox.faults(throttle_submit=1.0):  # so that it can't be faster
        location = _upload(site)
        stream = _events(site, location)
        assert next(stream)[1] == "queued"
        cancelled = site.ask("DELETE", location).json()
        assert [state for _, state in stream][-1] == "cancelled"
        again = site.ask("DELETE", location)

    assert cancelled["state"] == State.CANCELLED
    assert (again.status_code, again.json()["state"]) == (200, State.CANCELLED)
    assert cancelled["cost"] == 0


def test_a_dead_letter_is_listed_and_replayed(site, sandbox):
    with sandbox.faults(error_5001=1.0):
        location = _upload(site)
        assert [state for _, state in _events(site, location)][-1] == "failed"
    (letter,) = site.get("/dead-letters", params={"kind": "service"}).json()["dead_letters"]
    path = f"/dead-letters/{letter['id']}"

    assert location.endswith(letter["id"])
    assert (letter["failure"]["code"], letter["replay_is_paid"]) == (5001, True)
    assert site.get(path).json()["failure"] == letter["failure"]
    replayed = site.post(f"{path}/replay", json={"timeout": 600})
    assert (replayed.status_code, replayed.headers["Location"]) == (202, location)
    assert site.end(letter["id"])["state"] == State.SUCCEEDED
    assert site.get("/dead-letters").json()["dead_letters"] == []
    assert site.get(path).status_code == 404
    assert site.post(f"{path}/replay").status_code == 404
