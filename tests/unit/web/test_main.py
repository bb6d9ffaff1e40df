from __future__ import annotations

import re
import socket
from contextlib import closing

import pytest

from config.web import load_web_settings
from conveyor import Conveyor
from conveyor.settings import ProducerSettings, load
from web.__main__ import _conveyor, main
from web.auth import holder_of


def test_a_key_is_shown_once_and_its_hash_is_for_the_settings(capsys, monkeypatch):
    main(["key", "shop"])
    shown = capsys.readouterr().out
    key = re.search(r"^ +(conveyor_\S{43})$", shown, re.MULTILINE)[1]
    line = re.search(r"^ +(shop:\S+)$", shown, re.MULTILINE)[1]
    monkeypatch.setenv("CONVEYOR_WEB_API_KEYS", line)

    assert holder_of(f"Bearer {key}", load_web_settings().web_api_keys) == "shop"
    assert shown.count(key) == 1


def test_no_two_keys_are_the_same(capsys):
    main(["key", "shop"])
    first = capsys.readouterr().out
    main(["key", "shop"])

    assert capsys.readouterr().out != first


@pytest.mark.parametrize("arguments", [["serve"], ["key"], ["key", "a b"], ["key", ""], ["--loud"]])
def test_a_command_that_is_wrong_is_reported_in_one_line(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert re.fullmatch(r"error: .+\n", told)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("WEB_HOST", "0.0.0.0", "CONVEYOR_WEB_HOST is 0.0.0.0"),
        ("REDIS_URL", "ftp://host", "CONVEYOR_REDIS_URL is wrong"),
        ("STORAGE_URL", "odd://host", "CONVEYOR_STORAGE_URL is wrong: odd:// is not a storage"),
        ("RESULT_BACKEND", "odd://host", "CONVEYOR_RESULT_BACKEND is wrong"),
        ("WEB_FLOWER_URL", "odd://host", "CONVEYOR_WEB_FLOWER_URL is wrong"),
    ],
)
def test_a_wrong_setting_is_reported_in_one_line(capsys, monkeypatch, name, value, words):
    monkeypatch.setenv(f"CONVEYOR_{name}", value)

    with pytest.raises(SystemExit) as ended:
        main([])

    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert words in told
    assert re.fullmatch(r"error: .+\n", told)


def test_a_port_that_is_taken_is_reported_in_one_line(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("CONVEYOR_STORAGE_URL", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("CONVEYOR_WEB_PORT", str(port))
        with pytest.raises(SystemExit) as ended:
            main([])

    assert ended.value.code == 1
    assert f"can't listen on 127.0.0.1, port {port}" in capsys.readouterr().err


def test_the_library_has_the_namespace_of_the_settings(monkeypatch):
    monkeypatch.setenv("CONVEYOR_NAMESPACE", "staging")

    with closing(_conveyor(load_web_settings())) as conveyor:
        assert conveyor.publisher.queues.namespace == "staging"


_SET = {
    "broker_url": "redis://broker.example:6379/1",
    "redis_url": "redis://ledger.example:6379/2",
    "result_backend": "redis://results.example:6379/3",
    "namespace": "staging",
    "storage_url": "memory://files",
    "link_url": "https://files.shop.example",
    "link_key": "key-of-the-links",
    "callback_url": "https://shop.example/hooks",
    "callback_events": "changes",
}


@pytest.mark.parametrize("made", [lambda: _conveyor(load_web_settings()), Conveyor.from_env])
def test_no_setting_of_a_producer_is_dropped_on_its_way_to_the_library(monkeypatch, made):
    assert set(_SET) == set(ProducerSettings.model_fields)
    for name, value in _SET.items():
        monkeypatch.setenv(f"CONVEYOR_{name.upper()}", value)
    with closing(made()) as conveyor:
        settings = conveyor._settings

    wanted = load(ProducerSettings)
    assert {name: getattr(settings, name) for name in _SET} == {
        name: getattr(wanted, name) for name in _SET
    }
