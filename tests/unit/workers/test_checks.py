"""What a worker finds out of its API, credentials and clock, and in which words."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import ClassVar

import pytest
import requests
from pydantic import SecretStr

from conveyor.convertapi.account import Account
from conveyor.convertapi.errors import ComeLater, Refused, Unclear
from conveyor.diagnosis.checks import Finding
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


@pytest.mark.parametrize(
    ("account", "detail"),
    [
        (
            _account(5, 1000, active=False),
            "5 of 1000 conversions are used: nothing is converted. Check its plan",
        ),
        (_account(1000, 1000), "above the plan's 1000: ConvertAPI continues if the plan has"),
        (_account(1200, 1000), "1200 conversions are used, above the plan's 1000"),
    ],
)
def test_account_that_needs_care_is_warned_of(account, detail):
    finding = api_check.look_at_api(Api(account), _settings())

    assert detail in finding.detail
    assert finding.warning


class Session:
    """A client of the service, and what it was asked."""

    asked: ClassVar[list] = []

    def __init__(self, status):
        self._status = status

    def __call__(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.asked.append("closed")

    def post(self, url, **options):
        self.asked.append((url, options, self.trust_env, self.proxies))
        if isinstance(self._status, Exception):
            raise self._status
        return SimpleNamespace(status_code=self._status)


@pytest.mark.parametrize(
    ("status", "refuses"),
    [(401, True), (403, True), (200, False), (400, False), (requests.ConnectionError(), False)],
)
def test_upload_without_credentials_is_tried_with_nothing_in_it(monkeypatch, status, refuses):
    session = Session(status)
    monkeypatch.setattr(Session, "asked", [])
    monkeypatch.setattr(requests, "Session", session)
    settings = SimpleNamespace(
        api_url=BASE,
        api_proxy="http://proxy:1",
        connect_timeout_seconds=3,
        read_timeout_seconds=17,
    )

    assert api_check._refuses_strangers(settings) is refuses
    asked, closed = session.asked
    url, options, trusts, proxies = asked
    assert url == f"{BASE}/upload"
    assert options == {"timeout": (3, 17), "allow_redirects": False, "stream": True}
    assert (trusts, closed) == (False, "closed")
    assert proxies == {"http": "http://proxy:1", "https": "http://proxy:1"}


@pytest.fixture
def redis_at(monkeypatch):
    """A Redis whose clock shows this, while this host's shows 100 s before and 100.5 s after."""

    def make(seconds, microseconds):
        did = []
        client = SimpleNamespace(
            ping=lambda: did.append("ping"),
            time=lambda: did.append("time") or (seconds, microseconds),
            close=lambda: did.append("close"),
        )

        def connect(url, *, max_connections):
            did.append((url, max_connections))
            return client

        times = iter([100.0, 100.5])
        monkeypatch.setattr(checks, "connect", connect)
        monkeypatch.setattr(checks, "translated", lambda client: nullcontext())
        monkeypatch.setattr(
            checks, "time", SimpleNamespace(time=lambda: did.append("clock") or next(times))
        )
        return did

    return make


@pytest.mark.parametrize(
    ("seconds", "microseconds", "words"),
    [
        (100, 200_000, "within 2 s of the clock of Redis"),
        (102, 500_000, "within 2 s of the clock of Redis"),
        (102, 600_000, "is 2 s behind that of Redis"),
        (98, 0, "within 2 s of the clock of Redis"),
        (97, 0, "is 3 s ahead of that of Redis"),
    ],
)
def test_clock_is_read_between_two_looks_at_this_hosts(redis_at, seconds, microseconds, words):
    did = redis_at(seconds, microseconds)
    settings = SimpleNamespace(redis_url=SecretStr("redis://h/0"))
    finding = checks.look_at_clock(settings)

    assert words in finding.detail
    # The connection is there before the clock is read: it would cost the exchange its precision.
    assert did == [("redis://h/0", 1), "ping", "clock", "time", "clock", "close"]


@pytest.fixture
def storage(rig):
    rig.storage.answers["open_source"] = lambda uri: nullcontext(
        SimpleNamespace(read=lambda: rig.did.append(("read", uri)))
    )
    return rig.storage


def test_storage_is_checked_and_the_doctors_file_read(rig, storage):
    assert checks._look_at_storage(storage, None).detail == "a file was written, read and removed"
    assert rig.did == [("storage.check", {})]

    found = checks._look_at_storage(storage, "file:///probe")
    assert found.detail == "a file was written and removed, and your file was read"
    assert rig.did[1:] == [
        ("storage.check", {}),
        ("storage.open_source", {"uri": "file:///probe"}),
        ("read", "file:///probe"),
    ]
    assert not found.warning


@pytest.fixture
def checkup(rig, storage, monkeypatch):
    monkeypatch.setattr(checks, "look_at_api", lambda *args: Finding(f"api {args}"))
    monkeypatch.setattr(checks, "look_at_clock", lambda *args: Finding(f"clock {args}"))
    monkeypatch.setattr(checks, "look_at_host", lambda *args: Finding(f"host {args}", True))
    return checks.Checkup(rig.services)


def test_checkup_looks_at_all_parts_of_its_worker(rig, checkup):
    settings = rig.services.settings
    found = checkup.examine("file:///probe", 30.0)

    assert [(it.name, it.ok, it.warning) for it in found] == [
        ("storage", True, False),
        ("api", True, False),
        ("host", True, True),
        ("clock", True, False),
    ]
    assert found[0].detail.endswith("your file was read")
    assert found[1].detail == f"api {(rig.api, settings)}"
    assert found[2].detail == f"host {(settings.api_url,)}"
    assert found[3].detail == f"clock {(settings,)}"


def test_faults_of_storage_and_api_are_told_with_their_cure(rig, checkup, storage, monkeypatch):
    storage.answers["open_source"] = InvalidRequest("outside")

    def refuse(*_):
        raise Refused(401, 4010, "No.")

    monkeypatch.setattr(checks, "look_at_api", refuse)
    found = checks.Checkup(rig.services).examine("file:///probe", 30.0)

    assert "give both the same CONVEYOR_STORAGE_URL" in found[0].detail
    assert found[1].detail.endswith("check CONVEYOR_API_SECRET")
    assert [it.ok for it in found] == [False, False, True, True]


def test_process_has_one_checkup(rig_of):
    one, other = rig_of().services, rig_of().services

    assert checks.checkup_of(one) is checks.checkup_of(one)
    assert checks.checkup_of(one) is not checks.checkup_of(other)
