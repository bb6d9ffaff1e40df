"""How a hold ends: what ``/user`` says, and what a probing submit is answered."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from conveyor.conversion import Failure, FailureKind
from conveyor.governor import Governor, status_of
from conveyor.protocol import ConvertApi, FixedCredentials, RemoteFile, Result, Transport
from conveyor.protocol.outcomes import (
    Failed,
    Finished,
    Lost,
    NotFound,
    Started,
    Throttled,
    Unreadable,
    Unsent,
)
from workers.account import check_account, hold_account, tell_governor

ACCOUNT = "v2.convertapi.com"
CHECK_S = 30.0
SECRET = "hush-of-the-account"

REFUSED = Failed(401, 4010, "Invalid user credentials.")
USED_UP = Failed(401, 4014, "The conversion balance reached zero.")
FORBIDDEN = Failed(403, 0, "")
RESULT = Result(1, (RemoteFile("a.pdf", "https://v2.convertapi.com/d/x", 3),))


@dataclass
class Parts:
    """As much of the engine as the account needs."""

    api: ConvertApi
    governor: Governor
    spacing_s: float = 5.0

    def hold(self, code=4010):
        failure = Failure(FailureKind.ACCOUNT, "Refused.", code=code, status=401)
        return hold_account(self, failure)

    def is_held(self):
        return bool(status_of(self.governor._redis, ACCOUNT).held)

    def ends(self):
        return status_of(self.governor._redis, ACCOUNT).ends


@pytest.fixture
def parts(service, client):
    return Parts(
        ConvertApi(Transport(service.url, FixedCredentials(SECRET))),
        Governor(client, ACCOUNT, 5.0, 0),
    )


# -- the account can be read ------------------------------------------------------------------


def test_a_well_account_ends_the_hold_of_one_forbidden_conversion(parts, service):
    """A 403 for one conversion alone must not hold the others."""
    service.says(active=True)
    parts.hold(code=0)
    check_account(parts)

    assert not parts.is_held()


def test_an_account_above_its_plan_is_well(parts, service):
    service.says(active=True, total=1000, consumed=1300)
    parts.hold()
    check_account(parts)

    assert not parts.is_held()


def test_an_account_that_is_not_active_stays_on_hold_and_is_asked_again(parts, service):
    service.says(active=False)
    parts.hold()
    check_account(parts)

    assert parts.is_held()
    assert parts.ends() == "the account is asked every 30 s"


def test_a_used_up_balance_whose_counters_stand_still_is_probed_by_a_submit(parts, service):
    service.says(active=True, total=1000, consumed=1000)
    parts.hold(code=4014)
    check_account(parts)

    assert parts.is_held()
    assert parts.ends() == "a submit probes every 30 s"


def test_a_used_up_balance_that_was_filled_up_ends_the_hold(parts, service):
    service.says(active=False, total=1000, consumed=1000)
    parts.hold(code=4014)
    check_account(parts)
    service.says(active=True, total=2000, consumed=1000)
    check_account(parts)

    assert not parts.is_held()


# -- it can't be read -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code"), [(401, 4010), (401, 4011), (401, 4012), (403, 0), (404, 0), (503, 503)]
)
def test_an_account_that_can_not_be_read_is_probed_by_a_submit(parts, service, status, code):
    service.refuses(status, code)
    parts.hold()
    check_account(parts)

    assert parts.is_held()
    assert parts.ends() == "a submit probes every 30 s"


def test_a_token_goes_on_by_one_submit_once_it_is_taken_again(parts, service, ids, pass_time):
    service.refuses()
    parts.governor.refused(ids[0])
    parts.hold()
    for it in ids:
        if parts.governor.ask(it).must_check:
            check_account(parts)
    for expected in (REFUSED, Started("0" * 32)):
        pass_time(CHECK_S)
        gates = {it: parts.governor.ask(it) for it in ids}
        (prober,) = [it for it, gate in gates.items() if gate.probe]
        assert all(gate.held for it, gate in gates.items() if it != prober)
        probe(parts, gates[prober], prober, expected)

    assert not parts.is_held()
    assert [parts.governor.ask(it).wait_s for it in ids] == [0, 0, 0]
    assert len(service.seen) == 1


class Begun:
    """An entry, as far as the account looks at it."""

    def __init__(self, conversion_id):
        self.id = conversion_id
        self.job_id = "0" * 32


def probe(parts, gate, conversion_id, outcome):
    tell_governor(parts, gate, Begun(conversion_id), outcome)


@pytest.fixture
def gate(parts, service, ids, pass_time):
    """A probe is on its way."""
    service.refuses()
    parts.hold()
    parts.governor.ask(ids[1])
    parts.governor.probe_by_submit()
    pass_time(CHECK_S)
    gate = parts.governor.ask(ids[0])
    assert gate.probe
    return gate


@pytest.mark.parametrize(
    "outcome",
    [
        Started("0" * 32),
        Finished(RESULT),
        Unreadable("cut", "{"),
        Failed(400, 4000, "Parameter validation error."),
        Failed(500, 5001, "Conversion failed."),
    ],
    ids=lambda it: type(it).__name__,
)
def test_a_probe_that_is_not_refused_for_the_account_ends_the_hold(parts, gate, ids, outcome):
    probe(parts, gate, ids[0], outcome)

    assert not parts.is_held()


@pytest.mark.parametrize(
    "outcome",
    [
        REFUSED,
        USED_UP,
        FORBIDDEN,
        Failed(402, 0, ""),
        Throttled(),
        Unsent("no connection"),
        Lost("cut"),
        NotFound(),
    ],
    ids=lambda it: type(it).__name__,
)
def test_a_probe_that_is_refused_or_shows_nothing_leaves_the_hold(parts, gate, ids, outcome):
    probe(parts, gate, ids[0], outcome)

    assert parts.is_held()


def test_a_submit_that_is_no_probe_leaves_the_hold(parts, ids):
    """It went out before the account was held."""
    gate = parts.governor.ask(ids[0])
    parts.hold()
    probe(parts, gate, ids[0], Started("0" * 32))

    assert parts.is_held()


def test_a_hold_is_told_once_and_shows_no_secret(parts, service):
    service.refuses()
    with capture_logs() as logs:
        for _ in range(3):
            parts.hold()
            check_account(parts)

    assert [it["event"] for it in logs if it["log_level"] == "error"] == ["account_held"]
    assert SECRET not in str(logs)
