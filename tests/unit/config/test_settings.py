from __future__ import annotations

import os
import sys

import pytest

from config.settings import WorkerSettings, load_settings, load_settings_without_service
from config.web import WebSettings
from conveyor.domain.dialect import Dialect
from conveyor.errors import SettingsError
from conveyor.secret import read_secret
from conveyor.settings import ProducerSettings

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
    assert settings.poll_spacing_seconds == 5.0
    assert settings.dialects == (Dialect.PATH, Dialect.QUERY)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"api_secret": None}, "CONVEYOR_API_SECRET is missing: set it in the environment"),
        ({"api_secret": " "}, "CONVEYOR_API_SECRET is wrong: must not be empty"),
        ({"api_secret": "hush hush"}, "CONVEYOR_API_SECRET is wrong: must be one word"),
        ({"api_secret": "hush\nhush"}, "CONVEYOR_API_SECRET is wrong: must be one word"),
        ({"api_secret": "hush\u00fc"}, "CONVEYOR_API_SECRET is wrong: must be one word"),
        ({"api_master_token": "hush hush"}, "CONVEYOR_API_MASTER_TOKEN is wrong: must be one word"),
        ({"api_jwt_kid": "two words"}, "CONVEYOR_API_JWT_KID is wrong"),
        ({"api_jwt_kid": "k1", "api_auth": "query"}, "CONVEYOR_API_AUTH must be header"),
        ({"api_jwt_seconds": 59}, "CONVEYOR_API_JWT_SECONDS is wrong"),
        ({"account": "a b"}, "CONVEYOR_ACCOUNT is wrong"),
        *(
            ({"namespace": name}, "CONVEYOR_NAMESPACE is wrong")
            for name in ("Shop", "a b", "a{b}", "a*", ".a", "a:b", "a" * 41, "a\n", "é", "a/b")
        ),
        ({"account": "a" * 65}, "CONVEYOR_ACCOUNT is wrong"),
        ({"job_key": "hush"}, "CONVEYOR_JOB_KEY is wrong: must have 16 characters or more"),
        ({"proof_seconds": 59}, "CONVEYOR_PROOF_SECONDS is 59"),
        ({"proof_seconds": "nan"}, "CONVEYOR_PROOF_SECONDS is"),
        ({"proof_seconds": 3601}, "CONVEYOR_PROOF_SECONDS is wrong"),
        (
            {"proof_seconds": 1, "api_url": "http://sandbox:8765", "api_secret": "sandbox"},
            "CONVEYOR_PROOF_SECONDS is 1",
        ),
        ({"proof_seconds": 0.01, "api_url": LOOPBACK[0]}, "CONVEYOR_PROOF_SECONDS is wrong"),
        ({"proof_closed_seconds": 4}, "CONVEYOR_PROOF_CLOSED_SECONDS is 4"),
        ({"hold_seconds": 59}, "CONVEYOR_HOLD_SECONDS is wrong"),
        ({"submit_seconds": 9}, "CONVEYOR_SUBMIT_SECONDS is wrong"),
        ({"submit_seconds": "inf"}, "CONVEYOR_SUBMIT_SECONDS is wrong"),
        ({"semi_async_seconds": 1201}, "CONVEYOR_SEMI_ASYNC_SECONDS is wrong"),
        ({"api_url": "https://host:99999"}, "CONVEYOR_API_URL is wrong"),
        ({"api_url": "ftp://host"}, "CONVEYOR_API_URL is wrong: must be an http(s) URL"),
        ({"api_url": "v2.convertapi.com"}, "CONVEYOR_API_URL is wrong: must be an http(s) URL"),
        ({"api_url": "http://v2.convertapi.com"}, "CONVEYOR_API_URL is wrong: must be https"),
        ({"api_url": "http://10.0.0.1"}, "CONVEYOR_API_URL is wrong: must be https"),
        ({"api_url": "http://127.0.0.1.example.com"}, "CONVEYOR_API_URL is wrong: must be https"),
        ({"api_dialect": "new"}, "CONVEYOR_API_DIALECT is wrong"),
        ({"api_auth": "cookie"}, "CONVEYOR_API_AUTH is wrong"),
        ({"connect_timeout_seconds": 0}, "CONVEYOR_CONNECT_TIMEOUT_SECONDS is wrong"),
        ({"read_timeout_seconds": 5}, "CONVEYOR_READ_TIMEOUT_SECONDS is wrong"),
        ({"answer_timeout_seconds": "long"}, "CONVEYOR_ANSWER_TIMEOUT_SECONDS is wrong"),
        ({"poll_spacing_seconds": 4.9}, "ConvertAPI wants 5 s between two polls"),
        ({"poll_spacing_seconds": "nan"}, "CONVEYOR_POLL_SPACING_SECONDS is"),
        (
            {"poll_spacing_seconds": 0.01, "api_url": LOOPBACK[0]},
            "CONVEYOR_POLL_SPACING_SECONDS is wrong",
        ),
        (
            {"poll_spacing_seconds": 1, "api_url": "http://sandbox:8765", "api_secret": "sandbox"},
            "ConvertAPI wants 5 s",
        ),
        ({"api_url": "http://sandbox:8765"}, "CONVEYOR_API_SECRET is not a sandbox's"),
        (
            {
                "api_url": "http://sandbox:8765",
                "api_secret": "sandbox",
                "api_master_token": "real-one",
            },
            "CONVEYOR_API_MASTER_TOKEN is not a sandbox's",
        ),
        ({"poll_spacing_seconds": 61}, "CONVEYOR_POLL_SPACING_SECONDS is wrong"),
        ({"submit_attempts": 0}, "CONVEYOR_SUBMIT_ATTEMPTS is wrong"),
        ({"poll_failures": 0}, "CONVEYOR_POLL_FAILURES is wrong"),
        ({"storage_retries": -1}, "CONVEYOR_STORAGE_RETRIES is wrong"),
        ({"pool": "gevent"}, "CONVEYOR_POOL is wrong"),
        ({"concurrency": 0}, "CONVEYOR_CONCURRENCY is wrong"),
        ({"visibility_timeout_seconds": 299}, "CONVEYOR_VISIBILITY_TIMEOUT_SECONDS is wrong"),
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


