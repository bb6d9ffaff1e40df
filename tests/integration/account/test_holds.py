"""How a hold ends: what ``/user`` says, and what a probing submit is answered."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from conveyor.convertapi.client import ConvertApi
from conveyor.convertapi.credentials import FixedCredentials
from conveyor.convertapi.timeouts import Timeouts
from conveyor.convertapi.transport import Transport
from conveyor.domain.answers import (
    Failed,
    Finished,
    Lost,
    NotFound,
    RemoteFile,
    Result,
    Started,
    Throttled,
    Unreadable,
    Unsent,
)
from conveyor.domain.conversion import Failure, FailureKind
from conveyor.ledger.accounts import status_of
from conveyor.ledger.governor import Governor
from workers.account import check_account, hold_account, tell_governor

BOUNDS = Timeouts(connect=5.0, read=15.0, total=30.0, transfer=900.0)
ACCOUNT = "v2.convertapi.com"
CHECK_S = 30.0
SECRET = "hush-of-the-account"

REFUSED = Failed(401, 4010, "Invalid user credentials.")
USED_UP = Failed(401, 4014, "The conversion balance reached zero.")
FORBIDDEN = Failed(403, 0, "")
RESULT = Result(1, (RemoteFile("a.pdf", "https://v2.convertapi.com/d/x", 3),))


@dataclass
class Parts:
    """As much of the services as the account needs."""

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
        ConvertApi(Transport(service.url, FixedCredentials(SECRET), timeouts=BOUNDS)),
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


def test_used_up_balance_with_constant_counters_is_probed_by_a_submit(parts, service):
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


def test_accepted_token_resumes_with_one_submit(parts, service, fleet, clock):
    service.refuses()
    ids = fleet.open(3)
    parts.hold()
    probed = []
    for outcome in (None, REFUSED, Started("0" * 32)):
        taken = [fleet.claim() for _ in range(3)]
        if taken[0].admission.must_check:
            check_account(parts)
        passes = [(it.admission, passed) for it in taken for passed in it.passes]
        for admission, passed in passes:
            probed.append((passed.entry.id, admission.probe))
            tell_governor(parts, admission, fleet.post(passed), outcome)
        clock.go(CHECK_S)

    assert probed == [(ids[0], True), (ids[1], True)]
    assert not parts.is_held()
    assert ids[2] in fleet.taken()
    assert len(service.seen) == 1


def probe(parts, probing, outcome):
    admission, begun = probing
    tell_governor(parts, admission, begun, outcome)


@pytest.fixture
def probing(parts, service, fleet, clock):
    """A probe is on its way."""
    service.refuses()
    fleet.open(2)
    parts.hold()
    fleet.claim()
    parts.governor.probe_by_submit()
    clock.go(CHECK_S)
    taken = fleet.claim()
    assert taken.admission.probe
    return taken.admission, fleet.post(*taken.passes)


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
def test_a_probe_that_is_not_refused_for_the_account_ends_the_hold(parts, probing, outcome):
    probe(parts, probing, outcome)

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
def test_a_probe_that_is_refused_or_shows_nothing_leaves_the_hold(parts, probing, outcome):
    probe(parts, probing, outcome)

    assert parts.is_held()


def test_a_submit_that_is_not_a_probe_leaves_the_hold(parts, fleet):
    """It went out before the account was held."""
    fleet.open()
    taken = fleet.claim()
    parts.hold()
    probe(parts, (taken.admission, fleet.post(*taken.passes)), Started("0" * 32))

    assert parts.is_held()


def test_a_hold_is_reported_once_and_shows_no_secret(parts, service):
    service.refuses()
    with capture_logs() as logs:
        for _ in range(3):
            parts.hold()
            check_account(parts)

    assert [it["event"] for it in logs if it["log_level"] == "error"] == ["account_held"]
    assert SECRET not in str(logs)
