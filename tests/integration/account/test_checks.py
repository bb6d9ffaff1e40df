"""What `conveyor doctor` learns from a worker, at a service that answers as it is told."""

from __future__ import annotations

import pytest

from config.settings import WorkerSettings
from conveyor.convertapi.client import ConvertApi
from conveyor.convertapi.credentials import FixedCredentials
from conveyor.convertapi.errors import Refused
from conveyor.convertapi.timeouts import Timeouts
from conveyor.convertapi.transport import Transport
from conveyor.settings import load
from workers.api_check import look_at_api
from workers.checks import Finding, _compare, look_at_clock, look_at_host

BOUNDS = Timeouts(connect=5.0, read=15.0, total=30.0, transfer=900.0)
TOKEN = "hush-of-the-token"
FILE_ID = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def look(service, tmp_path):
    """Look at the API, with credentials as they are set."""

    def look(**values) -> Finding:
        settings = load(
            WorkerSettings,
            **{
                "api_url": service.url,
                "api_secret": TOKEN,
                "storage_url": str(tmp_path),
                **values,
            },
        )
        return look_at_api(
            ConvertApi(Transport(service.url, FixedCredentials(TOKEN), timeouts=BOUNDS)), settings
        )

    return look


@pytest.fixture
def takes_uploads(service):
    """With credentials alone, unless told otherwise."""

    def take(*, strangers=False):
        service.answers["POST", "/upload"] = (200, {"FileId": FILE_ID})
        service.answers["DELETE", f"/d/{FILE_ID}"] = (200, {})
        if not strangers:
            service.refuses_strangers = True

    return take


def test_an_account_that_can_be_read_shows_its_balance(look, service):
    service.says(total=1000, consumed=990)

    assert look() == Finding("the account is active, 10 conversions left")


@pytest.mark.parametrize("consumed", [1000, 1300])
def test_a_counter_above_the_plan_is_reported_and_is_not_a_failure(look, service, consumed):
    service.says(total=1000, consumed=consumed)
    found = look()

    assert found.warning
    assert (
        "above the plan's 1000: ConvertAPI continues if the plan has overage. Otherwise buy "
        "conversions"
    ) in found.detail


def test_an_account_that_is_not_active_is_warned_of(look, service):
    service.says(active=False, total=5, consumed=5)

    assert look().warning
    assert "not active" in look().detail


@pytest.mark.parametrize(("status", "code"), [(401, 4011), (401, 4012), (403, 0)])
def test_a_token_converts_and_its_balance_is_unknown(look, service, takes_uploads, status, code):
    service.refuses(status, code)
    takes_uploads()
    found = look()

    assert not found.warning
    assert found.detail == (
        "converts; balance unknown (a file of 16 bytes was uploaded and deleted, and nothing was "
        "converted). /user accepts neither API tokens nor JWTs: set CONVEYOR_API_MASTER_TOKEN to "
        "see the balance"
    )
    assert not [path for _, path, _ in service.seen if "convert" in path]


def test_open_uploads_prove_no_credentials(look, service, takes_uploads):
    service.refuses()
    takes_uploads(strangers=True)
    found = look()

    assert found.warning
    assert found.detail.startswith("perhaps converts; balance unknown")


def test_a_file_that_can_not_be_deleted_is_reported(look, service, takes_uploads):
    service.refuses()
    takes_uploads()
    service.answers["DELETE", f"/d/{FILE_ID}"] = (403, {"Code": 4010, "Message": "No."})

    assert "was uploaded, and nothing was converted" in look().detail


def test_a_wrong_secret_is_refused_everywhere(look, service):
    service.refuses()
    service.refuses(path="/upload", method="POST")

    with pytest.raises(Refused, match="Invalid user credentials"):
        look()


def test_beside_a_master_token_the_credentials_that_convert_are_checked_too(look, service):
    service.says()
    service.refuses(path="/upload", method="POST")

    with pytest.raises(Refused):
        look(api_master_token="master")


def test_a_refused_master_token_is_named(look, service, takes_uploads):
    service.refuses()
    takes_uploads()
    found = look(api_master_token="master")

    assert "CONVEYOR_API_MASTER_TOKEN is refused at /user" in found.detail


@pytest.mark.parametrize(
    "url",
    ["https://v2.convertapi.com", "https://V2.ConvertAPI.com:443/", "https://v2.convertapi.com./"],
)
def test_the_routed_host_is_warned_of(url):
    found = look_at_host(url)

    assert found.warning
    assert found.detail == (
        "v2.convertapi.com is routed to the nearest data centre: a 404 there proves nothing, so "
        "Conveyor never repeats a lost submit. Set CONVEYOR_API_URL=https://eu-v2.convertapi.com "
        "or another region"
    )


@pytest.mark.parametrize("url", ["https://eu-v2.convertapi.com", "http://127.0.0.1:8765"])
def test_a_region_is_not_warned_of(url):
    assert not look_at_host(url).warning


def test_this_hosts_clock_is_compared_with_that_of_redis(redis_url, tmp_path):
    settings = load(
        WorkerSettings, api_secret=TOKEN, broker_url=redis_url, storage_url=str(tmp_path)
    )

    assert look_at_clock(settings) == Finding("within 2 s of the clock of Redis")


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (1000.0, ""),
        (998.0, ""),
        (1007.0, ""),
        (997.0, "this host's clock is 3 s ahead of that of Redis"),
        (1035.0, "this host's clock is 30 s behind that of Redis"),
    ],
)
def test_a_clock_is_wrong_by_more_than_two_seconds_and_the_round_trip(server, words):
    found = _compare(server, before=1000.0, after=1005.0)

    assert found.warning is bool(words)
    assert found.detail.startswith(words or "within 2 s")