@pytest.fixture
def secret_file(tmp_path):
    def write(content):
        path = tmp_path / "secret"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("content", [b"hush", b"hush\n", b" hush \r\n", b"\xef\xbb\xbfhush\n"])
def test_the_secret_may_come_from_a_file(given, secret_file, content):
    path = secret_file(content)

    assert given(api_secret=None, api_secret_file=path).api_secret_file == str(path)
    assert read_secret(str(path)) == "hush"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "CONVEYOR_API_SECRET_FILE is wrong: the file is empty"),
        (b" \n", "CONVEYOR_API_SECRET_FILE is wrong: the file must hold one word of plain ASCII"),
        (b"hush hush", "the file must hold one word of plain ASCII"),
        (b"hush\nhush", "the file must hold one word of plain ASCII"),
        (b"\xffhush", "the file must hold one word of plain ASCII"),
        (b"hush" * 20_000, "the file is too large for a secret"),
    ],
)
def test_a_file_without_a_secret_is_named_in_one_line(given, secret_file, content, words):
    with pytest.raises(SettingsError) as raised:
        given(api_secret=None, api_secret_file=secret_file(content))

    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "hush" not in str(raised.value)


def test_a_missing_secret_file_is_named_in_one_line(given, tmp_path):
    with pytest.raises(SettingsError) as raised:
        given(api_secret=None, api_secret_file=tmp_path / "none")

    expected = (
        "CONVEYOR_API_SECRET_FILE is wrong: the file can't be read. Check its path and "
        "permissions (No such file or directory)"
    )
    assert str(raised.value) == expected


def test_a_secret_file_that_is_a_pipe_or_a_folder_is_refused_immediately(given, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(
            SettingsError, match="CONVEYOR_API_SECRET_FILE is wrong: it is not a file"
        ):
            given(api_secret=None, api_secret_file=path)


def test_a_secret_and_a_file_with_one_are_one_too_many(given, secret_file):
    with pytest.raises(SettingsError, match="are both set: unset one of them"):
        given(api_secret_file=secret_file(b"hush"))


def test_a_newline_after_the_secret_is_not_part_of_it(given):
    assert given(api_secret="hush\n").api_secret.get_secret_value() == "hush"


def test_jwts_without_their_package_are_refused_with_the_cure(given, monkeypatch):
    monkeypatch.setitem(sys.modules, "jwt", None)

    with pytest.raises(SettingsError) as raised:
        given(api_jwt_kid="k1")

    assert str(raised.value) == (
        "CONVEYOR_API_JWT_KID is wrong: JWTs need the package pyjwt. "
        "Install it from a checkout: pip install -c constraints.txt '.[jwt]'"
    )


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({}, "v2.convertapi.com"),
        ({"api_url": "https://EU-v2.convertapi.com:443/"}, "eu-v2.convertapi.com"),
        ({"api_url": "http://127.0.0.1:8765"}, "127.0.0.1:8765"),
        ({"api_url": "http://localhost:80"}, "localhost"),
        ({"account": "shop.production"}, "shop.production"),
        ({"api_url": f"https://{'a' * 60}.example.com"}, f"{'a' * 52}.example.com"),
    ],
)
def test_an_account_has_a_name_that_outlives_its_secret(given, values, name):
    assert given(**values).account_name == name
    assert given(api_secret="another-hush", **values).account_name == name


def test_a_loopback_service_may_prove_a_loss_soon(given):
    settings = given(api_url=LOOPBACK[0], proof_seconds=0.2, proof_closed_seconds=0.05)

    assert (settings.proof_seconds, settings.proof_closed_seconds) == (0.2, 0.05)


@pytest.mark.parametrize("url", LOOPBACK)
def test_a_loopback_stand_in_may_be_asked_often_and_in_clear(given, url):
    settings = given(api_url=url, poll_spacing_seconds=0.2)

    assert (settings.api_is_loopback, settings.poll_spacing_seconds) == (True, 0.2)


