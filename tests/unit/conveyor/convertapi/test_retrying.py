"""Which calls are tried again, how often, and how long that takes at most."""

from __future__ import annotations

import pytest
import tenacity.nap
import tenacity.wait

from conveyor.convertapi.answer import Answer
from conveyor.convertapi.errors import (
    ComeLater,
    Overdue,
    Refused,
    Unclear,
    Unreachable,
    WrongHost,
)
from conveyor.convertapi.retrying import RETRY_SAFE, RETRY_UNSENT, insisting
from tests import clocks

ANSWER = Answer(200)


@pytest.fixture
def naps(monkeypatch):
    """How long each pause was at most."""
    slept = []
    monkeypatch.setattr(tenacity.wait.random, "uniform", lambda _least, most: most)
    clocks.put(monkeypatch, "sleep", slept.append)
    return slept


class Call:
    """Raises these errors in turn, then answers."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.tries = 0

    def __call__(self):
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return ANSWER


@pytest.mark.parametrize("retrying", [RETRY_SAFE, RETRY_UNSENT])
def test_call_that_succeeds_is_made_once(naps, retrying):
    call = Call()

    assert insisting(retrying, call) is ANSWER
    assert (call.tries, naps) == (1, [])


@pytest.mark.parametrize(
    ("error", "is_safe", "is_unsent"),
    [
        (Unreachable("x"), True, True),
        (Unclear("x"), True, False),
        (Overdue("x"), False, False),
        (WrongHost("x"), False, False),
        (ComeLater(503), False, False),
        (Refused(500, 1, "x"), False, False),
    ],
    ids=repr,
)
@pytest.mark.usefixtures("naps")
def test_call_is_tried_again_where_that_is_safe(error, is_safe, is_unsent):
    for retrying, is_worth in ((RETRY_SAFE, is_safe), (RETRY_UNSENT, is_unsent)):
        call = Call(error)
        if is_worth:
            assert insisting(retrying, call) is ANSWER
        else:
            with pytest.raises(type(error)):
                insisting(retrying, call)
        assert call.tries == 1 + is_worth


@pytest.mark.parametrize("retrying", [RETRY_SAFE, RETRY_UNSENT])
def test_third_failure_is_the_last_and_is_raised_itself(naps, retrying):
    errors = [Unreachable(str(number)) for number in range(4)]
    call = Call(*errors)
    with pytest.raises(Unreachable) as raised:
        insisting(retrying, call)

    assert raised.value is errors[2]
    assert call.tries == 3
    assert naps == pytest.approx([0.05, 0.1])
