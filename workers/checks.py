"""What a worker can find out about its API, credentials and clock, without paying for anything."""

from __future__ import annotations

import io
import time
from contextlib import closing, nullcontext, suppress
from functools import cache, partial
from typing import Final
from urllib.parse import urlsplit

import requests

from config.settings import WorkerSettings
from conveyor.convertapi.account import Account
from conveyor.convertapi.client import ConvertApi
from conveyor.convertapi.errors import ApiError, ComeLater, Refused
from conveyor.diagnosis.checks import Check, Finding, Part, check_all
from conveyor.domain import rules
from conveyor.errors import InvalidRequest
from conveyor.ledger import connect, translated
from conveyor.storage import Storage
from workers.wiring import Services

__all__ = ["Checkup", "checkup_of", "look_at_api", "look_at_clock", "look_at_host"]

_MOST_CLOCK_OFF_S: Final = 2.0
_SAMPLE: Final = b"conveyor doctor\n"


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


def look_at_api(api: ConvertApi, settings: WorkerSettings) -> Finding:
    """Whether the credentials convert, and how much is left.

    The account's secret and the master token read the account. An API token and a JWT don't. Then
    a small file is uploaded with them and deleted again, which costs nothing.

    Args:
        api: The service.
        settings: Say which credentials there are.

    Raises:
        ApiError: The credentials are refused, or the service does not answer.
    """
    try:
        account = api.user()
    except Refused as error:
        if error.status not in rules.ACCOUNT_STATUSES:
            raise
        return _without_balance(api, settings)
    if settings.api_master_token.get_secret_value():
        _upload(api)  # the account was read with another credential than the one that converts
    return _of_balance(account)


def _of_balance(account: Account) -> Finding:
    used, total = account.conversions_consumed, account.conversions_total
    if not account.active:
        return Finding(
            f"the account is not active, {used} of {total} conversions are used: nothing is "
            "converted. Check its plan",
            warning=True,
        )
    if used < total:
        return Finding(f"the account is active, {total - used} conversions left")
    return Finding(
        f"the account is active, {used} conversions are used, above the plan's {total}: "
        "ConvertAPI continues if the plan has overage. Otherwise buy conversions",
        warning=True,
    )


def _without_balance(api: ConvertApi, settings: WorkerSettings) -> Finding:
    deleted = _upload(api)
    checked = (
        f"a file of {len(_SAMPLE)} bytes was uploaded{' and deleted' if deleted else ''}, and "
        "nothing was converted"
    )
    cure = (
        "CONVEYOR_API_MASTER_TOKEN is refused at /user: check it"
        if settings.api_master_token.get_secret_value()
        else "/user accepts neither API tokens nor JWTs: set CONVEYOR_API_MASTER_TOKEN to see the "
        "balance"
    )
    if _refuses_strangers(settings):
        return Finding(f"converts; balance unknown ({checked}). {cure}")
    return Finding(
        f"perhaps converts; balance unknown ({checked}, but uploads also work without "
        f"credentials: the first conversion will show). {cure}",
        warning=True,
    )


def _upload(api: ConvertApi) -> bool:
    """Upload a file that is no document, and delete it; whether it was deleted."""
    file_id = api.upload("conveyor-doctor.txt", lambda: nullcontext(io.BytesIO(_SAMPLE)))
    with suppress(ApiError):
        return api.delete_file(f"{api.base_url}/d/{file_id}")
    return False  # the service forgets it within three hours


def _refuses_strangers(settings: WorkerSettings) -> bool:
    """Whether an upload without credentials is refused: only then one with them shows anything.

    It has neither a name nor a content, so that nothing is stored where it is not refused.
    """
    with requests.Session() as session, suppress(requests.RequestException):
        session.trust_env = False
        session.proxies = dict.fromkeys(("http", "https"), settings.api_proxy)
        answer = session.post(
            f"{settings.api_url}/upload",
            timeout=(settings.connect_timeout_seconds, settings.read_timeout_seconds),
            allow_redirects=False,
            stream=True,
        )
        return answer.status_code in rules.ACCOUNT_STATUSES
    return False


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
