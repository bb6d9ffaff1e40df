"""The names of the keys, and how long some are kept."""

from __future__ import annotations

import re
from hashlib import sha256

import pytest

from conveyor.ledger import keys
from conveyor.ledger.keys import Keys

KEYS = Keys()
# As the head of the module lists them.
OF_NO_ONE = {
    "dead": "dead",
    "unreadable": "unreadable",
    "lost": "lost",
    "newer": "newer",
    "audited": "audited",
    "revoked": "revoked",
    "storage": "storage",
    "storage_claim": "storage:claim",
    "strangers": "storage:strangers",
    "stripped": "stripped",
    "changed": "changed",
    "expected_durations": "expected_durations",
    "counts": "counts",
    "staging": "staging",
    "signed": "signed",
    "doomed": "doomed",
    "leftovers": "leftovers",
    "leftover_records": "leftovers:records",
    "leftovers_pause": "leftovers:pause",
    "accounts": "accounts",
    "job_key": "job_key",
    "check": "check",
    "identity": "identity",
}
OF_ONE = {
    "due": "due:x",
    "bell": "bell:x",
    "report": "report:x",
    "conversion": "conversion:x",
    "events": "events:x",
    "turnstile": "turnstile:x",
    "delivery": "delivery:x",
    "state": "state:x",
    "dead_of": "dead:x",
    "minute": "minute:x",
    "account": "account:x",
    "jobs": "jobs:x",
    "dialect": "dialect:x",
    "idempotency": f"key:{sha256(b'x').hexdigest()}",
}


@pytest.mark.parametrize(("name", "key"), OF_NO_ONE.items())
def test_key_is_called_so(name, key):
    assert getattr(KEYS, name) == f"{{conveyor}}:{key}"


@pytest.mark.parametrize(("name", "key"), OF_ONE.items())
def test_key_of_one_is_called_so(name, key):
    assert getattr(KEYS, name)("x") == f"{{conveyor}}:{key}"


def test_prefixes_are_those_of_the_scripts():
    assert (KEYS.prefix, KEYS.entry_prefix) == ("{conveyor}:", "{conveyor}:conversion:")
    assert KEYS.all_due == [KEYS.due(kind) for kind in ("submit", "poll", "deliver")]


def test_each_key_stands_in_the_list_of_the_module():
    listed = set(re.findall(r"``\{conveyor\}:([\w:]+)", keys.__doc__))

    assert {key.partition(":x")[0] for key in OF_NO_ONE.values()} <= listed
    assert {key.partition(":")[0] for key in OF_ONE.values()} <= {
        each.partition(":")[0] for each in listed
    }


def test_finished_conversion_is_kept_for_a_week_and_a_dialect_for_a_day():
    assert (keys.KEEP_FINISHED_S, keys.KEEP_DIALECT_S, keys.KEEP_CHECK_S) == (
        7 * 86_400,
        86_400,
        60,
    )
