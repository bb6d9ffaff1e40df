from __future__ import annotations

import pytest

from conveyor.domain.notice import MOST_RETRY_AFTER_S, TRIED_FOR_S, retry_notice


def test_waits_grow_and_fill_three_days_with_some_twenty_tries():
    waits = [retry_notice(tries) for tries in range(30)]
    tries = next(count for count in range(30) if sum(waits[:count]) >= TRIED_FOR_S)

    assert waits == sorted(waits)
    assert waits[0] == 5
    assert 12 <= tries <= 20


@pytest.mark.parametrize(
    ("tries", "asked_s", "wait_s"),
    [(0, 120, 120), (3, 1, 600), (0, 10**9, MOST_RETRY_AFTER_S), (0, None, 5), (99, None, 28800)],
)
def test_receiver_may_ask_for_a_longer_wait(tries, asked_s, wait_s):
    assert retry_notice(tries, asked_s) == wait_s
