"""`conveyor.callbacks`: which are on their way, what became of each, sent again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from conveyor import Chosen, InvalidRequest, NoticeStatus, TryReason, UnknownConversion
from conveyor.callbacks.callbacks import Callbacks
from conveyor.domain.callback import Callback
from tests.integration.callbacks.conftest import poster


@pytest.fixture
def one(fleet, receiver):
    """A fleet of which c1 is received, c2 was refused, and c3 is given up."""
    made = fleet(posts=poster(networks=poster()._networks))
    made.callbacks = Callbacks(made.ledger.notices)
    for name, status in (("c1", 204), ("c3", 410), ("c2", 500)):
        receiver.status = status
        made.cancel(name, Callback(receiver.url))
        made.notify()
    receiver.status = 204
    return made


def _ids(notices):
    return [notice.conversion_id for notice in notices]


@pytest.mark.parametrize(
    ("chosen", "ids"),
    [
        (None, ["c2", "c3", "c1"]),
        (Chosen(NoticeStatus.PENDING), ["c2"]),
        (Chosen(NoticeStatus.RECEIVED), ["c1"]),
        (Chosen(reason=TryReason.GONE), ["c3"]),
        (Chosen(reason=TryReason.STATUS), ["c2"]),
        (Chosen(since=datetime.now(UTC) + timedelta(days=1)), []),
        (Chosen(until=datetime.now(UTC) + timedelta(days=1)), ["c2", "c3", "c1"]),
    ],
)
def test_list_shows_those_that_are_chosen(one, chosen, ids):
    assert _ids(one.callbacks.list(chosen)) == ids


def test_list_ends_at_its_limit(one):
    assert _ids(one.callbacks.list(limit=2)) == ["c2", "c3"]


def test_show_has_the_log_of_tries(one):
    (notice,) = one.callbacks.show("c2")

    assert [(line.status, line.error) for line in notice.log] == [
        (500, "the receiver answered 500")
    ]
    assert notice.to_dict()["log"][0]["reason"] == "status"


def test_replay_of_one_is_sent_again(one, receiver):
    assert one.callbacks.replay("c1") == 1
    one.notify()

    assert [heard.said["data"]["id"] for heard in receiver.heard] == ["c1", "c1"]


@pytest.mark.parametrize(
    ("chosen", "ids"),
    [
        (Chosen(reason=TryReason.GONE), {"c1", "c3"}),
        (Chosen(NoticeStatus.PENDING), {"c1", "c2"}),
        (Chosen(since=datetime.now(UTC) - timedelta(days=1)), {"c1", "c2", "c3"}),
    ],
)
def test_replay_by_reason_status_and_time(one, receiver, chosen, ids):
    one.callbacks.replay_all(chosen)
    one.notify()

    assert {heard.said["data"]["id"] for heard in receiver.heard} == ids


def test_replay_of_everything_by_mistake_is_refused(one):
    with pytest.raises(InvalidRequest):
        one.callbacks.replay_all(Chosen())


def test_unknown_callbacks_are_told_so(one):
    for call in (one.callbacks.show, one.callbacks.replay):
        with pytest.raises(UnknownConversion):
            call("nobody")
    with pytest.raises(UnknownConversion):
        one.callbacks.replay("c1", 7)


def test_time_without_a_zone_is_refused():
    with pytest.raises(InvalidRequest):
        Chosen(since=datetime(2026, 1, 1))  # noqa: DTZ001  # that is the point