def test_a_container_beside_this_one_may_be_spoken_to_in_clear(given):
    settings = given(api_url="http://sandbox:8765/", api_secret="sandbox")

    assert (settings.api_url, settings.api_is_loopback) == ("http://sandbox:8765", False)


@pytest.mark.parametrize("show", [repr, str, lambda it: str(it.model_dump())])
def test_secrets_are_not_shown(given, show):
    secrets = dict.fromkeys(("api_master_token", "job_key"), "hush" * 4)
    assert "hush" not in show(given(broker_url="redis://:hush@host", **secrets))


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


def test_a_secret_of_a_file_does_not_go_to_a_stand_in(given, tmp_path):
    file = tmp_path / "secret"
    file.write_text("hush-hush")
    with pytest.raises(SettingsError, match="CONVEYOR_API_SECRET is not a sandbox's") as raised:
        given(api_url="http://sandbox:8765", api_secret=None, api_secret_file=str(file))

    assert "hush" not in str(raised.value)
    file.write_text("sandbox-of-ours")
    given(api_url="http://sandbox:8765", api_secret=None, api_secret_file=str(file))


@pytest.mark.parametrize(
    "values",
    [
        {"api_url": "http://user:hush@sandbox:8765"},
        {"api_url": "https://user:hush/more@gateway"},
        {"api_url": "https://user:hush℀@gateway"},
        {"webhook_url": "https://user:hush℀@gateway", "webhook_key": HOOK_KEY},
    ],
    ids=str,
)
def test_password_in_a_wrong_url_is_not_shown(given, values):
    with pytest.raises(SettingsError) as raised:
        given(**values)

    assert "hush" not in str(raised.value)


@pytest.mark.parametrize("url", [*LOOPBACK, "https://gateway", "https://v2.convertapi.com"])
def test_a_real_secret_goes_to_the_service_and_to_this_machine(given, url):
    assert given(api_url=url, api_secret="hush-hush").api_url == url


def test_who_asks_the_service_nothing_needs_no_secret_and_holds_none(monkeypatch, tmp_path):
    given = {
        "api_url": "https://eu-v2.convertapi.com",
        "api_secret": "hush",
        "api_secret_file": str(tmp_path / "nowhere"),
        "api_master_token": "hush",
        "job_key": "hush-of-16-characters",
        "webhook_url": "https://shop.example/webhooks",
        "poll_spacing_seconds": "0.2",
        "namespace": "staging",
    }
    assert load_settings_without_service().namespace == "conveyor"

    for name, value in given.items():
        monkeypatch.setenv(f"CONVEYOR_{name.upper()}", value)

    settings = load_settings_without_service()
    secrets = (settings.api_secret, settings.api_master_token, settings.job_key)
    assert [each.get_secret_value() for each in secrets] == ["unused", "", ""]
    assert settings.namespace == "staging"


def test_who_asks_the_service_nothing_is_told_what_else_is_wrong(monkeypatch):
    monkeypatch.setenv("CONVEYOR_NAMESPACE", "no blanks")

    with pytest.raises(SettingsError, match="CONVEYOR_NAMESPACE is wrong"):
        load_settings_without_service()


WHSEC = "whsec_Y29udmV5b3ItbG9jYWwtc3RhY2stc2VjcmV0"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"callback_secrets": "hush"}, "CALLBACK_SECRETS is wrong"),
        ({"callback_secrets": f"{WHSEC},{WHSEC},{WHSEC}"}, "two while one replaces"),
        ({"callback_networks": "10.0.0.1/8"}, "must be networks"),
        ({"callback_proxy": "https://hush@proxy:3128"}, "must begin with http://"),
        ({"callback_url": "ftp://hush@shop.example/"}, "CALLBACK_URL is wrong"),
        ({"callback_url": "https://shop.example/"}, "nothing signs"),
        (
            {"callback_url": "http://shop.example/", "callback_secrets": WHSEC},
            "CALLBACK_ALLOW_HTTP",
        ),
    ],
)
def test_wrong_settings_of_callbacks_stop_the_start(given, values, words):
    with pytest.raises(SettingsError, match=words) as refused:
        given(**values)

    assert "hush" not in str(refused.value)


def test_settings_of_callbacks_that_fit_are_taken(given):
    settings = given(
        callback_url="https://shop.example/hooks",
        callback_events="changes",
        callback_secrets=f"{WHSEC}, {WHSEC}",
        callback_networks="10.1.0.0/16, fd00::/8",
        callback_proxy="http://proxy:3128",
    )

    assert settings.callback.notify == ("changes shop.example:443 https://shop.example/hooks")


@pytest.mark.parametrize("settings", [WorkerSettings, WebSettings, ProducerSettings])
def test_check_of_a_setting_hides_none_that_was_inherited(settings):
    places = {}
    for kind in settings.__mro__:
        if kind.__module__.startswith(("config.", "conveyor.")):
            for name in kind.__pydantic_decorators__.field_validators.keys() & vars(kind).keys():
                places.setdefault(name, []).append(kind.__name__)

    assert places
    assert {name: kinds for name, kinds in places.items() if len(kinds) > 1} == {}
