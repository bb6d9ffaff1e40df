"""What a worker can find out about its storage, API, host and clock, part by part."""

from __future__ import annotations

import time
from contextlib import closing
from functools import cache, partial
from typing import Final
from urllib.parse import urlsplit

from config.settings import WorkerSettings
from conveyor.convertapi.errors import ApiError, ComeLater, Refused
from conveyor.diagnosis.checks import Check, Finding, Part, check_all
from conveyor.domain import rules
from conveyor.errors import InvalidRequest
from conveyor.ledger import connect, translated
from conveyor.storage import Storage
from workers.api_check import look_at_api
from workers.services import Services

__all__ = ["Checkup", "checkup_of", "look_at_clock", "look_at_host"]

_MOST_CLOCK_OFF_S: Final = 2.0


class Checkup:
    """A worker's own parts, side by side: one that hangs is named, and the others are reported.

    Args:
        services: The worker's.
    """

    def __init__(self, services: Services) -> None:
        self._probe: str | None = None
        settings = services.settings
        self._parts = (
            Part("storage", lambda: _look_at_storage(services.storage, self._probe), _explain),
            Part("api", partial(look_at_api, services.api, settings), _explain),
            Part("host", partial(look_at_host, settings.api_url)),
            Part("clock", partial(look_at_clock, settings)),
        )

    def examine(self, probe: str | None, timeout_s: float) -> list[Check]:
        """Check all parts.

        Args:
            probe: The URI of a file that somebody else has just written to the storage.
            timeout_s: How long all together may take, seconds.
        """
        self._probe = probe
        return check_all(self._parts, timeout_s)


@cache
def checkup_of(services: Services) -> Checkup:
    """The one of a process: what hangs there is not asked a second time.

    Args:
        services: The process's.
    """
    return Checkup(services)


def look_at_host(api_url: str) -> Finding:
    """Whether a 404 proves anything at the host.

    Args:
        api_url: As it is set.
    """
    host = (urlsplit(api_url).hostname or "").rstrip(".")
    if host != rules.HOST:
        return Finding(f"jobs and files stay at {host}")
    return Finding(
        f"{host} is routed to the nearest data centre: a 404 there proves nothing, so Conveyor "
        f"never repeats a lost submit. Set CONVEYOR_API_URL={rules.REGIONAL_URL} or another region",
        warning=True,
    )


def look_at_clock(settings: WorkerSettings) -> Finding:
    """How far this host's clock is from that of Redis.

    Args:
        settings: Say where Redis is.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    url = settings.redis_url.get_secret_value()
    with closing(connect(url, max_connections=1)) as client, translated(client):
        client.ping()  # connects: the exchange below is as quick as the network
        before = time.time()
        seconds, microseconds = client.time()
        after = time.time()
    return _compare(seconds + microseconds / 1e6, before, after)


def _compare(server: float, before: float, after: float) -> Finding:
    """The server's clock was read somewhere between the two."""
    ahead_s = max(before - server, 0.0) - max(server - after, 0.0)
    if abs(ahead_s) <= _MOST_CLOCK_OFF_S:
        return Finding(f"within {_MOST_CLOCK_OFF_S:g} s of the clock of Redis")
    where = "ahead of" if ahead_s > 0 else "behind"
    return Finding(
        f"this host's clock is {abs(ahead_s):.0f} s {where} that of Redis: conversions are safe, "
        "but logs and self-signed JWTs carry wrong times. Set the clocks by NTP",
        warning=True,
    )


def _look_at_storage(storage: Storage, probe: str | None) -> Finding:
    storage.check()
    if probe is None:
        return Finding("a file was written, read and removed")
    with storage.open_source(probe) as stream:
        stream.read()
    return Finding("a file was written and removed, and your file was read")


def _explain(error: Exception) -> str | None:
    if isinstance(error, Refused):
        return f"{error}: check CONVEYOR_API_SECRET"
    if isinstance(error, InvalidRequest):
        return (
            "the worker can't read what this process stores: give both the same "
            "CONVEYOR_STORAGE_URL, one that both can reach"
        )
    if isinstance(error, ComeLater):
        return f"{error}: try again later"
    if isinstance(error, ApiError):
        return f"{error}: check CONVEYOR_API_URL and the network"
    return None
