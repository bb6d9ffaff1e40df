"""`docs/failures.md` lists the reasons and remedies that the code knows, in its order."""

from __future__ import annotations

import re

from conveyor import FailureKind, Reason, Remedy
from conveyor.domain import rules
from conveyor.domain.answers import Failed
from conveyor.domain.failures import failure_of
from local_stack.environment import ROOT


def _rows(page, first):
    """A table's rows below its header."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    table = text.partition(f"\n| {first} |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.split("\n")[2:]]


def test_every_reason_is_listed_with_its_remedies():
    assert [(row[0], row[2]) for row in _rows("failures.md", "reason")] == [
        (f"`{reason.value}`", ", ".join(f"`{remedy.value}`" for remedy in reason.remedies))
        for reason in Reason
    ]


def test_every_remedy_is_listed():
    assert [row[0] for row in _rows("failures.md", "remedy")] == [
        f"`{remedy.value}`" for remedy in Remedy
    ]


def test_codes_of_the_protocols_page_have_the_class_and_the_reason_that_it_says():
    told = {
        int(code): (re.findall(r"`(\w+)`", kind)[0], reason.strip("`"))
        for codes, _meaning, kind, reason in _rows("protocol.md", "code | meaning")
        for code in re.findall(r"\b(\d{4,5})\b(?! to)", codes)
    }

    assert told[rules.PROTECTED] == ("input", "password")
    assert told == {
        code: (failure.kind.value, failure.reason.value)
        for code in told
        if (failure := failure_of(Failed(400 if code < 5000 else 500, code, "")))
    }
    assert {reason for _, reason in told.values()} >= {"parameters", "no_balance", "damaged"}
    assert {kind for kind, _ in told.values()} <= set(FailureKind)
