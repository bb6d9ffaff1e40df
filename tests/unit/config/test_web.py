from __future__ import annotations

import pytest

from config.web import ApiKey, WebSettings, load_web_settings
from conveyor.errors import SettingsError

HASH = "0a" * 32


@pytest.fixture
def given(monkeypatch):
    def load(**values):
        for name, value in values.items():
            monkeypatch.setenv(f"CONVEYOR_{name.upper()}", str(value))
        return load_web_settings()

    return load


def test_nothing_must_be_given(given):
    settings = given()

    assert (settings.web_host, settings.web_port) == ("127.0.0.1", 8080)
    assert settings.web_api_keys == ()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"web_port": 65536}, "CONVEYOR_WEB_PORT is wrong"),
        ({"web_api_keys": "shop"}, "CONVEYOR_WEB_API_KEYS is wrong: must be name:hash"),
        ({"web_api_keys": "shop:secret-of-mine"}, "CONVEYOR_WEB_API_KEYS is wrong"),
        ({"web_api_keys": f"a b:{HASH}"}, "CONVEYOR_WEB_API_KEYS is wrong"),
        ({"web_api_keys": f"a:{HASH},a:{HASH}"}, "two keys have the same name"),
        ({"web_max_upload_bytes": 1}, "CONVEYOR_WEB_MAX_UPLOAD_BYTES is wrong"),
        ({"web_requests_per_minute": -1}, "CONVEYOR_WEB_REQUESTS_PER_MINUTE is wrong"),
        ({"web_flower_url": "javascript:alert(1)"}, "CONVEYOR_WEB_FLOWER_URL is wrong"),
        ({"webhook_key": "secret-of-mine"}, "CONVEYOR_WEBHOOK_KEY is wrong"),
        ({"log_level": "LOUD"}, "CONVEYOR_LOG_LEVEL is wrong"),
        ({"web_host": "0.0.0.0"}, "make one with `conveyor web key NAME`"),
        ({"web_host": "example.com"}, "CONVEYOR_WEB_HOST is example.com"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_named_in_one_line(given, values, words):
    with pytest.raises(SettingsError) as raised:
        given(**values)

    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "secret-of-mine" not in str(raised.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "::1"])
def test_loopback_needs_no_key(given, host):
    assert given(web_host=host).web_host == host


def test_the_network_is_served_with_keys(given):
    settings = given(web_host="0.0.0.0", web_api_keys=f" shop:{HASH} , till:{HASH},")

    assert settings.web_api_keys == (ApiKey("shop", HASH), ApiKey("till", HASH))


def test_keys_are_not_shown(given):
    settings = given(web_api_keys=f"shop:{HASH}", webhook_key="secret-of-mine-and-more")

    for shown in (repr(settings), str(settings)):
        assert HASH not in shown
        assert "secret" not in shown


def test_every_setting_says_what_it_means():
    assert [name for name, it in WebSettings.model_fields.items() if not it.description] == []
