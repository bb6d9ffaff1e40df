"""The Flask example: a document is uploaded, followed by events, and downloaded."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def visitor(serve):
    with serve("flask_app", "-m", "flask", "--app", "app", "run", "--port", "{port}") as visitor:
        yield visitor


def test_a_document_becomes_a_pdf_while_its_visitor_looks_on(visitor, report):
    conversion_id = visitor.upload("report.docx", report).json()["id"]
    events = visitor.listen(conversion_id)
    (name,) = visitor.status(conversion_id)["files"]
    pdf = visitor.download(conversion_id, name)

    assert (events[0].state, events[-1].state, events[-1].over) == ("queued", "succeeded", True)
    assert pdf.content.startswith(b"%PDF")
    assert pdf.headers["Content-Disposition"] == "attachment; filename=report.pdf"
    assert int(pdf.headers["Content-Length"]) == len(pdf.content)


def test_a_browser_that_lost_the_line_misses_nothing(visitor, report):
    conversion_id = visitor.upload("report.docx", report).json()["id"]
    first, *rest = visitor.listen(conversion_id)

    assert visitor.listen(conversion_id, after=first.id) == rest


def test_a_visitor_learns_why_a_document_was_not_converted(visitor):
    conversion_id = visitor.upload("broken.docx", b"no document at all").json()["id"]
    events = visitor.listen(conversion_id)
    status = visitor.status(conversion_id)

    assert (events[-1].state, status["state"], status["files"]) == ("failed", "failed", [])
    assert "damaged" in status["failure"]


def test_mistakes_are_answered_in_words(visitor):
    empty = visitor.upload("empty.docx", b"")
    unknown = [
        visitor.get(f"conversions/nothing{path}") for path in ("", "/events", "/files/a.pdf")
    ]

    assert (empty.status_code, "empty" in empty.json()["detail"]) == (422, True)
    assert {answer.status_code for answer in unknown} == {404}
    assert {answer.json()["detail"] for answer in unknown} == {"There is no such conversion."}
    assert visitor.has_seen_no_traceback()
