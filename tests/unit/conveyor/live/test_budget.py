from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conveyor.live.budget import Budget, BudgetSpent


@given(st.integers(0, 8), st.integers(0, 20))
def test_never_more_is_taken_than_allowed(allowed, asked):
    budget = Budget(allowed)
    taken = 0
    for _ in range(asked):
        try:
            budget.take()
        except BudgetSpent:
            continue
        taken += 1
    assert taken == budget.spent == min(allowed, asked)
    assert budget.left == allowed - taken


def test_once_something_free_was_taken_for_an_order_nothing_is_spent():
    budget = Budget(5)
    budget.close(charged=True)
    assert (budget.spent, budget.left, budget.is_closed) == (1, 0, True)
    with pytest.raises(BudgetSpent):
        budget.take()


def test_a_budget_below_zero_is_refused():
    with pytest.raises(ValueError, match="0 conversions or more"):
        Budget(-1)
