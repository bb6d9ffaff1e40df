"""A result on its way to its caller: files stored, steps noted, delivered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from conveyor.domain import counters
from conveyor.domain.conversion import StoredFile
from conveyor.domain.entry import Entry
from conveyor.domain.request import ConversionRequest
from conveyor.domain.request_json import dump_request
from conveyor.ledger.change_spec import this_job
from conveyor.ledger.changes import WORK_S, Changes
from conveyor.ledger.fields import OF_USE_UNTIL_THE_END
from conveyor.ledger.keys import KEEP_FINISHED_S
from conveyor.ledger.leftover import Leftover
from conveyor.ledger.records import dump_file, dump_files, file_field

__all__ = ["Delivering"]

_KEEP_EVENTS_OF_FINISHED: Final = 10


class Delivering(Changes):
    """Notes each step from a result to a caller who has it."""

    def deliver_later(
        self, entry: Entry, delay_s: float, note: str, *, fault: bool = True
    ) -> Entry | None:
        """Note that the result can't be stored just now.

        Args:
            entry: The conversion.
            delay_s: Until it is tried again, seconds.
            note: Why, in words.
            fault: Whether it counts as a try; to be asked for patience is none.
        """
        return self._change(
            "deliver_later",
            entry.id,
            set={"note": note},
            add={"faults": int(fault)},
            due_in=delay_s,
            bell=True,
        )

    def stored(self, entry: Entry, place: int, file: StoredFile) -> None:
        """Note one stored file while others are missing.

        Args:
            entry: The conversion.
            place: The file's place in the result.
            file: What was stored.
        """
        self._run(
            "stored",
            entry.id,
            set={file_field(place): dump_file(file)},
            due_in=WORK_S,
            silent=True,
        )

    def succeeded(
        self, entry: Entry, files: Sequence[StoredFile], *, note: str = "", delivery: str = ""
    ) -> Entry | None:
        """Note that every file is stored.

        Args:
            entry: The conversion.
            files: The files, in their order.
            note: What was odd about them, in words.
            delivery: The token of the lease under which they were stored; refused where another
                has it by now.
        """
        return self._change(
            "succeeded",
            entry.id,
            guards=this_job(entry),
            holder=delivery or None,
            set={"files": dump_files(files), "note": note},
            stamp=["finished_at"],
            unset=[file_field(place) for place in range(len(files))],
            due_in=WORK_S,
            counts=counters.of_success(entry.polls),
            timed=counters.stored_since("ready_at"),
        )

    def sent(self, entry: Entry, places: Sequence[str], delivery: str) -> Entry | None:
        """Note which steps of telling the caller are done: a repeated delivery leaves them out.

        Args:
            entry: The conversion, ended.
            places: The names of the steps.
            delivery: The token of the delivery's lease; refused where another has it by now.
        """
        return self._change(
            "sent", entry.id, holder=delivery, set={"sent": " ".join(places)}, due_in=WORK_S
        )

    def undelivered(self, entry: Entry, delay_s: float) -> Entry | None:
        """Note that the outcome can't be stored in the result backend just now.

        Args:
            entry: The conversion, ended.
            delay_s: Until it is tried again, seconds.
        """
        return self._change(
            "undelivered", entry.id, add={"undelivered": 1}, due_in=delay_s, bell=True
        )

    def delivered(
        self,
        conversion_id: str,
        *,
        is_dead: bool,
        delivery: str = "",
        request: ConversionRequest | None = None,
        leftovers: Sequence[Leftover] = (),
        keep_files_s: float | None = None,
    ) -> None:
        """Note that the caller has the outcome: the entry starts to age.

        A finished conversion keeps what can be asked of it, and nothing that opens a document.

        Args:
            conversion_id: The conversion's id.
            is_dead: Whether it is a dead letter: it stays until it is replayed or purged.
            delivery: The token of the delivery's lease, which ends with it; refused where the lease
                is no longer ours. A Redis that took over without its last writes may lack both the
                lease and the result, so the outcome is delivered again.
            request: What was asked, of which a finished conversion keeps the formats.
            leftovers: Leftovers to delete at the service.
            keep_files_s: How long its files are kept from now on, seconds; None: until somebody
                deletes it. Its entry outlives them.
        """
        fields: dict[str, Any] = {"delivered": 1}
        if request is not None and not is_dead:
            fields["request"] = dump_request(request.formats_alone())
        self._run(
            "delivered",
            conversion_id,
            holder=delivery or None,
            set=fields,
            unset=None if is_dead else OF_USE_UNTIL_THE_END,
            due_in=False,
            keep_s=0 if is_dead else round(KEEP_FINISHED_S + (keep_files_s or 0)),
            keep_files_s=keep_files_s,
            keep_events=_KEEP_EVENTS_OF_FINISHED,
            states_alone=not is_dead,
            silent=True,
            release=delivery or None,
            leftovers=[leftover.row for leftover in leftovers],
        )
