"""The callbacks that a benchmark writes are such as conversions leave."""

from __future__ import annotations

from benchmarks.callbacks import write_notices


def test_written_callbacks_are_pending_and_can_be_claimed(redis_url, ledger):
    write_notices(redis_url, 20, [1, 2], 0.0)

    claimed = ledger.notices.claim(100, 100, 60)
    assert len(claimed) == 20
    assert {one.notice.url for one in claimed} == {
        "http://127.0.0.1:1/hooks",
        "http://127.0.0.1:2/hooks",
    }
    assert ledger.notices.counts().pending == 20


def test_written_callbacks_that_wait_are_not_claimed(redis_url, ledger):
    write_notices(redis_url, 20, [1, 2], 3600.0)

    assert ledger.notices.claim(100, 100, 60) == []
