from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from config.settings import WorkerSettings, load_settings_without_service
from config.web import WebSettings
from conveyor import SettingsError
from conveyor.settings import ENV_PREFIX, load
from tests.unit.deployment.conftest import FILES, REQUIRED, read_compose

SERVICES = ("valkey", "worker", "web", "flower")
SETTINGS = {"worker": WorkerSettings, "flower": WorkerSettings, "web": WebSettings}
# What these files settle themselves: where their own servers are, and where `web` listens.
SETTLED = {"BROKER_URL", "REDIS_URL", "RESULT_BACKEND", "WEB_HOST", "WEB_PORT"}
# What opens something, leads to a server, or is a storage: the sandbox has its own.
NOT_FOR_THE_SANDBOX = {
    *("API_URL", "API_SECRET", "API_SECRET_FILE", "API_JWT_KID", "API_MASTER_TOKEN", "API_PROXY"),
    *("JOB_KEY", "WEBHOOK_URL", "WEBHOOK_KEY", "WEB_FLOWER_URL", "STORAGE_URL", "SOURCE_FOLDERS"),
    *("LINK_URL", "LINK_KEY"),
}
SERVICES_WITH_SETTINGS = ("worker", "web")
# What a neighbour may see, and what opens something.
SECRET = re.compile(r"SECRET|PASSWORD|TOKEN|_KEY")


@pytest.fixture
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return compose["services"]


