"""How a fleet is built for a case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = ["BOTH", "DIALECTS", "SECRET", "SETTINGS", "SPACING_S", "Build"]

DIALECTS: Final = ("path", "query")
"""The service's dialects, as the workers' setting calls them."""

BOTH: Final = "both"
"""Some workers speak one, some the other."""

SPACING_S: Final = 0.2
"""Seconds between two polls of a job: the service's 5 s, on loopback."""

SECRET: Final = "hush-of-the-account"
"""The account's: distinct, so that it is found wherever it must not stand."""

SETTINGS: Final = {
    "API_SECRET": SECRET,
    "LOG_FORMAT": "json",
    # The real ones wait 5, 10, 20 … s, more than three minutes in all. At our spacing the same
    # number would be over in 25 s, which is no more than a fault lasts.
    "STORAGE_RETRIES": "10",
    # Of three POSTs in a row one in a thousand is lost each time where one in ten is.
    "SUBMIT_ATTEMPTS": "10",
    # Above anything for which a request is held here, unless a case says otherwise.
    "PROOF_SECONDS": "8",
    "PROOF_CLOSED_SECONDS": "2",
}
"""What all workers are set to, whatever the case."""


@dataclass(frozen=True, kw_only=True)
class Build:
    """How a fleet is built.

    Attributes:
        duration: Seconds that a conversion takes at the service, ``A-B``.
        options: More command-line options of the sandbox.
        settings: More settings of the workers, without prefix.
        clocks: By how many seconds the workers' clocks are off, by turns.
        through_proxy: Whether workers reach Valkey through a proxy.
        own_results: Whether the result backend is a Valkey of its own.
        has_replica: Whether Valkey has a replica, and everybody reaches it through a proxy.
        faulty_broker: Whether workers install the faults of `chaos.messages`.
    """

    duration: str = "4-8"
    options: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    clocks: tuple[int, ...] = (0,)
    through_proxy: bool = False
    own_results: bool = False
    has_replica: bool = False
    faulty_broker: bool = False
