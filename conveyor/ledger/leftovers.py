"""What conversions have left at the service: jobs, results and uploads that are to be deleted.

A DELETE that fails must be repeated, and nobody waits for it. So what is to be deleted is noted
here, in the same step that ends its conversion where that is possible, and the workers' clean-up
works it off (`workers.cleanup`). What is still noted is still at the service.

The records hold job ids and addresses. Both are secrets (invariant I5): they stand in Redis alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final, cast
from urllib.parse import quote

from conveyor.domain.conversion import FailureKind, State
from conveyor.domain.dialect import Dialect
from conveyor.domain.entry import Entry
from conveyor.domain.schedule import FILE_LIFE_S, JOB_LIFE_S
from conveyor.ledger.connection import Client, translated
from conveyor.ledger.scripts import script

__all__ = ["Leftover", "Leftovers", "everything_of", "leftovers_of", "uploads_of"]

# Redis may lose the last second of its writes. A result that was deleted in that second would be
# gone, and paid for again.
_FIRST_TRY_S: Final = 5.0

_VERSION: Final = 1
# What we can't read is left to those who can for so long, before we look at it again.
_LEAVE_S: Final = 300.0
_MOST_BATCHES: Final = 50

# The job of a dead letter of these kinds is over, although the service has not said that it failed.
_JOB_IS_OVER: Final = frozenset({FailureKind.EXPIRED, FailureKind.UNREADABLE})


@dataclass(frozen=True, slots=True)
class Leftover:
    """A job or a file at the service that nobody needs any more.

    Attributes:
        base_url: The host that took the job.
        dialect: The dialect that the job was started in.
        job_id: The job's id; empty for a file.
        url: The file's address; empty for a job. One that begins with a slash lies at the host that
            the worker is configured for.
        seen: Whether the service was seen to have it. Where it was not, it may arrive later, so a
            404 proves little.
        failures: DELETEs that failed so far.
    """

    base_url: str = ""
    dialect: Dialect = Dialect.PATH
    job_id: str = field(default="", repr=False)
    url: str = field(default="", repr=False)
    seen: bool = True
    failures: int = field(default=0, compare=False)

    @property
    def id(self) -> str:
        """What the indexes call it: nothing can be read from it."""
        address = f"{self.base_url}\0{self.job_id}\0{self.url}"
        return sha256(address.encode(errors="replace")).hexdigest()[:32]

    @property
    def life_s(self) -> float:
        """How long the service keeps such a thing at most, seconds."""
        return JOB_LIFE_S if self.job_id else FILE_LIFE_S

    @property
    def row(self) -> dict[str, Any]:
        """Return the row that ``add_leftovers.lua`` and ``transition.lua`` take."""
        return {
            "id": self.id,
            "record": _record(self),
            "life_s": self.life_s,
            "wait_s": _FIRST_TRY_S,
        }


def leftovers_of(entry: Entry) -> list[Leftover]:
    """What can be deleted at the service once a conversion has ended.

    A dead letter keeps its job and its result: a replay fetches them, or asks for them. It keeps
    its uploads as long as its job may still read them.

    Args:
        entry: The conversion, ended.

    Returns:
        What is to be deleted; perhaps nothing.
    """
    if entry.state in (State.SUCCEEDED, State.CANCELLED):
        return [*_job_of(entry), *_results_of(entry), *uploads_of(entry)]
    return [] if _may_run(entry) else uploads_of(entry)


def everything_of(entry: Entry, age_s: float) -> list[Leftover]:
    """All that a conversion may still have at the service: for one that is forgotten.

    Args:
        entry: The conversion.
        age_s: For how long it has not used any of it, seconds. What the service keeps for less
            than that is left out.

    Returns:
        What is to be deleted; perhaps nothing.
    """
    found = [*_job_of(entry), *_results_of(entry), *uploads_of(entry)]
    return [leftover for leftover in found if age_s < leftover.life_s]


def uploads_of(entry: Entry) -> list[Leftover]:
    """The uploads of a conversion, where they are."""
    return [
        Leftover(url=f"{entry.uploads_host}/d/{quote(file_id, safe='', errors='replace')}")
        for file_id in entry.uploads.values()
    ]


class Leftovers:
    """What is to be deleted at the service, in Redis.

    Args:
        client: From `conveyor.ledger.connect`.
    """

    def __init__(self, client: Client) -> None:
        self._redis = client
        self._keys = client.keyspace
        self._both = (self._keys.leftovers, self._keys.leftover_records)
        self._add = client.register_script(script("add_leftovers"))
        self._claim = client.register_script(script("claim_leftovers"))
        self._postpone = client.register_script(script("postpone_leftovers"))
        self._clear = client.register_script(script("clear_leftovers"))

    def add(self, leftovers: Sequence[Leftover]) -> None:
        """Note what is to be deleted. Twice does no harm: the second DELETE finds nothing.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        if leftovers:
            rows = json.dumps([leftover.row for leftover in leftovers])
            with translated(self._redis):
                self._add(keys=self._both, args=[rows])

    def claim(self, limit: int, lease_s: float) -> list[Leftover]:
        """Take what is due; nobody else gets it until the lease ends.

        Args:
            limit: At most so many.
            lease_s: After so many seconds another may take what was neither cleared nor put off:
                whoever took it has died.

        Returns:
            What to delete. What the service has removed by itself is dropped and counted. While a
            pause lasts there is nothing to delete. A record that can't be read is put off, as a
            later release may have written it, and the next are taken.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        for _ in range(_MOST_BATCHES):
            rows = self._claimed(limit, lease_s)
            found = [
                (leftover_id, _read(failures, record)) for leftover_id, failures, record in rows
            ]
            self._leave([leftover_id for leftover_id, leftover in found if leftover is None])
            readable = [leftover for _, leftover in found if leftover is not None]
            if readable or not rows:
                return readable
        return []

    def _claimed(self, limit: int, lease_s: float) -> list[tuple[str, str, str]]:
        """The id, the failures and the record of each that is claimed."""
        with translated(self._redis):
            flat = cast(
                "list[str]",
                self._claim(
                    keys=[
                        *self._both,
                        self._keys.leftovers_pause,
                        self._keys.counts,
                    ],
                    args=[limit, lease_s],
                ),
            )
        return list(zip(flat[::3], flat[1::3], flat[2::3], strict=True))

    def _leave(self, leftover_ids: Sequence[str]) -> None:
        if leftover_ids:
            with translated(self._redis):
                self._postpone(keys=self._both, args=[_LEAVE_S, 0, *leftover_ids])

    def done(self, leftovers: Sequence[Leftover]) -> None:
        """Take out what is no longer at the service.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        self._take_out("deleted", leftovers)

    def give_up(self, leftovers: Sequence[Leftover]) -> None:
        """Take out what can never be deleted.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        self._take_out("not_deleted", leftovers)

    def later(self, leftover: Leftover, wait_s: float) -> None:
        """Note a DELETE that failed.

        Args:
            leftover: As it was claimed.
            wait_s: Until the next try, seconds.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        self._put_off([leftover], wait_s, failed=True)

    def give_back(self, leftovers: Sequence[Leftover]) -> None:
        """Leave what was claimed, and not tried, to whoever comes next.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        self._put_off(leftovers, 0, failed=False)

    def pause(self, for_s: float) -> None:
        """Have nobody claim anything for a while: the service asks for patience.

        Args:
            for_s: Seconds.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            self._redis.set(self._keys.leftovers_pause, "1", px=max(round(for_s * 1000), 1))

    def count(self) -> int:
        """How much is still at the service.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            return self._redis.zcard(self._keys.leftovers)

    def _take_out(self, name: str, leftovers: Sequence[Leftover]) -> None:
        if leftovers:
            with translated(self._redis):
                self._clear(
                    keys=[*self._both, self._keys.counts],
                    args=[name, *(leftover.id for leftover in leftovers)],
                )

    def _put_off(self, leftovers: Sequence[Leftover], wait_s: float, *, failed: bool) -> None:
        if leftovers:
            with translated(self._redis):
                self._postpone(
                    keys=self._both,
                    args=[wait_s, int(failed), *(leftover.id for leftover in leftovers)],
                )


def _job_of(entry: Entry) -> list[Leftover]:
    """The job. A POST that is known to have started nothing is not counted in `submits`."""
    if not entry.job_id or not entry.submits:
        return []
    return [Leftover(entry.base_url, entry.dialect, entry.job_id, seen=entry.confirmed)]


def _results_of(entry: Entry) -> list[Leftover]:
    files = entry.result.files if entry.result else ()
    return [Leftover(url=remote.url) for remote in files if remote.url]


def _may_run(entry: Entry) -> bool:
    """Whether the job of a dead letter may still be at work, and read its sources."""
    failure = entry.failure
    if not entry.submits or entry.result is not None or failure is None:
        return False
    return not failure.status and failure.kind not in _JOB_IS_OVER


def _record(leftover: Leftover) -> str:
    if leftover.url:
        return json.dumps({"v": _VERSION, "url": leftover.url})
    plain = {
        "v": _VERSION,
        "base_url": leftover.base_url,
        "dialect": leftover.dialect.value,
        "job_id": leftover.job_id,
    }
    return json.dumps(plain if leftover.seen else {**plain, "seen": False})


def _read(failures: str, record: str) -> Leftover | None:
    try:
        return replace(_load(json.loads(record)), failures=int(failures))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _load(plain: dict[str, Any]) -> Leftover:
    if plain.get("v", _VERSION) != _VERSION:
        raise ValueError("a later release has written it")
    if "url" in plain:
        return Leftover(url=str(plain["url"]))
    return Leftover(
        str(plain["base_url"]),
        Dialect(plain["dialect"]),
        str(plain["job_id"]),
        seen=bool(plain.get("seen", True)),
    )
