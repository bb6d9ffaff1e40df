"""What a worker finds out of its API, credentials and clock, and in which words."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from conveyor.convertapi.account import Account
from conveyor.convertapi.errors import ComeLater, Refused, Unclear
from conveyor.errors import InvalidRequest
from workers import api_check, checks

BASE = "https://eu-v2.convertapi.com"


class Api:
    """A service that answers as it is told."""

    base_url = BASE

    def __init__(self, account, deleted=True):
        self._account = account
        self._deleted = deleted
        self.uploaded = []
        self.removed = []

    def user(self):
        if isinstance(self._account, Exception):
            raise self._account
        return self._account

    def upload(self, name, open_stream):
        with open_stream() as stream:
            self.uploaded.append((name, stream.read()))
        return "f1"

    def delete_file(self, url):
        self.removed.append(url)
        if isinstance(self._deleted, Exception):
            raise self._deleted
        return self._deleted


def _settings(master=""):
    return SimpleNamespace(
        api_master_token=SecretStr(master),
        api_url=BASE,
        api_proxy=None,
        connect_timeout=1,
        read_timeout=1,
    )


def _account(consumed, total, *, active=True):
    return Account(active=active, conversions_total=total, conversions_consumed=consumed)


@pytest.mark.parametrize(
    ("account", "words", "warning"),
    [
        (_account(10, 1000), "the account is active, 990 conversions left", False),
        (_account(999, 1000), "the account is active, 1 conversions left", False),
        (_account(1000, 1000), "1000 conversions are used, above the plan's 1000", True),
        (_account(5, 1000, active=False), "is not active, 5 of 1000 conversions are used", True),
    ],
)
def test_account_that_can_be_read_is_shown_with_its_balance(account, words, warning):
    api = Api(account)
    finding = api_check.look_at_api(api, _settings())

    assert words in finding.detail
    assert finding.warning is warning
    assert api.uploaded == []


def test_account_that_another_credential_reads_is_tried_with_the_one_that_converts():
    api = Api(_account(1, 2))
    api_check.look_at_api(api, _settings(master="m"))

    assert api.uploaded == [("conveyor-doctor.txt", b"conveyor doctor\n")]
    assert api.removed == [f"{BASE}/d/f1"]


@pytest.mark.parametrize("status", [401, 402, 403])
@pytest.mark.parametrize("strict", [True, False])
def test_token_that_may_not_read_the_account_is_tried_by_an_upload(monkeypatch, status, strict):
    monkeypatch.setattr(api_check, "_refuses_strangers", lambda settings: strict)
    api = Api(Refused(status, 4010, "No."))
    finding = api_check.look_at_api(api, _settings())

    assert api.uploaded
    assert finding.warning is not strict
    assert finding.detail.startswith("converts;" if strict else "perhaps converts;")
    assert "a file of 16 bytes was uploaded and deleted, and nothing was converted" in (
        finding.detail
    )
    assert finding.detail.endswith("set CONVEYOR_API_MASTER_TOKEN to see the balance")


@pytest.mark.parametrize("deleted", [False, Unclear("away")])
def test_file_that_stays_at_the_service_is_not_said_to_be_deleted(monkeypatch, deleted):
    monkeypatch.setattr(api_check, "_refuses_strangers", lambda settings: True)
    finding = api_check.look_at_api(Api(Refused(401, 4010, "No."), deleted), _settings(master="m"))

    assert "was uploaded, and nothing was converted" in finding.detail
    assert finding.detail.endswith("CONVEYOR_API_MASTER_TOKEN is refused at /user: check it")


def test_refusal_that_is_not_of_the_credentials_is_an_error():
    with pytest.raises(Refused):
        api_check.look_at_api(Api(Refused(400, 4000, "No.")), _settings())


@pytest.mark.parametrize(
    ("url", "warning"),
    [
        ("https://v2.convertapi.com", True),
        ("https://V2.convertapi.com.", True),
        ("https://eu-v2.convertapi.com", False),
        ("http://127.0.0.1:8090", False),
    ],
)
def test_host_that_is_routed_to_the_nearest_data_centre_is_warned_of(url, warning):
    finding = checks.look_at_host(url)

    assert finding.warning is warning
    assert ("CONVEYOR_API_URL=https://eu-v2.convertapi.com" in finding.detail) is warning


@pytest.mark.parametrize(
    ("server", "before", "after", "words"),
    [
        (100.0, 99.0, 101.0, "within 2 s"),
        (100.0, 102.0, 102.1, "within 2 s"),
        (100.0, 97.9, 98.0, "within 2 s"),
        (100.0, 103.0, 104.0, "3 s ahead of that of Redis"),
        (100.0, 96.0, 97.0, "3 s behind that of Redis"),
    ],
)
def test_clock_is_compared_with_what_may_have_passed_meanwhile(server, before, after, words):
    finding = checks._compare(server, before, after)

    assert words in finding.detail
    assert finding.warning is not words.startswith("within")


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (Refused(401, 4010, "No."), "check CONVEYOR_API_SECRET"),
        (InvalidRequest("outside"), "the same CONVEYOR_STORAGE_URL"),
        (ComeLater(503, 1.0), "try again later"),
        (Unclear("cut"), "check CONVEYOR_API_URL and the network"),
        (KeyError("x"), None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_error_is_reported_with_its_cure(error, cure):
    told = checks._explain(error)

    assert told is None if cure is None else cure in told
