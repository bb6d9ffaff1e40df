"""The FastAPI and Flask examples: a document is uploaded, followed by events, and downloaded."""

from __future__ import annotations

from email.message import Message
from uuid import uuid4

import pytest

from conveyor import Reason

SERVERS = {
    "fastapi_app": ("-m", "uvicorn", "app:app", "--port", "{port}"),
    "flask_app": ("-m", "flask", "--app", "app", "run", "--port", "{port}"),
}


@pytest.fixture(scope="module", params=SERVERS)
def visitor(request, serve):
    with serve(request.param, *SERVERS[request.param]) as visitor:
        yield visitor


def file_name_of(answer):
    """As a browser would save it."""
    headers = Message()
    headers["Content-Disposition"] = answer.headers["Content-Disposition"]
    assert headers.get_content_disposition() == "attachment"
    return headers.get_filename()


def test_a_document_becomes_a_pdf_while_its_visitor_looks_on(visitor, report):
    conversion_id = visitor.upload("report.docx", report).json()["id"]
    events = visitor.listen(conversion_id)
    (name,) = visitor.status(conversion_id)["files"]
    pdf = visitor.download(conversion_id, name)

    assert (events[0].state, events[-1].state, events[-1].over) == ("queued", "succeeded", True)
    assert pdf.content.startswith(b"%PDF")
    assert file_name_of(pdf) == "report.pdf"
    assert int(pdf.headers["Content-Length"]) == len(pdf.content)


def test_a_browser_that_lost_the_line_misses_nothing(visitor, report):
    conversion_id = visitor.upload("report.docx", report).json()["id"]
    first, *rest = visitor.listen(conversion_id)

    assert visitor.listen(conversion_id, after=first.id) == rest


def test_a_form_that_is_sent_twice_is_one_conversion(visitor, sandbox, report, audit_at_rest):
    key = str(uuid4())
    first, second = (visitor.upload("report.docx", report, key=key).json() for _ in range(2))

    assert first == second
    assert visitor.listen(first["id"])[-1].state == "succeeded"
    assert sandbox.audit()["paid"] == audit_at_rest["paid"] + 1


def test_a_visitor_learns_why_a_document_was_not_converted(visitor):
    conversion_id = visitor.upload("broken.docx", b"no document at all").json()["id"]
    events = visitor.listen(conversion_id)
    status = visitor.status(conversion_id)

    assert (events[-1].state, status["state"], status["files"]) == ("failed", "failed", [])
    assert status["failure"] == f"{Reason.DAMAGED.sentence()} {Reason.DAMAGED.advice()}"
    in_german = visitor.get(f"conversions/{conversion_id}", headers={"Accept-Language": "de-AT"})
    assert in_german.json()["failure"].startswith(Reason.DAMAGED.sentence("de"))


def test_mistakes_are_answered_in_words(visitor):
    empty = visitor.upload("empty.docx", b"")
    conversion_id = visitor.upload("broken.docx", b"no document at all").json()["id"]
    no_event = visitor.get(
        f"conversions/{conversion_id}/events", headers={"Last-Event-ID": "no event"}
    )
    unknown = [
        visitor.get(f"conversions/nothing{path}") for path in ("", "/events", "/files/a.pdf")
    ]

    assert (empty.status_code, "empty" in empty.json()["detail"]) == (422, True)
    assert (no_event.status_code, "event" in no_event.json()["detail"]) == (422, True)
    assert {answer.status_code for answer in unknown} == {404}
    assert {answer.json()["detail"] for answer in unknown} == {"There is no such conversion."}
    assert visitor.has_seen_no_traceback()
