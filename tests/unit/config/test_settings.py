from __future__ import annotations

import pytest

from config.settings import WorkerSettings, load_settings
from conveyor.errors import SettingsError
from conveyor.protocol import Dialect

LOOPBACK = ("http://127.0.0.1:8765", "http://localhost:8765", "http://[::1]:8765")


@pytest.fixture
def given(monkeypatch):
    """Load the settings of an environment, the secret among it."""

    def load(**values):
        for name, value in {"api_secret": "hush", **values}.items():
            if value is not None:
                monkeypatch.setenv(f"CONVEYOR_{name.upper()}", str(value))
        return load_settings()

    return load


def test_the_secret_is_all_that_must_be_given(given):
    settings = given()

    assert settings.api_url == "https://v2.convertapi.com"
    assert settings.poll_spacing == 5.0
    assert settings.dialects == (Dialect.PATH, Dialect.QUERY)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"api_secret": None}, "CONVEYOR_API_SECRET is missing: set it in the environment"),
        ({"api_secret": " "}, "CONVEYOR_API_SECRET is wrong: must not be empty"),
        ({"api_url": "ftp://host"}, "CONVEYOR_API_URL is wrong: must be an http(s) URL"),
        ({"api_url": "v2.convertapi.com"}, "CONVEYOR_API_URL is wrong: must be an http(s) URL"),
        ({"api_url": "http://v2.convertapi.com"}, "CONVEYOR_API_URL is wrong: must be https"),
        ({"api_url": "http://10.0.0.1"}, "CONVEYOR_API_URL is wrong: must be https"),
        ({"api_url": "http://127.0.0.1.example.com"}, "CONVEYOR_API_URL is wrong: must be https"),
        ({"api_dialect": "new"}, "CONVEYOR_API_DIALECT is wrong"),
        ({"api_auth": "cookie"}, "CONVEYOR_API_AUTH is wrong"),
        ({"connect_timeout": 0}, "CONVEYOR_CONNECT_TIMEOUT is wrong"),
        ({"read_timeout": 5}, "CONVEYOR_READ_TIMEOUT is wrong"),
        ({"answer_timeout": "long"}, "CONVEYOR_ANSWER_TIMEOUT is wrong"),
        ({"poll_spacing": 4.9}, "ConvertAPI wants 5 s between two polls"),
        ({"poll_spacing": "nan"}, "CONVEYOR_POLL_SPACING is"),
        ({"poll_spacing": 0.01, "api_url": LOOPBACK[0]}, "CONVEYOR_POLL_SPACING is wrong"),
        ({"poll_spacing": 1, "api_url": "http://sandbox:8765"}, "ConvertAPI wants 5 s"),
        ({"poll_spacing": 61}, "CONVEYOR_POLL_SPACING is wrong"),
        ({"submit_attempts": 0}, "CONVEYOR_SUBMIT_ATTEMPTS is wrong"),
        ({"poll_strikes": 0}, "CONVEYOR_POLL_STRIKES is wrong"),
        ({"storage_retries": -1}, "CONVEYOR_STORAGE_RETRIES is wrong"),
        ({"pool": "gevent"}, "CONVEYOR_POOL is wrong"),
        ({"concurrency": 0}, "CONVEYOR_CONCURRENCY is wrong"),
        ({"visibility_timeout": 299}, "CONVEYOR_VISIBILITY_TIMEOUT is wrong"),
        ({"log_level": "LOUD"}, "CONVEYOR_LOG_LEVEL is wrong"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_named_in_one_line(given, values, words):
    with pytest.raises(SettingsError) as raised:
        given(**values)

    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize("url", LOOPBACK)
def test_a_loopback_stand_in_may_be_asked_often_and_in_clear(given, url):
    settings = given(api_url=url, poll_spacing=0.2)

    assert (settings.api_is_loopback, settings.poll_spacing) == (True, 0.2)


def test_a_container_beside_this_one_may_be_spoken_to_in_clear(given):
    settings = given(api_url="http://sandbox:8765/")

    assert (settings.api_url, settings.api_is_loopback) == ("http://sandbox:8765", False)


@pytest.mark.parametrize("show", [repr, str, lambda it: str(it.model_dump())])
def test_secrets_are_not_shown(given, show):
    assert "hush" not in show(given(broker_url="redis://:hush@host"))


@pytest.mark.parametrize(
    ("text", "folders"),
    [("", ()), ("/a", ("/a",)), (" /a , s3://b/c ,, ", ("/a", "s3://b/c"))],
)
def test_source_folders_are_parted_by_commas(given, text, folders):
    assert given(source_folders=text).source_folders == folders


@pytest.mark.parametrize("dialect", ["path", "query"])
def test_a_dialect_can_be_set(given, dialect):
    assert given(api_dialect=dialect).dialects == (Dialect(dialect),)


def test_every_setting_says_what_it_means():
    assert [name for name, it in WorkerSettings.model_fields.items() if not it.description] == []


# -- webhooks ---------------------------------------------------------------------------------

HOOK = "https://shop.example.com/webhooks"
HOOK_KEY = "0123456789abcdef"


@pytest.mark.parametrize(
    ("url", "key", "words"),
    [
        ("shop.example.com", HOOK_KEY, "must be a URL"),
        (f"{HOOK}?a=b", HOOK_KEY, "without a query"),
        ("http://shop.example.com/webhooks", HOOK_KEY, "must be https"),
        (HOOK, "", "CONVEYOR_WEBHOOK_KEY must have 16"),
        (HOOK, "short", "CONVEYOR_WEBHOOK_KEY must have 16"),
    ],
)
def test_a_webhook_that_can_not_be_safe_is_refused(given, url, key, words):
    with pytest.raises(SettingsError, match=words) as refused:
        given(webhook_url=url, webhook_key=key)
    assert "short" not in str(refused.value)


@pytest.mark.parametrize(
    "url", [HOOK, f"{HOOK}/", "http://127.0.0.1:8080/webhooks", "http://web/x"]
)
def test_a_webhook_goes_over_the_network_encrypted(given, url):
    settings = given(webhook_url=url, webhook_key=HOOK_KEY)

    assert settings.webhook_url == url.rstrip("/")
