"""The ledger: the truth about every conversion, in Redis (invariants I1, I2, I6).

Every change is one run of ``transition.lua`` after the table in `conveyor.ledger.transitions`. A
transition that may not leave the state it finds is refused and returns None: another has worked on
the conversion meanwhile, and whoever asked has nothing to do.

Each part of a conversion's life has a module of its own. `Ledger` puts them together:

==================================  =============================================
`conveyor.ledger.entries`           read entries
`conveyor.ledger.history`           their changes of state
`conveyor.ledger.accepting`         accept, take back
`conveyor.ledger.submitting`        the POST's intent, and its answer
`conveyor.ledger.resubmitting`      submitted again, or asked for first
`conveyor.ledger.polling`           polls and webhooks
`conveyor.ledger.delivering`        files stored, caller told
`conveyor.ledger.ending`            failed, expired, cancelled
`conveyor.ledger.dead_entries`      dead letters
`conveyor.ledger.erasing`           deleted conversions, and the life of files
`conveyor.ledger.remembered`        dialect, job key, identity
==================================  =============================================

Redis' clock alone dates what is here. Durations travel to it, never moments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from itertools import chain

from conveyor.ledger.accepting import Accepting
from conveyor.ledger.changes import Bells
from conveyor.ledger.connection import Client
from conveyor.ledger.dead_entries import DeadEntries
from conveyor.ledger.delivering import Delivering
from conveyor.ledger.ending import Ending
from conveyor.ledger.erasing import Erasing
from conveyor.ledger.history import History
from conveyor.ledger.keys import KEEP_CHECK_S
from conveyor.ledger.leftovers import Leftovers
from conveyor.ledger.notices import Notices
from conveyor.ledger.remembered import Remembered
from conveyor.ledger.reports import Reports
from conveyor.ledger.resubmitting import Resubmitting
from conveyor.ledger.scripts import script
from conveyor.ledger.server import Standing, look_at_server
from conveyor.ledger.submitting import Submitting
from conveyor.ledger.tenure import Renewal

__all__ = ["Ledger"]


class Ledger(
    Accepting,
    Submitting,
    Resubmitting,
    Ending,
    Delivering,
    DeadEntries,
    Erasing,
    Remembered,
    History,
):
    """Conversions in Redis.

    Args:
        client: From `conveyor.ledger.connect`.
        bells: Rings for what is due.

    Attributes:
        expected_durations: How long conversions take.
        leftovers: Leftovers to delete at the service.
        notices: Events of conversions on their way to receivers.
        reports: What workers report to the doctor.
    """

    def __init__(self, client: Client, bells: Bells | None = None) -> None:
        super().__init__(client, bells)
        self.leftovers = Leftovers(client)
        self.notices = Notices(client, self.ring)
        self.reports = Reports(client)
        self._heartbeat = client.register_script(script("heartbeat"))

    def renew_leases(self, renewals: Sequence[Renewal], lease_s: float) -> None:
        """Renew the leases of conversions that this worker still processes.

        Args:
            renewals: Their leases. What is another's by now is left alone.
            lease_s: How long the leases live from now on, seconds.
        """
        args: list[str | int] = [self._keys.prefix, round(lease_s * 1000)]
        args += chain.from_iterable(map(astuple, renewals))
        with self._translated():
            self._heartbeat(keys=self._keys.all_due, args=args)

    def standing(self) -> Standing:
        """What the server is set to, and what of that can hurt.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with self._translated():
            return look_at_server(self._redis)

    def check(self) -> None:
        """Write and read a key.

        Raises:
            LedgerUnavailable: Redis is away, full or read-only.
        """
        with self._translated():
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.set(self._keys.check, "ok", ex=KEEP_CHECK_S)
            pipeline.get(self._keys.check)
            pipeline.execute()
