"""The tables of docs/sandbox.md are those of the code."""

from pathlib import Path

import pytest

from convertapi_sandbox.audit import COUNTERS, VIOLATIONS
from convertapi_sandbox.faults import CATALOGUE, FAULTS, names_of

PAGE = Path(__file__).parents[3] / "docs" / "sandbox.md"


def cells(heading):
    """The rows of the first table below a heading."""
    _, _, below = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    section = below.partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines[2:]]


def code(names):
    return ", ".join(f"`{name}`" for name in names.split(", "))


def test_every_fault_is_told_as_the_code_tells_it():
    rows = [(code(names_of(family)), family.meaning) for family in CATALOGUE]
    assert cells("Faults") == rows


def test_every_counter_is_told_as_the_code_tells_it():
    rows = [
        (f"`{name}`", meaning, "yes" if name in VIOLATIONS else "")
        for name, meaning in COUNTERS.items()
    ]
    assert cells("The audit") == rows


def test_every_violation_is_a_counter():
    assert set(VIOLATIONS) <= set(COUNTERS)


def test_no_two_faults_share_a_name():
    names = [fault for family in CATALOGUE for fault in family.faults]
    assert len(names) == len(set(names)) == len(FAULTS)


@pytest.mark.parametrize("text", [family.meaning for family in CATALOGUE])
def test_a_meaning_fits_into_a_cell(text):
    assert "|" not in text
    assert "\n" not in text