def test_the_sandbox_is_in_a_file_of_its_own(
    production: dict[str, Any], sandbox: dict[str, Any]
) -> None:
    assert set(production["services"]) == set(SERVICES)
    assert set(sandbox["services"]) == {*SERVICES, "sandbox"}
    assert "sandbox" not in str(production)
    assert production["name"] != sandbox["name"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_setting_exists(name: str, services: dict[str, Any]) -> None:
    named = {
        variable.removeprefix(ENV_PREFIX).lower()
        for variable in services[name].get("environment", {})
        if variable.startswith(ENV_PREFIX)
    }

    assert not named or named <= set(SETTINGS[name].model_fields)


def _handed_on(file: str, service: str) -> set[str]:
    """The settings of a service that arrive as they were set, without the prefix."""
    names = [f"{ENV_PREFIX}{name.upper()}" for name in SETTINGS[service].model_fields]
    given = {**REQUIRED, **{name: f"the operator's {name}" for name in names}}
    arrived = read_compose(file, given)["services"][service]["environment"]
    return {name.removeprefix(ENV_PREFIX) for name in names if arrived.get(name) == given[name]}


@pytest.mark.parametrize("service", SERVICES_WITH_SETTINGS)
def test_every_setting_is_handed_on(service: str) -> None:
    every = {name.upper() for name in SETTINGS[service].model_fields}

    assert _handed_on(FILES[0], service) == every - SETTLED
    assert _handed_on(FILES[1], service) == every - SETTLED - NOT_FOR_THE_SANDBOX


@pytest.mark.parametrize("service", SERVICES_WITH_SETTINGS)
def test_what_is_not_set_is_not_handed_on_as_an_empty_text(
    service: str, services: dict[str, Any]
) -> None:
    assert [name for name, value in services[service]["environment"].items() if value == ""] == []


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("service", SERVICES_WITH_SETTINGS)
def test_an_empty_text_leaves_a_setting_at_its_default(
    file: str, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`CONVEYOR_POOL=` in .env means "not set"."""
    settings = SETTINGS[service]
    empty = {f"{ENV_PREFIX}{name.upper()}": "" for name in settings.model_fields}
    told = read_compose(file, {**empty, **REQUIRED})["services"][service]["environment"]
    for variable, value in told.items():
        monkeypatch.setenv(variable, str(value))
    loaded = load(settings)

    kept = [name for name in settings.model_fields if not told.get(f"{ENV_PREFIX}{name.upper()}")]
    assert kept
    assert {name: getattr(loaded, name) for name in kept} == {
        name: settings.model_fields[name].default for name in kept
    }


@pytest.mark.parametrize("service", SERVICES_WITH_SETTINGS)
def test_a_buckets_credentials_are_handed_on(service: str) -> None:
    page = (Path(__file__).parents[3] / "docs" / "production.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(?:s3|gs|abfs)://.*$", page, re.MULTILINE)
    names = {name for row in rows for name in re.findall(r"`((?:AWS|GOOGLE|AZURE)_\w+)`", row)}
    given = {name: f"the operator's {name}" for name in names}

    arrived = read_compose(FILES[0], {**REQUIRED, **given})["services"][service]["environment"]
    assert len(names) >= 8
    assert {name: arrived.get(name) for name in names} == given


def test_no_credentials_of_a_bucket_go_to_the_sandbox_or_to_flower(
    sandbox: dict[str, Any], production: dict[str, Any]
) -> None:
    assert not [name for name, it in sandbox["services"].items() if "env_file" in it]
    assert "env_file" not in production["services"]["flower"]


@pytest.mark.parametrize("name", SETTINGS)
def test_its_defaults_are_settings_that_start(
    name: str, services: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in services[name]["environment"].items():
        monkeypatch.setenv(variable, str(value))

    assert load_settings_without_service() if name == "flower" else load(SETTINGS[name])


@pytest.mark.parametrize("name", ["web", "flower"])
def test_only_workers_hold_a_secret_of_the_account(name: str, services: dict[str, Any]) -> None:
    assert not [name for name in services[name]["environment"] if name.startswith("CONVEYOR_API_")]


def test_web_and_workers_share_storage_and_webhook_key() -> None:
    read = read_compose(FILES[0], {**REQUIRED, "CONVEYOR_WEBHOOK_KEY": "a key of 16 characters"})
    web, worker = read["services"]["web"], read["services"]["worker"]
    shared = ("CONVEYOR_STORAGE_URL", "CONVEYOR_WEBHOOK_KEY", "CONVEYOR_BROKER_URL")

    assert web["volumes"] == worker["volumes"]
    assert [web["environment"][name] for name in shared] == [
        worker["environment"][name] for name in shared
    ]


@pytest.mark.parametrize("name", REQUIRED)
def test_it_does_not_start_without_what_is_the_operators_own(name: str) -> None:
    given = {other: value for other, value in REQUIRED.items() if other != name}

    with pytest.raises(LookupError, match=name):
        read_compose(FILES[0], given)


@pytest.mark.parametrize("name", REQUIRED)
def test_only_a_secret_in_a_file_may_be_left_empty(name: str) -> None:
    given = {**REQUIRED, name: ""}
    if name == "CONVEYOR_API_SECRET":
        assert read_compose(FILES[0], given)["services"]["worker"]["environment"][name] == ""
    else:
        with pytest.raises(LookupError, match=name):
            read_compose(FILES[0], given)


def test_a_secret_in_a_file_is_used_where_the_other_is_left_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("real-secret")
    given = {**REQUIRED, "CONVEYOR_API_SECRET": "", "CONVEYOR_API_SECRET_FILE": str(secret)}
    told = read_compose(FILES[0], given)["services"]["worker"]["environment"]
    for variable, value in told.items():
        monkeypatch.setenv(variable, str(value))

    assert load(WorkerSettings).api_secret_file == str(secret)


def test_no_default_password_stands_next_to_a_real_secret() -> None:
    """Whatever is left out, what opens something is the operator's own, or empty."""
    one = read_compose(FILES[0], REQUIRED)["services"]
    other = read_compose(FILES[0], {name: f"other-{value}" for name, value in REQUIRED.items()})
    same = {
        (name, variable): value
        for name, service in one.items()
        for variable, value in service["environment"].items()
        if SECRET.search(variable) and other["services"][name]["environment"][variable] == value
    }

    # It opens nothing: nobody knows what it is the hash of.
    assert {key: value for key, value in same.items() if value} == {
        ("web", "CONVEYOR_WEB_API_KEYS"): "locked:" + "0" * 64,
    }


def test_no_secret_of_the_environment_goes_to_the_sandbox(sandbox: dict[str, Any]) -> None:
    names = set(re.findall(r"\$\{?(\w+)", (Path(__file__).parents[3] / FILES[1]).read_text()))
    given = {name: "real" for name in names if name.startswith(("CONVEYOR_API", "VALKEY_PASS"))}

    assert read_compose(FILES[1], {**REQUIRED, **given}) == sandbox
    assert sandbox["services"]["worker"]["environment"]["CONVEYOR_API_URL"] == "http://sandbox:8090"
    assert sandbox["services"]["sandbox"]["environment"] == {"CONVERTAPI_SANDBOX_HOSTS": "sandbox"}


def test_a_real_secret_that_is_sent_to_the_sandbox_is_refused(
    production: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {**production["services"]["worker"]["environment"]}
    for variable, value in {**given, "CONVEYOR_API_URL": "http://sandbox:8090"}.items():
        monkeypatch.setenv(variable, str(value))

    with pytest.raises(SettingsError, match="is not a sandbox's"):
        load(WorkerSettings)


def test_both_files_run_the_same(production: dict[str, Any], sandbox: dict[str, Any]) -> None:
    for name, service in production["services"].items():
        own = ("environment", "env_file")
        told = {key: value for key, value in service.items() if key not in own}

        assert {key: sandbox["services"][name][key] for key in told} == told
        assert set(sandbox["services"][name]["environment"]) <= set(service["environment"])


def test_workers_can_be_scaled(services: dict[str, Any]) -> None:
    assert not {"container_name", "ports", "hostname"} & set(services["worker"])


def test_every_service_is_watched_and_restarted(services: dict[str, Any]) -> None:
    for service in services.values():
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"]


def test_ports_are_published_on_loopback_alone(services: dict[str, Any]) -> None:
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@pytest.mark.parametrize("name", SERVICES)
def test_passwords_stand_on_no_command_line(name: str, services: dict[str, Any]) -> None:
    service = services[name]
    environment = service.get("environment", {})
    shown = f"{service.get('command')} {service['healthcheck']}"
    passwords = [value for variable, value in environment.items() if "PASSWORD" in variable]

    assert not [password for password in passwords if f" {password}" in shown]
    assert "--requirepass" not in shown


def test_memory_and_logs_are_bounded(services: dict[str, Any]) -> None:
    for service in services.values():
        assert service["mem_limit"]
        assert set(service["logging"]["options"]) == {"max-size", "max-file"}


def test_valkeys_memory_is_bounded_well_below_its_containers(services: dict[str, Any]) -> None:
    """It needs more while it rewrites its file, and must refuse before it is killed."""
    valkey = services["valkey"]

    assert '--maxmemory "$VALKEY_MAXMEMORY"' in valkey["command"][-1]
    assert 2 * _bytes(valkey["environment"]["VALKEY_MAXMEMORY"]) <= _bytes(valkey["mem_limit"])


@pytest.mark.parametrize(
    ("variable", "service"),
    [
        ("VALKEY_MEMORY", "valkey"),
        ("WORKER_MEMORY", "worker"),
        ("WEB_MEMORY", "web"),
        ("FLOWER_MEMORY", "flower"),
    ],
)
def test_a_bound_of_memory_can_be_set(variable: str, service: str) -> None:
    read = read_compose(FILES[0], {**REQUIRED, variable: "7g"})

    assert read["services"][service]["mem_limit"] == "7g"


def _bytes(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)([mg])b?", text).groups()
    return int(number) * {"m": 1024**2, "g": 1024**3}[unit]


def test_valkey_keeps_everything(compose: dict[str, Any], services: dict[str, Any]) -> None:
    script = services["valkey"]["command"][-1]

    assert "--appendonly yes" in script
    assert "--maxmemory-policy noeviction" in script
    assert "valkey:/data" in services["valkey"]["volumes"]
    assert "valkey" in compose["volumes"]


def test_files_outlive_the_containers(compose: dict[str, Any], services: dict[str, Any]) -> None:
    worker = services["worker"]
    (volume,) = worker["volumes"]
    name, folder = volume.split(":")

    assert name in compose["volumes"]
    assert worker["environment"]["CONVEYOR_STORAGE_URL"] == f"file://{folder}"


def test_flower_asks_which_workers_run(services: dict[str, Any]) -> None:
    user, _, password = services["flower"]["environment"]["FLOWER_BASIC_AUTH"].partition(":")

    assert user
    assert password


def test_images_are_stages_of_the_dockerfile(
    sandbox: dict[str, Any], dockerfile: list[tuple[str, str]]
) -> None:
    stages = {text.split(" AS ")[-1] for name, text in dockerfile if name == "FROM"}

    built = {
        service["build"]["target"] for service in sandbox["services"].values() if "build" in service
    }

    assert built == {"worker", "sandbox"}
    assert built <= stages
