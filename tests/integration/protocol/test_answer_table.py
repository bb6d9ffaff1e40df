"""The table of answers in `docs/protocol.md`, row by row over a real connection."""

from __future__ import annotations

import io
import re
from contextlib import contextmanager
from pathlib import Path

import pytest

from conveyor.convertapi.errors import ComeLater, Refused, Unclear
from conveyor.domain.answers import (
    Busy,
    Failed,
    Finished,
    InProgress,
    Lost,
    NotFound,
    Started,
    Throttled,
    Unreadable,
)
from conveyor.domain.dialect import Dialect

PAGE = Path(__file__).parents[3] / "docs" / "protocol.md"
FILE = '{"FileName": "a.pdf", "FileExt": "pdf", "FileSize": 3, "Url": "https://x.example/d/x"}'
JOB_ID = "0123456789abcdef0123456789abcdef"
PATH = Dialect.PATH


def _rows():
    text = PAGE.read_text(encoding="utf-8")
    table = text.partition("| call | status | headers | body | outcome |\n")[2].partition("\n\n")[0]
    for line in table.splitlines()[1:]:
        calls, statuses, headers, body, outcome = (cell.strip() for cell in line[1:-1].split("|"))
        for call in calls.split(", "):
            for status in statuses.split(", "):
                yield pytest.param(
                    call,
                    int(status),
                    re.findall("`([^`]+)`", headers),
                    "" if body == "(empty)" else body.strip("`").replace("FILE", FILE),
                    outcome,
                    id=f"{call} {status} {body} {outcome}",
                )


@contextmanager
def _words():
    yield io.BytesIO(b"words")


def _downloaded(api, url):
    with api.download(f"{url}/d/x") as file:
        return b"".join(file.chunks).decode()


CALLS = {
    "start": lambda api, url, keep: api.start(PATH, ("docx", "pdf"), {}, JOB_ID, keep),
    "poll": lambda api, url, keep: api.poll(url, PATH, JOB_ID, keep, target="pdf"),
    "upload": lambda api, url, keep: api.upload("a.docx", _words),
    "download": lambda api, url, keep: _downloaded(api, url),
    "delete": lambda api, url, keep: api.delete_job(url, PATH, JOB_ID),
    "user": lambda api, url, keep: api.user(),
}


def _said(outcome):  # noqa: C901, PLR0911 - one return for each kind
    """An outcome in the table's words: each a prefix of what a cell may leave out."""
    wait = getattr(outcome, "retry_after_s", None)
    after = "" if wait is None else f", {wait:.0f} s"
    match outcome:
        case Started(job_id):
            return f"Started {job_id}"
        case Finished(result):
            count = len(result.files)
            return f"Finished, {count} file{'' if count == 1 else 's'}, cost {result.cost}"
        case Unreadable():
            return f"Unreadable, cost {outcome.cost}"
        case Throttled():
            return f"Throttled{after}"
        case Busy() | ComeLater():
            return f"{type(outcome).__name__} {outcome.status}{after}"
        case Failed() | Refused():
            return f"{type(outcome).__name__} {outcome.status}, code {outcome.code}"
        case Lost():
            status = f" {outcome.status}" if outcome.status else ""
            return f"Lost{status}{', paid' if outcome.paid else ''}"
        case InProgress() | NotFound() | Unclear():
            return type(outcome).__name__
        case bool():
            return "was there" if outcome else "was not there"
        case str():
            return outcome
        case _:
            return f"{outcome.conversions_consumed} of {outcome.conversions_total}"


def _asked(call):
    try:
        return call()
    except (ComeLater, Refused, Unclear) as error:
        return error


@pytest.mark.parametrize(("call", "status", "headers", "body", "outcome"), list(_rows()))
def test_answer_means_what_the_table_says(
    *, server, api, keep, say, call, status, headers, body, outcome
):
    kind = [header for header in headers if header.startswith("Content-Type")]
    server.answer(say(status, body.encode(), *headers, kind=None if kind else "application/json"))
    said = _said(_asked(lambda: CALLS[call](api, server.url, keep)))

    # A row for several statuses leaves the status out.
    assert outcome in (said, re.sub(rf" {status}(?=,|$)", "", said))
    assert len(server.requests) == 1


def test_table_has_a_row_for_each_call_and_outcome():
    rows = [param.values for param in _rows()]

    assert {row[0] for row in rows} == set(CALLS)
    assert len(rows) > 150
