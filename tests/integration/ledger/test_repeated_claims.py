"""A claim whose reply was lost is answered the second time as it was the first time."""

from __future__ import annotations

from contextlib import closing

import pytest

from conveyor.ledger import connect
from conveyor.ledger.keys import Keys

KEYS = Keys()

ACCOUNT = KEYS.account("account")


@pytest.fixture
def repeated(line, url_through, claiming, bells):
    """Claim submits by a line that loses the first reply."""

    def claim(before=lambda: None, limit=10):
        with closing(connect(url_through)) as through:
            worker = type(claiming())(through, bells)
            worker.submits()  # the script is loaded
            before()
            line.lose_the_reply_to(b"EVALSHA")
            taken = worker.claims.submits(limit)
        assert line.lost == 1
        return taken

    return claim


@pytest.mark.parametrize(
    ("foreign_ids", "told"), [("1", True), ("0", False), (None, False), ("odd", False)]
)
def test_repeat_tells_whether_the_service_gives_ids_of_its_own(
    *, repeated, make, client, foreign_ids, told
):
    def before():
        make.queued()
        if foreign_ids is not None:
            client.hset(ACCOUNT, "foreign_ids", foreign_ids)

    taken = repeated(before)

    assert len(taken.passes) == 1
    assert taken.admission.foreign_ids is told


def test_repeat_tells_that_it_is_the_callers_to_ask_how_the_account_is(*, repeated, make, claiming):
    def before():
        make.queued()
        claiming().governor.hold("The balance is used up.")

    taken = repeated(before)

    assert taken.passes == []
    assert taken.admission.must_check
    # And nobody else's.
    assert not claiming().claims.submits(10).admission.must_check


def test_repeat_tells_that_the_account_was_found_well(*, repeated, make, client):
    def before():
        make.queued()
        client.hset(ACCOUNT, "well_at", client.time()[0])

    assert repeated(before).admission.well


def test_repeat_brings_the_spent_as_spent(*, repeated, make, client, claiming):
    ids = []

    def before():
        ids.append(make.queued().id)
        claiming().governor.hold("The balance is used up.")
        client.hincrbyfloat(KEYS.conversion(ids[0]), "created_at", -2 * 3600)
        client.hset(ACCOUNT, "checked_at", client.time()[0])

    taken = repeated(before)

    assert [it.entry.id for it in taken.spent] == ids
    assert taken.passes == []


def test_repeat_rings_for_what_it_left(*, repeated, make, bells):
    taken = repeated(lambda: [make.queued() for _ in range(3)] and bells.take(), limit=2)

    assert len(taken.passes) == 2
    assert [(rung.kind, rung.wait_s) for rung in bells.take("submit")] == [("submit", 0)]
