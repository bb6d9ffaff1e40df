"""The Django example: a document is uploaded, looked after, and downloaded, or told of by mail."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from conveyor import Reason
from local_stack.environment import ROOT

FOLDER = ROOT / "examples" / "django_app"
PATIENCE_S = 90
# Celery logs how a task of the application fails, and so its errbacks are called.
pytestmark = pytest.mark.tracebacks("KeyError")
WHERE_FROM = """
import sys, config.urls, tasks.mail, conveyor

print(config.__file__, tasks.__file__, "workers" in sys.modules, sep="\\n")
"""


@pytest.fixture(scope="module")
def visitor(serve):
    with serve("django_app", "manage.py", "runserver", "--noreload", "{port}") as visitor:
        yield visitor


@pytest.fixture(scope="module")
def mailer(example_process):
    """The application's own Celery worker, which prints the mails."""
    worker = example_process(
        *("django_app", "-m", "celery", "-A", "tasks", "worker"),
        *("--pool", "threads", "--loglevel", "INFO"),
    )
    try:
        worker.wait_ready(lambda: "ready." in worker.printed())
        yield worker
    finally:
        worker.stop()


def mail_of(mailer, words):
    """What the worker has printed once it has printed these words."""
    deadline = time.monotonic() + PATIENCE_S
    while not (mail := re.search(words, mailer.printed())):
        assert time.monotonic() < deadline, mailer.printed()
        time.sleep(0.1)
    return mail


def test_config_and_tasks_are_the_applications_own(example_environment):
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", WHERE_FROM]
    shell = subprocess.run(
        command, cwd=FOLDER, env=example_environment, capture_output=True, text=True, check=True
    )

    assert shell.stdout.splitlines() == [
        str(FOLDER / "config" / "__init__.py"),
        str(FOLDER / "tasks" / "__init__.py"),
        "False",
    ]


def test_a_document_becomes_a_pdf_while_its_visitor_looks_on(visitor, report):
    conversion_id = visitor.upload("report.docx", report).json()["id"]
    status = visitor.look_on(conversion_id)
    (name,) = status["files"]
    pdf = visitor.download(conversion_id, name)

    assert (status["state"], status["fraction"]) == ("succeeded", 1)
    assert pdf.content.startswith(b"%PDF")
    assert pdf.headers["Content-Disposition"] == 'attachment; filename="report.pdf"'
    assert int(pdf.headers["Content-Length"]) == len(pdf.content)


def test_a_form_that_is_sent_twice_is_one_conversion(visitor, sandbox, report, audit_at_rest):
    key = str(uuid4())
    first, second = (visitor.upload("report.docx", report, key=key).json() for _ in range(2))

    assert first == second
    assert visitor.look_on(first["id"])["state"] == "succeeded"
    assert sandbox.audit()["paid"] == audit_at_rest["paid"] + 1


def test_a_visitor_learns_why_a_document_was_not_converted(visitor):
    conversion_id = visitor.upload("broken.docx", b"no document at all").json()["id"]
    status = visitor.look_on(conversion_id)

    assert (status["state"], status["files"]) == ("failed", [])
    assert status["failure"] == f"{Reason.DAMAGED.sentence()} {Reason.DAMAGED.advice()}"
    in_german = visitor.get(f"conversions/{conversion_id}", headers={"Accept-Language": "de-AT"})
    assert in_german.json()["failure"].startswith(Reason.DAMAGED.sentence("de"))


def test_mistakes_are_answered_in_words(visitor):
    empty = visitor.upload("empty.docx", b"")
    unknown = [visitor.get(f"conversions/nothing{path}") for path in ("", "/files/a.pdf")]

    assert (empty.status_code, "empty" in empty.json()["detail"]) == (422, True)
    assert {answer.status_code for answer in unknown} == {404}
    assert {answer.json()["detail"] for answer in unknown} == {"There is no such conversion."}
    assert visitor.has_seen_no_traceback()


def test_the_applications_own_task_mails_the_link(visitor, mailer, report):
    told = visitor.upload("report.docx", report, address="a@example.com").json()
    link = mail_of(mailer, r"http://\S+\.pdf")[0]

    assert (told["mail"], bool(told["id"])) == ("a@example.com", True)
    assert visitor.get(urlsplit(link).path[1:]).content.startswith(b"%PDF")


def test_the_applications_own_task_mails_that_it_failed(visitor, mailer):
    visitor.upload("broken.docx", b"no document at all", address="b@example.com")

    assert mail_of(mailer, "broken.docx was not converted")
    assert mail_of(mailer, re.escape(Reason.DAMAGED.sentence()))
