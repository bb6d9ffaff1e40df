"""One leftover at the service: a job or a file to delete, and its record in Redis.

The records hold job ids and addresses. Both are secrets (invariant I5): they stand in Redis alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final

from conveyor.domain.dialect import Dialect
from conveyor.domain.rules import FILE_LIFE_S, JOB_LIFE_S

__all__ = ["Leftover", "read_leftover"]

# Redis may lose the last second of its writes. A result that was deleted in that second would be
# gone, and paid for again.
_FIRST_TRY_S: Final = 5.0

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Leftover:
    """A job or a file at the service that is no longer needed.

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
        """Its id in the indexes, a hash that reveals nothing."""
        address = f"{self.base_url}\0{self.job_id}\0{self.url}"
        return sha256(address.encode(errors="replace")).hexdigest()[:32]

    @property
    def life_s(self) -> float:
        """The longest time that the service keeps it, in seconds."""
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


def read_leftover(failures: str, record: str) -> Leftover | None:
    """Read a leftover.

    Args:
        failures: How often its DELETE has failed, as Redis has it.
        record: As `Leftover.row` has it.

    Returns:
        The leftover; None where it can't be read.
    """
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
