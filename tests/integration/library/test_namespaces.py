"""Two namespaces in one database: whatever one does, the other sees nothing of it."""

from __future__ import annotations

from contextlib import closing

import pytest

from conveyor import Conveyor, Failure, FailureKind, InvalidRequest, UnknownConversion
from conveyor.ledger import Ledger, connect
from conveyor.ledger.claimed import Due
from conveyor.ledger.claims import Claims
from conveyor.ledger.governor import Governor
from conveyor.ledger.turnstile import Turnstile

URL = "https://e.com/a.docx"


def _claims(client, ledger):
    governor = Governor(client, "account", 5.0, 1)
    return Claims(client, ledger, Turnstile(client, 5.0, 15.0), governor, 60.0)


@pytest.fixture
def staging(redis_url, tmp_path):
    """Only the namespace is another: even the storage is the same."""
    made = Conveyor(redis_url, storage_url=str(tmp_path / "files"), namespace="staging")
    with closing(made):
        yield made


def test_conversions_of_one_are_unknown_to_the_other(conveyor, staging, client):
    handle = conveyor.convert(URL, to="pdf")

    assert staging.list().conversions == ()
    assert sum(staging.fleet().states.values()) == 0
    for ask in (staging.get, staging.cancel, staging.handle, staging.dead_letters.replay):
        with pytest.raises(UnknownConversion):
            ask(handle.id)
    assert client.llen("conveyor.submit") == 1
    assert client.llen("staging.submit") == 0
    assert not client.keys("{staging}:conversion:*")


def test_one_idempotency_key_is_two_conversions(conveyor, staging):
    first = conveyor.convert(URL, to="pdf", idempotency_key="invoice-1")
    second = staging.convert("https://e.com/another.docx", to="pdf", idempotency_key="invoice-1")

    assert first.id != second.id


def test_staged_file_of_one_is_none_for_the_other(conveyor, staging, stored):
    file = conveyor.stage("a.docx", [b"words"])

    with pytest.raises(InvalidRequest):
        staging.convert(file, to="pdf")
    staging.unstage([file])

    assert [path for path in stored() if path.endswith("a.docx")]
    assert conveyor.convert(file, to="pdf").id


def test_holds_dead_letters_and_counts_are_each_ones_own(conveyor, staging, ledger, make, client):
    Governor(client, "account", 5.0, 0).hold("The balance is used up.")
    ledger.failed(make.converting(), Failure(FailureKind.SERVICE, "Broken."))
    ledger.set_aside(["damaged"])

    assert [status.account for status in conveyor.accounts()] == ["account"]
    assert staging.accounts() == []
    assert not staging.resume("account")
    assert staging.dead_letters.purge(older_than_s=-1) == 0
    fleet = staging.fleet()
    assert (set(fleet.dead.values()), fleet.unreadable, fleet.counts) == ({0}, 0, {})


def test_claims_and_bells_of_one_leave_the_other_alone(redis_url, ledger, make, client):
    entry = make.queued()
    with closing(connect(redis_url, "staging")) as other:
        staging = Ledger(other)

        assert staging.job_key() != ledger.job_key()
        assert _claims(other, staging).submits(10).passes == []
        assert client.exists("{conveyor}:bell:submit")
    passes = _claims(client, ledger).submits(10).passes
    assert [passed.entry.id for passed in passes] == [entry.id]


def test_every_key_of_every_transition_lies_below_its_namespace(redis_url, client, make):
    """Scripts make names of their own, too."""
    with closing(connect(redis_url, "staging")) as other:
        ledger = Ledger(other)
        theirs = type(make)(ledger)
        ledger.succeeded(theirs.ready(), [])
        ledger.failed(theirs.converting(), Failure(FailureKind.INPUT, "Broken."))
        dead = ledger.dead_ids()[0]
        ledger.replay(ledger.get(dead))
        claims = _claims(other, ledger)
        assert len(claims.submits(10).passes) == 1
        assert claims.polls(10).passes == []
        assert claims.deliveries(10).passes == []
        client.zadd("{staging}:due:poll", {dead: 1})
        assert claims.overdue() == [Due("poll", 1)]

    keys = client.keys()
    assert len(keys) > 8
    assert [key for key in keys if not key.startswith("{staging}:")] == []


def test_from_env_takes_the_namespace(monkeypatch, redis_url):
    monkeypatch.setenv("CONVEYOR_BROKER_URL", redis_url)
    monkeypatch.setenv("CONVEYOR_NAMESPACE", "staging")

    with closing(Conveyor.from_env()) as told, closing(Conveyor.from_env(namespace="own")) as own:
        assert told.publisher.queues.namespace == "staging"
        assert own.publisher.queues.submit == "own.submit"
