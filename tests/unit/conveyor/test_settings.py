from __future__ import annotations

from pathlib import Path

import pytest

from conveyor import Conveyor
from conveyor.errors import SettingsError
from conveyor.settings import ExplicitSettings, ProducerSettings, load


def _plain(settings):
    return (
        settings.broker_url.get_secret_value(),
        settings.redis_url.get_secret_value(),
        settings.result_backend.get_secret_value(),
    )


LOCAL = "redis://127.0.0.1:6379/0"


@pytest.mark.parametrize(
    ("environment", "servers"),
    [
        ({}, (LOCAL, LOCAL, LOCAL)),
        ({"BROKER_URL": "redis://b:1/2"}, ("redis://b:1/2",) * 3),
        ({"REDIS_URL": "rediss://r:1"}, (LOCAL, "rediss://r:1/0", "rediss://r:1/0")),
        (
            {"BROKER_URL": "amqp://b//", "REDIS_URL": "redis://r"},
            ("amqp://b//", "redis://r:6379/0", "redis://r:6379/0"),
        ),
        ({"RESULT_BACKEND": "redis://x"}, (LOCAL, LOCAL, "redis://x:6379/0")),
        ({"BROKER_URL": "", "REDIS_URL": "", "RESULT_BACKEND": ""}, (LOCAL, LOCAL, LOCAL)),
        ({"BROKER_URL": "unix:///run/redis.sock"}, ("unix:///run/redis.sock",) * 3),
    ],
    ids=str,
)
def test_one_server_is_enough(monkeypatch, environment, servers):
    for name, value in environment.items():
        monkeypatch.setenv(f"CONVEYOR_{name}", value)
    assert _plain(load(ProducerSettings)) == servers


@pytest.mark.parametrize(
    ("given", "password"),
    [("hu/sh", "hu%2Fsh"), ("[hush]", "%5Bhush%5D"), ("hu\u2100sh", "hu%E2%84%80sh")],
    ids=ascii,
)
def test_password_that_is_not_encoded_is_read_all_the_same(given, password):
    settings = load(ExplicitSettings, broker_url=f"redis://:{given}@host")
    assert _plain(settings) == (f"redis://:{password}@host:6379/0",) * 3


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("s3://bucket/prefix/", "s3://bucket/prefix"),
        ("/srv/files", "file:///srv/files"),
        # As fsspec has it, which would take %20 for a name.
        ("/srv/my files", "file:///srv/my files"),
        ("memory://", "memory://"),
        ("~/files", (Path.home() / "files").as_uri()),
        ("files", (Path.cwd() / "files").as_uri()),
    ],
    ids=str,
)
def test_the_storage_is_a_folder_or_a_url(given, url):
    assert load(ExplicitSettings, storage_url=given).storage_url == url


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("redis_url", "http://:hush@host", "must be a redis://, rediss://, unix://"),
        ("redis_url", "hush", "CONVEYOR_REDIS_URL is wrong: must be a URL"),
        ("redis_url", "redis://:hush@host:port", "a port that is a number"),
        ("redis_url", "redis://:hush@host:0", "a port that is a number"),
        ("broker_url", "hush://host", "CONVEYOR_REDIS_URL is missing"),
        ("broker_url", "amqp://:hush@host", "CONVEYOR_REDIS_URL is missing"),
        ("broker_url", "redis://:hush@host:99999", "CONVEYOR_BROKER_URL is wrong"),
        ("result_backend", "hush", "CONVEYOR_RESULT_BACKEND is wrong"),
    ],
    ids=ascii,
)
def test_a_wrong_value_is_named_in_one_line_and_not_shown(monkeypatch, name, value, words):
    monkeypatch.setenv(f"CONVEYOR_{name.upper()}", value)
    with pytest.raises(SettingsError) as raised:
        load(ProducerSettings)

    said = str(raised.value)
    assert words in said
    assert "\n" not in said
    assert "hush" not in said
    assert "\u2100" not in said
    # Nothing of it hangs on the error for a traceback to show.
    assert raised.value.__suppress_context__


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("storage_url", "nope://x", "nope:// is not a storage that fsspec knows. Use a folder"),
        ("storage_url", "s3://", "names no bucket"),
        ("storage_url", "s3:/bucket", "with two slashes"),
        ("result_backend", "nope://:hush@x", "does not know the result backend nope://"),
        ("result_backend", "amqp://:hush@x", "does not know the result backend amqp://"),
        ("result_backend", "riak://:hush@x", "does not know the result backend riak://"),
        ("result_backend", "db+sqlite:///hush", "load the result backend db+sqlite://: run: pip"),
        ("result_backend", "mongodb://:hush@h", "the result backend mongodb://: install its pack"),
        ("redis_url", "rediss://:hush@h?ssl_ca_certs=/none.pem", "names a file by ssl_ca_certs"),
        ("broker_url", "rediss://:hush@h?ssl_keyfile=/none", "names a file by ssl_keyfile"),
        ("broker_url", "nope://:hush@x", "does not know the broker nope://"),
        ("broker_url", "mongodb://:hush@h", "load the broker mongodb://: run: pip install pymongo"),
        ("broker_url", "zookeeper://:hush@h", "load the broker zookeeper://: install its package"),
    ],
    ids=str,
)
@pytest.mark.parametrize("how", ["argument", "environment"])
def test_producer_does_not_start_with_what_could_fail_only_later(
    monkeypatch, setting, value, words, how
):
    given = {"redis_url": LOCAL, setting: value}
    for name, text in given.items():
        monkeypatch.setenv(f"CONVEYOR_{name.upper()}", text)
    with pytest.raises(SettingsError) as raised:
        Conveyor(**given) if how == "argument" else Conveyor.from_env()

    said = str(raised.value)
    assert said.startswith(f"CONVEYOR_{setting.upper()} is wrong: ")
    assert words in said
    assert "hush" not in said
    assert "\n" not in said


