from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from workers.complaints import Complaints

AWAY = "Redis is away."
FULL = "The disk is full."


@pytest.fixture
def complaints():
    return Complaints()


def _told(do):
    with capture_logs() as logs:
        do()
    return [(it["event"], it["log_level"], it["reason"]) for it in logs]


def test_what_several_miss_is_said_once_when_it_begins(complaints):
    def begin():
        for who in ("sweep", "heartbeat", "sweep"):
            complaints.begin(who, AWAY)

    assert _told(begin) == [("waiting", "warning", AWAY)]


def test_end_is_said_once_nobody_misses_it_any_more(complaints):
    complaints.begin("sweep", AWAY)
    complaints.begin("heartbeat", AWAY)

    assert _told(lambda: complaints.end("sweep")) == []
    assert _told(lambda: complaints.end("heartbeat")) == [("waited_for", "info", AWAY)]
    assert _told(lambda: complaints.end("heartbeat")) == []


def test_what_comes_back_is_said_again(complaints):
    complaints.begin("sweep", AWAY)
    complaints.end("sweep")

    assert _told(lambda: complaints.begin("sweep", AWAY)) == [("waiting", "warning", AWAY)]


def test_two_things_that_are_missed_begin_and_end_by_themselves(complaints):
    complaints.begin("sweep", AWAY)

    assert _told(lambda: complaints.begin("cleaner", FULL)) == [("waiting", "warning", FULL)]
    assert _told(lambda: complaints.end("cleaner")) == [("waited_for", "info", FULL)]
    assert _told(lambda: complaints.end("sweep")) == [("waited_for", "info", AWAY)]
