"""Whether the credentials convert, and how much is left, without paying for anything."""

from __future__ import annotations

import io
from contextlib import nullcontext, suppress
from typing import Final

import requests

from config.settings import WorkerSettings
from conveyor.convertapi.account import Account
from conveyor.convertapi.client import ConvertApi
from conveyor.convertapi.errors import ApiError, Refused
from conveyor.diagnosis.checks import Finding
from conveyor.domain import rules

__all__ = ["look_at_api"]

_SAMPLE: Final = b"conveyor doctor\n"


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
