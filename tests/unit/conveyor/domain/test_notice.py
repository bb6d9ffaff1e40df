from __future__ import annotations

import pytest

from conveyor.domain.conversion import State
from conveyor.domain.notice import (
    MOST_RETRY_AFTER_S,
    TRIED_FOR_S,
    Notice,
    NoticeStatus,
    Try,
    TryReason,
    retry_notice,
)


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


def test_waits_are_those_of_the_documentation():
    hours = [3600 * hours for hours in (1, 2, 4, 6, 8, 8)]
    assert [retry_notice(tries) for tries in range(11)] == [5, 30, 120, 600, 1800, *hours]


def test_notice_is_shown_without_its_address_and_what_it_told():
    tried = Try(at=3.0, number=1, status=500, reason=TryReason.STATUS, error="no", took_s=0.5)
    notice = Notice(
        "c1",
        2,
        "msg_1",
        State.FAILED,
        4.0,
        NoticeStatus.GIVEN_UP,
        tries=7,
        receiver="shop.example:443",
        ended_at=9.0,
        reason=TryReason.GONE,
        url="https://shop.example/hush",
        metadata={"hush": 1},
        log=(tried,),
    )

    assert notice.to_dict() == {
        "id": "msg_1",
        "conversion": "c1",
        "sequence": 2,
        "type": "conversion.failed",
        "at": 4.0,
        "status": "given_up",
        "tries": 7,
        "reason": "gone",
        "receiver": "shop.example:443",
        "ended_at": 9.0,
        "log": [{"at": 3.0, "status": 500, "reason": "status", "error": "no", "took_s": 0.5}],
    }


def test_notice_that_was_received_has_no_reason():
    notice = Notice("c1", 1, "msg_1", State.SUCCEEDED, 4.0, NoticeStatus.RECEIVED)

    assert (notice.to_dict()["reason"], Try(3.0, 1, 204).to_dict()["reason"]) == (None, None)


def test_words_of_the_documentation():
    """Applications store them: they stay."""
    assert [it.value for it in NoticeStatus] == ["pending", "received", "given_up"]
    assert [it.value for it in TryReason] == [
        *("status", "gone", "timed_out", "unreachable", "tls", "unresolved"),
        *("address_refused", "http_refused", "no_secret", "unreadable"),
    ]
