"""Every Redis key of Conveyor: type, meaning, lifetime.

All lie below the namespace, ``conveyor`` unless ``CONVEYOR_NAMESPACE`` says otherwise.

=====================================  ======  ====================================================
``{conveyor}:conversion:<id>``         hash    a conversion, `conveyor.ledger.encoding`; kept until
                                               it has ended and its caller knows, then 7 days, or
                                               as long as its files live and 7 days. Of a deleted
                                               one a tombstone, 7 days after nothing else is left
``{conveyor}:turnstile:<id>``          string  the token of whoever talks to the service for it; a
                                               lease, then the spacing (`conveyor.ledger.turnstile`)
``{conveyor}:delivery:<id>``           string  the token of whoever delivers it; a lease
``{conveyor}:due:<kind>``              zset    every conversion whose caller does not know the
                                               outcome, by the time at which it is due: ``submit``,
                                               ``poll`` or ``deliver``
``{conveyor}:deadlines``               zset    what has a deadline and has not begun, by its
                                               deadline
``{conveyor}:metadata``                zset    a row for each key and value of each conversion's
                                               metadata: the pair's hash, the acceptance, the id; a
                                               worker takes out what has outlived its entry
``{conveyor}:bell:<kind>``             string  exists while nobody has to ring for what is due now
``{conveyor}:bell:<kind>:<slot>``      string  exists once a bell was rung for what is due in a slot
``{conveyor}:claim:<token>``           string  JSON, what a claim has taken, for a minute: its reply
                                               may have been lost
``{conveyor}:dead``                    zset    dead letters by the time they became one
``{conveyor}:dead:<kind>``             zset    the same, of one class
``{conveyor}:state:<state>``           zset    conversions in a state, by their acceptance; a worker
                                               takes out what was forgotten
``{conveyor}:events:<id>``             list    a conversion's changes of state, the last 200; of a
                                               finished one the last 10; goes with its entry
``{conveyor}:unreadable``              zset    ids whose entries can't be read, by the time each was
                                               put aside; until somebody discards it
``{conveyor}:lost``                    zset    ids whose entries are gone, by the time each was
                                               noticed; the last 10,000, until somebody discards it
``{conveyor}:newer``                   zset    ids whose entries a later release has written, by the
                                               time each was met
``{conveyor}:storage``                 string  the id in the marker of the storage in use
``{conveyor}:storage:claim``           string  exists while somebody marks a new storage; 30 s
``{conveyor}:storage:strangers``       zset    processes that have another storage than the one in
                                               use, by the time up to which that is known
``{conveyor}:audited``                 hash    by index: where the last look at it ended
``{conveyor}:stripped``                string  up to which time old dead letters have lost what only
                                               the service could have used
``{conveyor}:changed``                 channel  the id of each conversion whose state changes
``{conveyor}:expected_durations``      hash    what conversions take, by ``from:to``: the seconds of
                                               half and of nine tenths, and
                                               what `conveyor.domain.durations` reads; of the last
                                               64 or so of each, 1,000 pairs at most
``{conveyor}:counts``                  hash    what has happened so far, by the names in
                                               `conveyor.domain.counters`
``{conveyor}:minute:<n>``              string  conversions that succeeded in the n-th minute of the
                                               epoch; an hour
``{conveyor}:staging``                 zset    tokens of staged folders that no conversion owns, by
                                               the time from which on they may be removed
``{conveyor}:signed``                  set     tokens of those staged folders that signatures share
``{conveyor}:doomed``                  set     tokens of staged folders that are to be removed
``{conveyor}:erasing``                 zset    ids of deleted conversions of which something is left
                                               elsewhere, by the time of the next visit
``{conveyor}:expiring``                zset    ids of conversions with files that have a life, by
                                               its end
``{conveyor}:revoked``                 zset    ids that Celery was asked to revoke and that no
                                               conversion has, by the time; 7 days, 50,000 at most
``{conveyor}:leftovers``               zset    ids of what is to be deleted at the service, by the
                                               time of the next try
``{conveyor}:leftovers:records``       hash    by id: until when the service keeps it, failures so
                                               far, and where it lies, JSON
``{conveyor}:leftovers:pause``         string  exists while the service wants no DELETE
``{conveyor}:due:notify``              zset    receivers of notices, ``host:port``, by the time at
                                               which the next notice of each may go
``{conveyor}:notices_of:<id>``         hash    a conversion's notices, `conveyor.ledger.notices`;
                                               ten days after the last of them has ended
``{conveyor}:tries_of:<id>``           list    the log of their tries, the last 100; ten days
``{conveyor}:notices:<status>``        zset    ``<number> <id>`` of each notice that is ``pending``,
                                               ``received`` or ``given_up``, by the time of its
                                               event; ended ones for ten days
``{conveyor}:notices:lane:<r>``        zset    pending notices of a receiver, by the time of the
                                               next try
``{conveyor}:notices:under_way:<r>``   zset    those of them that a worker tries, by the end of its
                                               lease
``{conveyor}:notices:slow:<r>``        string  exists while a receiver gets one notice at a time
``{conveyor}:accounts``                set     accounts that workers have submitted for
``{conveyor}:account:<account>``       hash    what holds its submits up: a hold, a rate
``{conveyor}:jobs:<account>``          set     the conversions that the service works on for it
``{conveyor}:dialect:<account>``       string  the dialect that the account's service speaks;
                                               a day, then it is tried again
``{conveyor}:key:<hash>``              string  an idempotency key's conversion and the fingerprint
                                               of what was asked; 7 days, or until its conversion is
                                               deleted
``{conveyor}:job_key``                 string  derives job ids, where no setting does; a secret
``{conveyor}:check``                   string  what a check has written; a minute
``{conveyor}:report:<id>``             string  what a worker reports to the doctor, JSON; a minute
``{conveyor}:identity``                string  tells two ledgers apart; made by whoever asks first
=====================================  ======  ====================================================

One hash tag, the namespace, holds them together: a transition touches an entry and both indexes in
one atomic script, so on Redis Cluster they must lie in one slot.

In the broker, the queues and what workers have drawn and not acknowledged have the namespace in
their names, too: see `conveyor.names`.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from conveyor.ledger.due import KINDS
from conveyor.names import DEFAULT_NAMESPACE

__all__ = ["KEEP_CHECK_S", "KEEP_DIALECT_S", "KEEP_FINISHED_S", "Keys", "hash_of_key"]

KEEP_FINISHED_S: Final = 7 * 24 * 3600
KEEP_DIALECT_S: Final = 24 * 3600
KEEP_CHECK_S: Final = 60


@dataclass(frozen=True, slots=True)
class Keys:
    """The names of all keys of one namespace.

    Args:
        namespace: The namespace, ``CONVEYOR_NAMESPACE``.
    """

    namespace: str = DEFAULT_NAMESPACE

    @property
    def prefix(self) -> str:
        """What every key begins with; ``transition.lua`` makes names of it."""
        return f"{{{self.namespace}}}:"

    @property
    def entry_prefix(self) -> str:
        """The prefix of every entry's key."""
        return f"{self.prefix}conversion:"

    def due(self, kind: str) -> str:
        """The due times of a kind; ``claim.lua`` builds the same name."""
        return f"{self.prefix}due:{kind}"

    @property
    def all_due(self) -> list[str]:
        """The due keys of each kind: what is to be submitted, polled, delivered."""
        return [self.due(kind) for kind in KINDS]

    @property
    def deadlines(self) -> str:
        """Queued conversions by their deadline; ``transition.lua`` makes the same name."""
        return f"{self.prefix}deadlines"

    @property
    def metadata(self) -> str:
        """Rows by which conversions are found; ``transition.lua`` makes the same name."""
        return f"{self.prefix}metadata"

    def bell(self, kind: str) -> str:
        """Exists while a bell is on its way; ``bell.lua`` builds the same name."""
        return f"{self.prefix}bell:{kind}"

    @property
    def dead(self) -> str:
        """The dead letters by time."""
        return f"{self.prefix}dead"

    @property
    def unreadable(self) -> str:
        """Entries that can't be read."""
        return f"{self.prefix}unreadable"

    @property
    def lost(self) -> str:
        """Conversions with missing entries."""
        return f"{self.prefix}lost"

    @property
    def newer(self) -> str:
        """Conversions that a later release has written."""
        return f"{self.prefix}newer"

    @property
    def audited(self) -> str:
        """Where the last audit of each index ended."""
        return f"{self.prefix}audited"

    @property
    def revoked(self) -> str:
        """Ids that were revoked before they began."""
        return f"{self.prefix}revoked"

    @property
    def erasing(self) -> str:
        """Deleted conversions of which something is left elsewhere."""
        return f"{self.prefix}erasing"

    @property
    def expiring(self) -> str:
        """Conversions with files that are removed at a date."""
        return f"{self.prefix}expiring"

    @property
    def storage(self) -> str:
        """The id of the storage in use."""
        return f"{self.prefix}storage"

    @property
    def storage_claim(self) -> str:
        """Exists while a process marks a new storage."""
        return f"{self.prefix}storage:claim"

    @property
    def strangers(self) -> str:
        """Processes that have another storage."""
        return f"{self.prefix}storage:strangers"

    @property
    def stripped(self) -> str:
        """Up to which time old dead letters were stripped."""
        return f"{self.prefix}stripped"

    @property
    def changed(self) -> str:
        """The channel on which each change is published."""
        return f"{self.prefix}changed"

    @property
    def expected_durations(self) -> str:
        """Expected durations of conversions."""
        return f"{self.prefix}expected_durations"

    @property
    def counts(self) -> str:
        """Counters of events."""
        return f"{self.prefix}counts"

    @property
    def staging(self) -> str:
        """Staged folders that no conversion owns."""
        return f"{self.prefix}staging"

    @property
    def signed(self) -> str:
        """Those of them that signatures share."""
        return f"{self.prefix}signed"

    @property
    def doomed(self) -> str:
        """Staged folders that are to be removed."""
        return f"{self.prefix}doomed"

    @property
    def leftovers(self) -> str:
        """Leftovers to delete at the service."""
        return f"{self.prefix}leftovers"

    @property
    def leftover_records(self) -> str:
        """Records of the leftovers."""
        return f"{self.prefix}leftovers:records"

    @property
    def leftovers_pause(self) -> str:
        """Exists while the service wants no DELETE."""
        return f"{self.prefix}leftovers:pause"

    @property
    def accounts(self) -> str:
        """The accounts that workers have submitted for."""
        return f"{self.prefix}accounts"

    @property
    def job_key(self) -> str:
        """Derives job ids."""
        return f"{self.prefix}job_key"

    @property
    def check(self) -> str:
        """A key that checks write and read."""
        return f"{self.prefix}check"

    @property
    def identity(self) -> str:
        """The ledger's random identity."""
        return f"{self.prefix}identity"

    def notices(self, status: str) -> str:
        """The notices with a status; the scripts of notices build the same name."""
        return f"{self.prefix}notices:{status}"

    def notices_of(self, conversion_id: str) -> str:
        """The notices of a conversion; ``transition.lua`` makes the same name."""
        return f"{self.prefix}notices_of:{conversion_id}"

    def tries_of(self, conversion_id: str) -> str:
        """The log of the tries of a conversion's notices."""
        return f"{self.prefix}tries_of:{conversion_id}"

    def lane(self, receiver: str) -> str:
        """The pending notices of a receiver; the scripts of notices build the same name."""
        return f"{self.prefix}notices:lane:{receiver}"

    def report(self, question_id: str) -> str:
        """A worker's report to the doctor."""
        return f"{self.prefix}report:{question_id}"

    def conversion(self, conversion_id: str) -> str:
        """The entry of a conversion."""
        return f"{self.prefix}conversion:{conversion_id}"

    def events(self, conversion_id: str) -> str:
        """The changes of state of a conversion."""
        return f"{self.prefix}events:{conversion_id}"

    def turnstile(self, conversion_id: str) -> str:
        """The turnstile of a conversion."""
        return f"{self.prefix}turnstile:{conversion_id}"

    def delivery(self, conversion_id: str) -> str:
        """The delivery lease of a conversion."""
        return f"{self.prefix}delivery:{conversion_id}"

    def state(self, name: str) -> str:
        """The conversions in a state; ``transition.lua`` makes the same name."""
        return f"{self.prefix}state:{name}"

    def dead_of(self, kind: str) -> str:
        """The dead letters of a class; ``transition.lua`` makes the same name."""
        return f"{self.prefix}dead:{kind}"

    def minute(self, number: int) -> str:
        """How many succeeded in a minute; ``transition.lua`` makes the same name."""
        return f"{self.prefix}minute:{number}"

    def account(self, account_id: str) -> str:
        """An account's hold and throttle."""
        return f"{self.prefix}account:{account_id}"

    def jobs(self, account_id: str) -> str:
        """The jobs of an account; ``transition.lua`` makes the same name."""
        return f"{self.prefix}jobs:{account_id}"

    def dialect(self, account_id: str) -> str:
        """The dialect that an account's service speaks."""
        return f"{self.prefix}dialect:{account_id}"

    def idempotency(self, key: str) -> str:
        """A producer's idempotency key, hashed because it may hold anything."""
        return f"{self.prefix}key:{hash_of_key(key)}"


def hash_of_key(key: str) -> str:
    """The hash of an idempotency key, as its name in Redis has it.

    Args:
        key: The key, which may hold anything.
    """
    return sha256(key.encode()).hexdigest()
