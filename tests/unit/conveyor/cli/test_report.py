from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from conveyor.cli.report import summary
from conveyor.domain.conversion import (
    Conversion,
    Failure,
    FailureKind,
    Reason,
    State,
    StoredFile,
)


def printed(conversion: Conversion, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    summary(conversion, console)
    return console.file.getvalue().splitlines()


DONE = Conversion(
    id="some-id",
    state=State.SUCCEEDED,
    from_format="docx",
    to_format="pdf",
    files=(StoredFile("a [bold].pdf", "file:///s/a [bold].pdf", 12_345, "0123456789abcdef"),),
    cost=2,
    polls=3,
    submits=1,
    created_at=100.0,
    submitted_at=100.5,
    ready_at=107.0,
    finished_at=107.3,
)


def test_success():
    assert printed(DONE) == [
        "state     succeeded",
        "id        some-id",
        "formats   docx to pdf",
        "cost      2",
        "polls     3",
        "time      waited 0.5 s, converting 6.5 s, delivered in 0.3 s, in all 7.3 s",
        "file      a [bold].pdf  12.3 kB  sha256 0123456789ab",
        "          file:///s/a [bold].pdf",
    ]


def test_callers_own_data_and_the_sources_name_are_shown():
    conversion = replace(
        DONE, source_name="Angebot\x1b[31m.docx", metadata={"order": 4711, "shop": "eu"}
    )

    assert printed(conversion)[3:5] == [
        "source    Angebot [31m.docx",
        "metadata  order=4711, shop=eu",
    ]


def test_lines_are_never_broken():
    assert printed(DONE, width=20) == printed(DONE, width=200)


def test_failure():
    failure = Failure(
        FailureKind.INPUT, "Damaged.\nCheck it.", code=5002, status=500, reason=Reason.DAMAGED
    )
    dead = Conversion("some-id", State.FAILED, "docx", "pdf", failure=failure, created_at=1.0)
    lines = printed(dead)
    assert "state     failed" in lines
    assert lines[-5:] == [
        "class     input",
        "reason    damaged",
        "error     Damaged. Check it. (code 5002, HTTP 500)",
        f"customer  {Reason.DAMAGED.sentence()} {Reason.DAMAGED.advice()}",
        "remedy    send_another_file",
    ]


def test_failure_without_numbers():
    dead = Conversion(
        "some-id", State.FAILED, "docx", "pdf", failure=Failure(FailureKind.STORAGE, "Full.")
    )
    assert "error     Full." in printed(dead)


def test_missing_event_has_no_time():
    waiting = Conversion("some-id", State.QUEUED, "docx", "pdf", created_at=100.0)
    assert not [line for line in printed(waiting) if line.startswith("time")]
