from __future__ import annotations

import re
from pathlib import Path

from conveyor.domain.conversion import State
from conveyor.ledger import Ledger
from conveyor.ledger.transitions import TRANSITIONS

ARCHITECTURE = Path(__file__).parents[4] / "docs" / "architecture.md"


def _rows(first_heading):
    """The rows of the one table whose first column has this heading."""
    text = ARCHITECTURE.read_text(encoding="utf-8")
    table = re.search(rf"^\| {first_heading} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert table is not None
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in table[1].splitlines()]


def test_the_document_shows_every_transition_as_it_is():
    shown = {
        name.strip("`"): (
            {"" if state == "(none)" else state for state in leaves.split(", ")},
            None if enters == "(same)" else enters,
        )
        for name, leaves, enters, _ in _rows("transition")
    }

    assert shown == {
        row.name: (set(row.leaves), row.enters and row.enters.value) for row in TRANSITIONS.values()
    }


def test_the_document_shows_every_state():
    shown = {name for cell, _ in _rows("state") for name in re.findall(r"`(\w+)`", cell)}

    assert shown >= set(State)


def test_every_transition_is_a_call_of_the_ledger():
    assert [name for name in TRANSITIONS if not callable(getattr(Ledger, name, None))] == []


def test_succeeded_conversion_never_changes_state():
    leaves = set().union(*(row.leaves for row in TRANSITIONS.values() if row.enters is not None))

    assert State.SUCCEEDED not in leaves


def test_every_state_that_is_not_an_end_can_be_given_up():
    unfinished = {state.value for state in State if not state.is_final}

    assert TRANSITIONS["failed"].leaves == unfinished
