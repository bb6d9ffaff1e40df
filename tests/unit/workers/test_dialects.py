from __future__ import annotations

import pytest

from conveyor.domain.dialect import Dialect
from workers.dialects import Dialects

PATH, QUERY = Dialect.PATH, Dialect.QUERY
BOTH = (PATH, QUERY)


class Memory:
    """What the ledger remembers for the fleet."""

    def __init__(self, known=None):
        self.known = known
        self.asked = 0

    def recall_dialect(self, account):
        self.asked += 1
        return self.known

    def remember_dialect(self, account, dialect):
        self.known = dialect


@pytest.mark.parametrize(
    ("known", "candidates"),
    [(None, (PATH, QUERY)), (PATH, (PATH, QUERY)), (QUERY, (QUERY, PATH))],
)
def test_the_one_that_is_known_to_work_comes_first(known, candidates):
    assert Dialects(Memory(known), "a", BOTH).candidates() == candidates


def test_working_dialect_is_shared_by_the_fleet():
    memory = Memory()
    Dialects(memory, "a", BOTH).worked(QUERY)

    assert Dialects(memory, "a", BOTH).candidates() == (QUERY, PATH)


def test_the_service_may_change_its_mind():
    memory = Memory(QUERY)
    dialects = Dialects(memory, "a", BOTH)
    assert dialects.candidates()[0] is QUERY
    dialects.worked(PATH)

    assert dialects.candidates()[0] is PATH
    assert memory.known is PATH


@pytest.mark.parametrize("only", BOTH)
def test_one_that_is_set_needs_no_memory(only):
    memory = Memory(PATH)
    dialects = Dialects(memory, "a", (only,))
    dialects.worked(only)

    assert dialects.candidates() == (only,)
    assert (memory.asked, memory.known) == (0, PATH)


def test_once_known_it_is_not_asked_for_again():
    memory = Memory(QUERY)
    dialects = Dialects(memory, "a", BOTH)
    for _ in range(3):
        dialects.candidates()

    assert memory.asked == 1