@pytest.mark.parametrize("url", ["rpc://", "disabled://", "cache+memory://"])
def test_result_backend_that_celery_has_is_taken(url):
    assert load(ExplicitSettings, result_backend=url).result_backend.get_secret_value() == url


@pytest.mark.parametrize("url", ["amqp://host//", "AMQP://host//", "memory://", "filesystem://"])
def test_broker_that_celery_has_is_taken(url):
    settings = load(ExplicitSettings, broker_url=url, redis_url=LOCAL)

    assert settings.broker_url.get_secret_value() == url


def test_files_of_tls_that_can_be_read_are_taken(tmp_path):
    authority = tmp_path / "ca.pem"
    authority.touch()
    settings = load(ExplicitSettings, redis_url=f"rediss://host?ssl_ca_certs={authority}")

    assert "ssl_ca_certs" in settings.redis_url.get_secret_value()


def test_a_broker_that_celery_does_not_know_is_named():
    with pytest.raises(SettingsError, match="Celery does not know the broker nosuch://"):
        load(ExplicitSettings, broker_url="nosuch://host", redis_url="redis://host")


def test_all_wrong_values_are_named_together():
    with pytest.raises(SettingsError) as raised:
        load(ExplicitSettings, redis_url="x", result_backend="y")

    assert "CONVEYOR_REDIS_URL" in str(raised.value)
    assert "CONVEYOR_RESULT_BACKEND" in str(raised.value)


@pytest.mark.parametrize("show", [repr, str, lambda it: str(it.model_dump())])
def test_passwords_are_not_shown(show):
    assert "hush" not in show(load(ExplicitSettings, broker_url="redis://:hush@host"))


def test_explicit_settings_read_no_environment(monkeypatch):
    monkeypatch.setenv("CONVEYOR_BROKER_URL", "redis://elsewhere")
    monkeypatch.setenv("CONVEYOR_STORAGE_URL", "s3://elsewhere")

    settings = load(ExplicitSettings)
    assert settings == load(ExplicitSettings, broker_url=LOCAL)
    assert settings.storage_url.startswith("file://")


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        load(ExplicitSettings).storage_url = "s3://elsewhere"
