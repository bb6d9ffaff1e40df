"""The audit of the indexes: it finds unscheduled conversions and missing entries.

An entry may be evicted, or deleted by hand, and so may a member of an index. What is unfinished,
and due at no time, is made due. What has lost its entry is reported, and taken out of all indexes,
so that nothing comes back to it. One look costs a batch of each index. Where it ended is kept in
Redis, so that several workers share the work, and so that no member keeps the next from its turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, cast

from conveyor.domain.conversion import FailureKind, State
from conveyor.ledger.connection import Client, translated
from conveyor.ledger.due import KIND_OF, KINDS
from conveyor.ledger.encoding import VERSION
from conveyor.ledger.findings import Findings, Lost
from conveyor.ledger.keys import KEEP_FINISHED_S
from conveyor.ledger.scripts import script

__all__ = ["Audit", "Audited"]

_BATCH: Final = 500

# What has ended is forgotten after a while. Dead letters stay until somebody purges them, which
# takes their ids out at once.
_FORGOTTEN: Final = (State.SUCCEEDED, State.CANCELLED)


@dataclass(frozen=True, slots=True)
class Audited:
    """The findings of one audit.

    Attributes:
        forgotten: Ids that were taken out of an index, as their time was over.
        awaited: Conversions that nobody awaited, and that are due now.
        lost: Those whose entry is gone, and that were not noticed before.
    """

    forgotten: int = 0
    awaited: int = 0
    lost: tuple[Lost, ...] = ()


@dataclass(frozen=True, slots=True)
class _Index:
    name: str
    key: str
    keep_s: int = 0
    state: str = ""
    # Of what is in that state. Other indexes have nobody awaited.
    kind: str = KINDS[0]
    account: str = ""


class Audit(Findings):
    """Looks the indexes over.

    Args:
        client: From `conveyor.ledger.connect`.
    """

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self._audit = client.register_script(script("audit"))

    def step(self, batch: int = _BATCH) -> Audited:
        """Look a batch of each index over.

        Args:
            batch: About so many of each.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        forgotten, awaited, missing = 0, 0, list[str]()
        for index in self._indexes():
            with translated(self._redis):
                answer = self._audit(
                    keys=[
                        index.key,
                        self._keys.audited,
                        self._keys.due(index.kind),
                        self._keys.unreadable,
                    ],
                    args=[
                        index.name,
                        batch,
                        self._keys.entry_prefix,
                        VERSION,
                        index.keep_s,
                        index.state,
                        index.account,
                        self._keys.prefix,
                    ],
                )
            taken, found, without, newer = cast("tuple[int, int, list[str], list[str]]", answer)
            forgotten, awaited = forgotten + taken, awaited + found
            missing += without
            self.record_newer(newer)
        return Audited(forgotten, awaited, tuple(self.lose(missing)))

    def _indexes(self) -> Iterator[_Index]:
        for state in State:
            keep_s = KEEP_FINISHED_S if state in _FORGOTTEN else 0
            name = f"state:{state.value}"
            yield _Index(name, self._keys.state(state.value), keep_s, state.value, KIND_OF[state])
        yield _Index("dead", self._keys.dead)
        for kind in FailureKind:
            yield _Index(f"dead:{kind.value}", self._keys.dead_of(kind.value))
        with translated(self._redis):
            accounts = cast("set[str]", self._redis.smembers(self._keys.accounts))
        for account in sorted(accounts):
            yield _Index(f"jobs:{account}", self._keys.jobs(account), account=account)
