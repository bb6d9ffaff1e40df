"""Where faults strike, and families of faults that differ in nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeVar

__all__ = ["AFTER_SUBMIT", "EVERYWHERE", "Address", "Family", "by_place"]


class Address(Enum):
    """One word for each kind of request."""

    SUBMIT = "submit"
    UPLOAD = "upload"
    POLL = "poll"
    DOWNLOAD = "download"
    DELETE = "delete"  # of jobs and of files
    USER = "user"  # `/user` and `/user/statistic`


EVERYWHERE: Final = tuple(Address)
# In place of an address: a submit that was taken and charged, and whose answer is replaced.
AFTER_SUBMIT: Final = "after_submit"


@dataclass(frozen=True, kw_only=True)
class Family:
    """Faults that share a meaning.

    Args:
        name: The fault's name, or what the names begin with where there are addresses.
        meaning: What the client meets.
        addresses: Where they may strike.
        after: Whether one of them also strikes after a submit was taken and charged.
    """

    name: str
    meaning: str
    addresses: tuple[Address, ...] = EVERYWHERE
    after: bool = False

    @property
    def places(self) -> tuple[str, ...]:
        """What the faults' names may end with."""
        after = (AFTER_SUBMIT,) if self.after else ()
        return (*(address.value for address in self.addresses), *after)

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults' names."""
        return tuple(f"{self.name}_{place}" for place in self.places) or (self.name,)


_Row = TypeVar("_Row", bound=Family)


def by_place(rows: Iterable[_Row]) -> Mapping[str, Mapping[str, _Row]]:
    """Return families by the name of their fault, for each place where faults strike.

    Args:
        rows: The families.
    """
    places = (*(address.value for address in Address), AFTER_SUBMIT)
    kept = tuple(rows)
    return {
        place: {f"{row.name}_{place}": row for row in kept if place in row.places}
        for place in places
    }
