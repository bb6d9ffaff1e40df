"""Why an unclaimed conversion waits, computed when it is read.

What may not go is not touched, so its entry can't say why. The account can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, cast

from conveyor.domain.conversion import State
from conveyor.ledger import Client, Entry, translated
from conveyor.ledger.accounts import AccountStatus, status_of

__all__ = ["explained"]

# What is due is claimed at once. Only after that somebody keeps it waiting.
_AT_ONCE_S: Final = 1.0


def explained(client: Client, entries: Sequence[Entry]) -> list[Entry]:
    """Conversions, each queued one with a note of what the account keeps it waiting for.

    Costs nothing where none is queued.

    Args:
        client: Redis.
        entries: As they were read.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    queued = [entry.id for entry in entries if entry.state is State.QUEUED]
    if not queued:
        return list(entries)
    keys = client.keyspace
    with translated(client), client.pipeline(transaction=False) as pipeline:
        pipeline.smembers(keys.accounts)
        pipeline.zmscore(keys.due("submit"), queued)
        names, dates = pipeline.execute()
    accounts = [status_of(client, name) for name in sorted(cast("set[str]", names))]
    due = dict(zip(queued, cast("list[float | None]", dates), strict=True))
    return [_explained(entry, due.get(entry.id), accounts) for entry in entries]


def _explained(entry: Entry, due: float | None, accounts: Sequence[AccountStatus]) -> Entry:
    if entry.state is not State.QUEUED:
        return entry
    # Before it is first claimed nobody knows whose workers will.
    own = [it for it in accounts if it.account == entry.account] or accounts
    if not own or not all(it.why for it in own):
        return entry
    if own[0].held:
        return replace(entry, note=own[0].why, held=True)
    waits = due is not None and due < entry.seen_at - _AT_ONCE_S
    return replace(entry, note=own[0].why) if waits else entry
