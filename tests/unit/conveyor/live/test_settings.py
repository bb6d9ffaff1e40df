from __future__ import annotations

import pytest

from conveyor.errors import SettingsError
from conveyor.live.settings import LiveSettings
from conveyor.settings import load


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("api_url", "nope://hush", "CONVEYOR_API_URL is wrong: must be an http"),
        ("api_url", "hush", "CONVEYOR_API_URL is wrong: must be an http"),
        ("api_proxy", "nope://hush", "CONVEYOR_API_PROXY is wrong: must be an http"),
        ("api_proxy", "http://:hush@", "CONVEYOR_API_PROXY is wrong: must be an http"),
        ("api_proxy", "hush:3128", "CONVEYOR_API_PROXY is wrong: must be an http"),
    ],
)
def test_address_that_can_not_work_is_refused_and_not_shown(name, value, words):
    with pytest.raises(SettingsError, match=words) as raised:
        load(LiveSettings, api_secret="secret", **{name: value})

    assert "hush" not in str(raised.value)


def test_addresses_that_can_work_are_taken():
    settings = load(
        LiveSettings, api_secret="secret", api_url="https://h/", api_proxy="http://:p@proxy:3128"
    )

    assert (settings.api_url, settings.api_proxy) == ("https://h", "http://:p@proxy:3128")
