from __future__ import annotations

from typing import Any

import pytest

from config.settings import WorkerSettings
from config.web import WebSettings
from conveyor.settings import ENV_PREFIX, load

SERVICES = ("valkey", "worker", "web", "flower", "sandbox")
SETTINGS = {"worker": WorkerSettings, "flower": WorkerSettings, "web": WebSettings}


@pytest.fixture
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return compose["services"]


def test_it_has_these_services(services: dict[str, Any]) -> None:
    assert sorted(services) == sorted(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_every_setting_exists(name: str, services: dict[str, Any]) -> None:
    named = {
        variable.removeprefix(ENV_PREFIX).lower()
        for variable in services[name].get("environment", {})
        if variable.startswith(ENV_PREFIX)
    }

    assert not named or named <= set(SETTINGS[name].model_fields)


@pytest.mark.parametrize("name", SETTINGS)
def test_its_defaults_are_settings_that_start(
    name: str, services: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in services[name]["environment"].items():
        monkeypatch.setenv(variable, str(value))

    load(SETTINGS[name])


def test_web_holds_no_secret_of_the_account(services: dict[str, Any]) -> None:
    assert not [name for name in services["web"]["environment"] if "_API_SECRET" in name]


def test_web_and_workers_share_storage_and_webhook_key(services: dict[str, Any]) -> None:
    web, worker = services["web"], services["worker"]
    shared = ("CONVEYOR_STORAGE_URL", "CONVEYOR_WEBHOOK_KEY", "CONVEYOR_BROKER_URL")

    assert web["volumes"] == worker["volumes"]
    assert [web["environment"][name] for name in shared] == [
        worker["environment"][name] for name in shared
    ]


def test_the_sandbox_is_the_only_profile_and_the_default_service(
    services: dict[str, Any],
) -> None:
    profiles = {name: service.get("profiles") for name, service in services.items()}
    worker = services["worker"]["environment"]

    assert profiles == {**dict.fromkeys(SERVICES), "sandbox": ["sandbox"]}
    assert worker["CONVEYOR_API_URL"] == "http://sandbox:8090"


def test_workers_can_be_scaled(services: dict[str, Any]) -> None:
    assert not {"container_name", "ports", "hostname"} & set(services["worker"])


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_watched_and_restarted(name: str, services: dict[str, Any]) -> None:
    assert services[name]["restart"] == "unless-stopped"
    assert services[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_loopback_alone(name: str, services: dict[str, Any]) -> None:
    assert all(port.startswith("127.0.0.1:") for port in services[name].get("ports", []))


@pytest.mark.parametrize("name", SERVICES)
def test_passwords_stand_on_no_command_line(name: str, services: dict[str, Any]) -> None:
    service = services[name]
    environment = service.get("environment", {})
    shown = f"{service.get('command')} {service['healthcheck']}"
    passwords = [value for variable, value in environment.items() if "PASSWORD" in variable]

    assert not [password for password in passwords if f" {password}" in shown]
    assert "--requirepass" not in shown


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


def test_flower_asks_who_is_there(services: dict[str, Any]) -> None:
    user, _, password = services["flower"]["environment"]["FLOWER_BASIC_AUTH"].partition(":")

    assert user
    assert password


def test_images_are_stages_of_the_dockerfile(
    services: dict[str, Any], dockerfile: list[tuple[str, str]]
) -> None:
    stages = {text.split(" AS ")[-1] for name, text in dockerfile if name == "FROM"}

    built = {service["build"]["target"] for service in services.values() if "build" in service}

    assert built == {"worker", "sandbox"}
    assert built <= stages
