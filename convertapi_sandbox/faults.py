"""Faults on order: which there are, and the dice that decide when each strikes."""

from __future__ import annotations

import difflib
import random
from collections.abc import Mapping
from typing import Final, TypeVar

from convertapi_sandbox.addresses import AFTER_SUBMIT, EVERYWHERE, Address, Family
from convertapi_sandbox.audit import Audit
from convertapi_sandbox.errors import CONVERSION_ERRORS
from convertapi_sandbox.mishaps import MISHAPS
from convertapi_sandbox.odd_results import ODD_RESULTS
from convertapi_sandbox.slowness import DRIBBLES

__all__ = ["ADDRESS_HELP", "CATALOGUE", "FAULTS", "Faults", "check_rates", "names_of"]

# Faults of the service itself: they need to know what is converted, and how far it is.
_OWN: Final[Mapping[str, str]] = {
    "lost_submit": "the job is taken and charged, the connection closes without an answer",
    "gateway_submit": "the job is taken and charged, the answer is a 502 page",
    "held_submit": "a gateway holds a submit, then delivers it even if the client has gone",
    "vanish_file": "FileIds that a submit names are gone; it is refused with 5009",
    "finished_submit": "an asynchronous submit is answered with the finished result",
    "foreign_job_id": "the submit answers another JobId than the one given; that one counts",
    "gateway_poll": "a poll is answered by a 502 or 504 page",
    "lost_poll": "the connection closes instead of answering a poll of a finished job",
    "slow_answer": "the answer of a poll comes byte by byte",
    "truncated_json": "a result is cut within its JSON, framed as complete",
    "raw_result": "a result is the bytes of its first file",
    "stalled_upload": "an upload is not read for a while, so that sending it blocks",
    "truncated_download": "a download ends before its Content-Length",
    "short_download": "a download is cut, framed as complete",
    "wrong_range_download": "a part of a file is said to be the one asked for, and is another",
    "odd_disposition_download": "a download has a Content-Disposition on which parsers raise",
    "no_files": "a conversion succeeds without files, as where there is nothing to extract",
    "lost_webhook": "a webhook is never called",
    "doubled_webhook": "a webhook is called twice",
    "outage": "every request meets a closed connection",
    **{f"error_{code}": f"a conversion fails: {text}" for code, text in CONVERSION_ERRORS.items()},
}

# All faults there are, by family.
CATALOGUE: Final[tuple[Family, ...]] = (
    *(Family(name=name, meaning=meaning, addresses=()) for name, meaning in _OWN.items()),
    *MISHAPS,
    *DRIBBLES,
    *ODD_RESULTS,
)

# Fault name → what the client meets.
FAULTS: Final[Mapping[str, str]] = {
    fault: family.meaning for family in CATALOGUE for fault in family.faults
}

# How many names are offered in place of a wrong one.
_SUGGESTIONS: Final = 3

_Row = TypeVar("_Row")


# What stands for the end of a name in `names_of`.
ADDRESS_HELP: Final = f"ADDRESS is one of: {', '.join(address.value for address in Address)}."


def names_of(family: Family) -> str:
    """Say for people how the faults of a family are named.

    Args:
        family: One of `CATALOGUE`.
    """
    if family.addresses != EVERYWHERE:
        return ", ".join(family.faults)
    names = f"{family.name}_ADDRESS"
    return f"{names}, {family.name}_{AFTER_SUBMIT}" if family.after else names


def check_rates(rates: Mapping[str, object]) -> None:
    """Check that faults exist and their rates are probabilities.

    Args:
        rates: Rate by fault name.

    Raises:
        ValueError: A name is unknown, or a rate is not within 0 and 1.
    """
    for name, rate in rates.items():
        if name not in FAULTS:
            raise ValueError(f"there is no fault {name!r}{_suggestion(name)}")
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
            raise ValueError(f"the rate of {name} must be a number from 0 to 1")


def _suggestion(name: str) -> str:
    close = difflib.get_close_matches(name, FAULTS, _SUGGESTIONS)
    return f"; did you mean {' or '.join(close)}?" if close else "; --list-faults names them"


class Faults:
    """The faults in force.

    Each fault draws from a sequence of its own, so that with a seed the n-th chance of a fault
    is the same whatever other faults are in force.

    Args:
        rates: Rate by fault name.
        seed: Makes the draws repeatable.
        audit: Told of each fault that strikes.
    """

    def __init__(self, rates: Mapping[str, float], *, seed: int | None, audit: Audit) -> None:
        self._seed = random.SystemRandom().getrandbits(64) if seed is None else seed
        self._audit = audit
        self._dice: dict[str, random.Random] = {}
        self._rates: dict[str, float] = {}
        self.replace(rates)

    def replace(self, rates: Mapping[str, float]) -> None:
        """Put other faults in force.

        Args:
            rates: Rate by fault name; faults not named strike no more.

        Raises:
            ValueError: A name is unknown, or a rate is not within 0 and 1.
        """
        check_rates(rates)
        self._rates = {name: rate for name, rate in rates.items() if rate > 0}

    def strikes(self, name: str) -> bool:
        """Draw whether a fault strikes now, and count it if it does.

        Args:
            name: The fault's name.
        """
        rate = self._rates.get(name)
        if rate is None:
            return False
        dice = self._dice.get(name)
        if dice is None:
            own = f"{self._seed}:{name}"
            dice = self._dice[name] = random.Random(own)  # noqa: S311 - repeatable is the point
        if dice.random() >= rate:
            return False
        self._audit.fault(name)
        return True

    def drawn(self, rows: Mapping[str, _Row]) -> _Row | None:
        """Draw which fault of a table strikes now, and count it.

        Args:
            rows: What there is by fault name.

        Returns:
            The row of the first that strikes, in the order in which they were put in force.
        """
        for name in self._rates:
            if name in rows and self.strikes(name):
                return rows[name]
        return None

    def conversion_error(self) -> int | None:
        """Draw whether a conversion fails by order, and with which code."""
        for code in CONVERSION_ERRORS:
            if self.strikes(f"error_{code}"):
                return code
        return None
