"""Every Redis key of Conveyor: type, meaning, lifetime.

=====================================  ======  ====================================================
``{conveyor}:conversion:<id>``         hash    a conversion, `conveyor.ledger.entry`; kept until it
                                               has ended and its caller knows, then 7 days
``{conveyor}:turnstile:<id>``          string  the token of whoever talks to the service for it; a
                                               lease, then the spacing (`conveyor.turnstile`)
``{conveyor}:due``                     zset    every conversion whose caller does not know the
                                               outcome, by the time something must have happened
``{conveyor}:dead``                    zset    dead letters by the time they became one
``{conveyor}:pace``                    hash    seconds that the service takes, by ``from:to``;
                                               a moving average
``{conveyor}:dialect:<account>``       string  the dialect that the account's service speaks;
                                               a day, then it is tried again
``{conveyor}:check``                   string  what a check has written; a minute
=====================================  ======  ====================================================

One hash tag holds them together: a transition touches an entry and both indexes in one atomic
script, so on Redis Cluster they must lie in one slot.
"""

from __future__ import annotations

from typing import Final

DUE: Final = "{conveyor}:due"
DEAD: Final = "{conveyor}:dead"
PACE: Final = "{conveyor}:pace"
CHECK: Final = "{conveyor}:check"

KEEP_FINISHED_S: Final = 7 * 24 * 3600
KEEP_DIALECT_S: Final = 24 * 3600
KEEP_CHECK_S: Final = 60


def conversion(conversion_id: str) -> str:
    """The entry of a conversion."""
    return f"{{conveyor}}:conversion:{conversion_id}"


def turnstile(conversion_id: str) -> str:
    """The turnstile of a conversion."""
    return f"{{conveyor}}:turnstile:{conversion_id}"


def dialect(account: str) -> str:
    """The dialect that an account's service speaks.

    Args:
        account: A fingerprint of host and secret; never the secret.
    """
    return f"{{conveyor}}:dialect:{account}"
