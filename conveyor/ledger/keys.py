"""Every Redis key of Conveyor: type, meaning, lifetime.

=====================================  ======  ====================================================
``{conveyor}:conversion:<id>``         hash    a conversion, `conveyor.ledger.entry`; kept until it
                                               has ended and its caller knows, then 7 days
``{conveyor}:turnstile:<id>``          string  the token of whoever talks to the service for it; a
                                               lease, then the spacing (`conveyor.turnstile`)
``{conveyor}:delivery:<id>``           string  the token of whoever delivers it; a lease
``{conveyor}:due``                     zset    every conversion whose caller does not know the
                                               outcome, by the time something must have happened
``{conveyor}:dead``                    zset    dead letters by the time they became one
``{conveyor}:dead:<kind>``             zset    the same, of one class
``{conveyor}:state:<state>``           zset    conversions in a state, by their acceptance; a worker
                                               takes out what was forgotten
``{conveyor}:events:<id>``             list    a conversion's changes of state, the last 200; of a
                                               finished one the last 10; goes with its entry
``{conveyor}:unreadable``              zset    ids whose entries can't be read, by the time each was
                                               put aside; until somebody discards it
``{conveyor}:stripped``                string  up to which time old dead letters have lost what only
                                               the service could have used
``{conveyor}:changed``                 channel  the id of each conversion whose state changes
``{conveyor}:pace``                    hash    seconds that the service takes, by ``from:to``;
                                               a moving average
``{conveyor}:counts``                  hash    what has happened so far, by the names in
                                               `conveyor.ledger.tally`
``{conveyor}:minute:<n>``              string  conversions that succeeded in the n-th minute of the
                                               epoch; an hour
``{conveyor}:staging``                 zset    tokens of staged folders that no conversion owns, by
                                               the time from which on they may be removed
``{conveyor}:signed``                  set     tokens of those staged folders that signatures share
``{conveyor}:doomed``                  set     tokens of staged folders that are to be removed
``{conveyor}:leftovers``               zset    ids of what is to be deleted at the service, by the
                                               time of the next try
``{conveyor}:leftovers:records``       hash    by id: until when the service keeps it, failures so
                                               far, and where it lies, JSON
``{conveyor}:leftovers:pause``         string  exists while the service wants no DELETE
``{conveyor}:accounts``                set     accounts that workers have submitted for
``{conveyor}:account:<account>``       hash    what holds its submits up: a hold, a throttle
``{conveyor}:jobs:<account>``          set     the conversions that the service works on for it
``{conveyor}:dialect:<account>``       string  the dialect that the account's service speaks;
                                               a day, then it is tried again
``{conveyor}:key:<hash>``             string  an idempotency key's conversion and the fingerprint of
                                               what was asked; 7 days
``{conveyor}:job_key``                 string  derives job ids, where no setting does; a secret
``{conveyor}:check``                   string  what a check has written; a minute
=====================================  ======  ====================================================

One hash tag holds them together: a transition touches an entry and both indexes in one atomic
script, so on Redis Cluster they must lie in one slot.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

DUE: Final = "{conveyor}:due"
DEAD: Final = "{conveyor}:dead"
PACE: Final = "{conveyor}:pace"
COUNTS: Final = "{conveyor}:counts"
ACCOUNTS: Final = "{conveyor}:accounts"
CHECK: Final = "{conveyor}:check"
CHANGED: Final = "{conveyor}:changed"
STAGING: Final = "{conveyor}:staging"
SIGNED: Final = "{conveyor}:signed"
DOOMED: Final = "{conveyor}:doomed"
LEFTOVER_RECORDS: Final = "{conveyor}:leftovers:records"
LEFTOVERS_PAUSE: Final = "{conveyor}:leftovers:pause"

UNREADABLE: Final = "{conveyor}:unreadable"
LEFTOVERS: Final = "{conveyor}:leftovers"
JOB_KEY: Final = "{conveyor}:job_key"
STRIPPED: Final = "{conveyor}:stripped"

ENTRY_PREFIX: Final = "{conveyor}:conversion:"

KEEP_FINISHED_S: Final = 7 * 24 * 3600
KEEP_DIALECT_S: Final = 24 * 3600
KEEP_CHECK_S: Final = 60


def conversion(conversion_id: str) -> str:
    """The entry of a conversion."""
    return ENTRY_PREFIX + conversion_id


def events(conversion_id: str) -> str:
    """The changes of state of a conversion."""
    return f"{{conveyor}}:events:{conversion_id}"


def state(name: str) -> str:
    """The conversions in a state; ``transition.lua`` makes the same name."""
    return f"{{conveyor}}:state:{name}"


def dead(kind: str) -> str:
    """The dead letters of a class; ``transition.lua`` makes the same name."""
    return f"{{conveyor}}:dead:{kind}"


def minute(number: int) -> str:
    """How many succeeded in a minute; ``transition.lua`` makes the same name."""
    return f"{{conveyor}}:minute:{number}"


def turnstile(conversion_id: str) -> str:
    """The turnstile of a conversion."""
    return f"{{conveyor}}:turnstile:{conversion_id}"


def delivery(conversion_id: str) -> str:
    """Who delivers a conversion."""
    return f"{{conveyor}}:delivery:{conversion_id}"


def account(account_id: str) -> str:
    """What holds an account's submits up.

    Args:
        account_id: The account's name.
    """
    return f"{{conveyor}}:account:{account_id}"


def jobs(account_id: str) -> str:
    """The jobs of an account; ``transition.lua`` makes the same name."""
    return f"{{conveyor}}:jobs:{account_id}"


def idempotency(key: str) -> str:
    """An idempotency key of a producer; it may hold anything, so its hash stands for it."""
    return f"{{conveyor}}:key:{sha256(key.encode()).hexdigest()}"


def dialect(account_id: str) -> str:
    """The dialect that an account's service speaks.

    Args:
        account_id: The account's name.
    """
    return f"{{conveyor}}:dialect:{account_id}"
