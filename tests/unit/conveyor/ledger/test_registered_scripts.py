"""Which script each part of the ledger runs: the one of its name, whole."""

from __future__ import annotations

import pytest
from redis.commands.core import Script

from conveyor.errors import InvalidRequest
from conveyor.ledger import Idempotency, Ledger, connect
from conveyor.ledger.claims import Claims
from conveyor.ledger.delivery_lease import DeliveryLeases
from conveyor.ledger.expected_durations import ExpectedDurations
from conveyor.ledger.governor import Governor
from conveyor.ledger.keys import Keys
from conveyor.ledger.leftovers import Leftovers
from conveyor.ledger.metadata_index import MetadataIndex
from conveyor.ledger.reservations import Reservations
from conveyor.ledger.scripts import script
from conveyor.ledger.turnstile import Turnstile

KEYS = Keys()
# By the part, and the name that it has there.
SCRIPTS = {
    "ledger": {
        "_join": "join",
        "_revoke": "revoke",
        "_transition": "transition",
        "_strip_dead": "strip_dead",
        "_set_aside": "set_aside",
        "_heartbeat": "heartbeat",
        "_job_ended": "job_ended",
        "_late": "late",
        "_erased": "erased",
    },
    "audit": {"_audit": "audit", "_lose": "lose"},
    "claims": {"_claim": "claim", "_overdue": "overdue", "_put_off": "put_off"},
    "leases": {"_acquire": "deliver", "_renew": "renew", "_release": "release"},
    "durations": {"_learn": "learn_expected_durations"},
    "dates": {"_claim": "claim_dates", "_put_off": "put_off_dates"},
    "governor": {"_throttle": "throttle", "_hold": "hold"},
    "leftovers": {
        "_add": "add_leftovers",
        "_claim": "claim_leftovers",
        "_postpone": "postpone_leftovers",
        "_clear": "clear_leftovers",
    },
    "metadata": {"_clean": "clean_metadata"},
    "notices": {
        "_claim": "claim_notices",
        "_note": "note_try",
        "_replay": "replay_notice",
        "_audit": "audit_notices",
        "_erase": "erase_notices",
    },
    "reservations": {
        "_doom": "doom_staged",
        "_doom_now": "doom_now",
        "_sign": "sign",
        "_reserve": "reserve",
    },
    "turnstile": {"_leave": "leave"},
}


@pytest.fixture
def client():
    with connect("redis://127.0.0.1:1/0") as made:
        yield made


@pytest.fixture
def parts(client):
    ledger = Ledger(client)
    turnstile, governor = Turnstile(client, 5.0, 15.0), Governor(client, "acc", 5.0, 0)
    return {
        "ledger": ledger,
        "audit": ledger.audit,
        "claims": Claims(client, ledger, turnstile, governor, 60.0),
        "leases": DeliveryLeases(client, 15.0),
        "dates": ledger.erasures,
        "durations": ExpectedDurations(client),
        "governor": governor,
        "leftovers": Leftovers(client),
        "metadata": MetadataIndex(client, ledger.find_many),
        "notices": ledger.notices,
        "reservations": Reservations(client),
        "turnstile": turnstile,
    }


@pytest.mark.parametrize("part", SCRIPTS)
def test_part_runs_its_scripts(parts, part):
    held = vars(parts[part]).items()
    registered = {name: each.script for name, each in held if isinstance(each, Script)}

    assert registered == {name: script(file) for name, file in SCRIPTS[part].items()}


def test_parts_of_the_ledger_share_its_client(parts, client):
    ledger = parts["ledger"]

    assert ledger.client is client
    assert ledger.leftovers._redis is ledger.reports._redis is ledger.audit._redis is client


# -- whose key it is ------------------------------------------------------------------------------


@pytest.mark.parametrize(("bound", "known"), [(None, None), ("c0 1:f", "c0"), ("c0 2:g", "c0")])
def test_conversion_of_a_key_is_known(parts, client, monkeypatch, bound, known):
    held = {KEYS.idempotency("key"): bound}
    monkeypatch.setattr(client, "get", held.get)

    assert parts["ledger"].accepted_under(Idempotency("key", "1:f")) == known


def test_key_of_a_different_request_is_refused(parts, client, monkeypatch):
    monkeypatch.setattr(client, "get", lambda key: "c0 1:g")

    with pytest.raises(InvalidRequest, match="was used for a different request"):
        parts["ledger"].accepted_under(Idempotency("key", "1:f"))
