"""Deletions in Redis: the entry becomes a tombstone, and workers learn what is left elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from conveyor.domain.entry import Entry
from conveyor.ledger.changes import Bells, Changes
from conveyor.ledger.connection import Client
from conveyor.ledger.dates import Dates
from conveyor.ledger.keys import KEEP_FINISHED_S
from conveyor.ledger.leftover import Leftover
from conveyor.ledger.scripts import script
from conveyor.ledger.tombstones import DELETED

__all__ = ["Erasing"]

# A process that had stopped may wake up and write what it had in hand. No POST is open for longer.
_LAST_LOOK_S: Final = 1800.0
_STILL_THERE: Final = 0

_FILES_REMOVED: Final = "The files were removed: their life was over."


class Erasing(Changes):
    """Deletes conversions, and ends the life of their files.

    Args:
        client: From `conveyor.ledger.connect`.
        bells: Rings for what is due.

    Attributes:
        erasures: When workers visit what deleted conversions have left elsewhere.
        expiries: When the files of conversions are removed.
    """

    def __init__(self, client: Client, bells: Bells | None = None) -> None:
        super().__init__(client, bells)
        self.erasures = Dates(client, self._keys.erasing)
        self.expiries = Dates(client, self._keys.expiring)
        self._erased = client.register_script(script("erased"))

    def erase(
        self, entry: Entry, leftovers: Sequence[Leftover] = (), staged: Sequence[str] = ()
    ) -> bool:
        """Leave a tombstone of a conversion, if its caller knows the outcome.

        Its idempotency key, its events and its notices go in the same step. The rest is due.

        Args:
            entry: The conversion, ended.
            leftovers: What is to be deleted at the service.
            staged: Tokens of the folders of its sources.

        Returns:
            Whether it was done; not where its caller does not know yet, or it was replayed.
        """
        is_dead, is_first = entry.state.is_dead, entry.deleted_at is None
        ran = self._run(
            "erase",
            entry.id,
            guards={
                "delivered": 1,
                # Any other has ended for good, and has no turn any more.
                **({"turn": entry.turn} if is_dead else {}),
                **({"deleted_at": ""} if is_first else {}),
            },
            counts={"deletions": 1} if is_first else None,
            set={"state": DELETED, "staged": " ".join(staged)},
            first=["deleted_at"],
            entomb=True,
            unnoticed=True,
            erase_in=0,
            due_in=False,
            dead=False if is_dead else None,
            keep_files_s=False,
            keep_s=0,
            leftovers=[leftover.row for leftover in leftovers],
            silent=True,
        )
        return bool(ran.done)

    def erase_later(self, conversion_id: str) -> bool:
        """Note that a conversion is to be deleted once its caller knows the outcome.

        Args:
            conversion_id: The conversion's id.

        Returns:
            Whether there is one that can be.
        """
        ran = self._run("erase_later", conversion_id, first=["deleted_at"], erase_in=0, silent=True)
        return bool(ran.done)

    def staged_of(self, conversion_id: str) -> list[str]:
        """The tokens of the folders that a tombstone names.

        Args:
            conversion_id: The conversion's id.
        """
        with self._translated():
            found = self._redis.hget(self._keys.conversion(conversion_id), "staged")
        return (cast("str | None", found) or "").split()

    def erased(self, conversion_id: str) -> bool:
        """Note that nothing is left elsewhere. The tombstone begins to age.

        Args:
            conversion_id: The conversion's id.

        Returns:
            Whether it is noted; not where the service still has something.
        """
        with self._translated():
            noted = self._erased(
                keys=[
                    self._keys.conversion(conversion_id),
                    self._keys.erasing,
                    self._keys.counts,
                    self._keys.leftovers,
                ],
                args=[conversion_id, KEEP_FINISHED_S, _LAST_LOOK_S],
            )
        return bool(noted != _STILL_THERE)

    def files_removed(self, entry: Entry) -> bool:
        """Note that a conversion's files were removed. Its entry begins to age anew.

        Args:
            entry: The conversion, succeeded.

        Returns:
            Whether this was the first time.
        """
        ran = self._run(
            "files_removed",
            entry.id,
            guards={"delivered": 1, "files_removed_at": ""},
            set={"note": _FILES_REMOVED},
            stamp=["files_removed_at"],
            keep_files_s=False,
            keep_s=KEEP_FINISHED_S,
            counts={"files_removed": len(entry.files)},
            silent=True,
        )
        return bool(ran.done)
