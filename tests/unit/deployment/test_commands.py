"""Every command line in the deployment files is one that Celery and Flower take."""

from __future__ import annotations

import json
import shlex
from types import SimpleNamespace
from typing import Any

import click
import flower.options
import pytest
import typer
from celery import Celery
from celery.bin.celery import celery as celery_command

from convertapi_sandbox.cli import app as sandbox_app
from local_stack import commands
from tests.unit.deployment.conftest import FILES, REQUIRED, read_compose

FLOWERS_OWN = (
    "FLOWER_AUTO_REFRESH",
    "FLOWER_MAX_TASKS",
    "FLOWER_READ_ONLY",
    "FLOWER_URL_PREFIX",
)

APPS = ("workers.app", "conveyor.worker")


def parse(command: str, name: str) -> dict[str, Any]:
    """Have Celery's own parser read a command line; it refuses an unknown option."""
    words = shlex.split(command)
    if words[:2] == ["conveyor", "worker"]:
        words[:2] = ["celery", "-A", "conveyor.worker", "worker"]
    program, option, app, *rest = words
    assert (program, option, rest[0]) == ("celery", "-A", name)
    assert app in APPS
    context = SimpleNamespace(app=Celery(set_as_current=False))
    return celery_command.commands[name].make_context(name, rest[1:], obj=context).params


@pytest.fixture
def worker_commands(
    procfile: dict[str, str], compose: dict[str, Any], dockerfile: list[tuple[str, str]]
) -> list[str]:
    image = [shlex.join(json.loads(text)) for name, text in dockerfile if name == "CMD"]
    return [procfile["worker"], compose["services"]["worker"]["command"], image[-1]]


def test_workers_consume_what_their_namespace_says(worker_commands: list[str]) -> None:
    """Queues on the command line would be those of one namespace."""
    assert not any(parse(command, "worker")["queues"] for command in worker_commands)


def test_workers_are_started_the_same_way_everywhere(worker_commands: list[str]) -> None:
    assert set(worker_commands) == {"conveyor worker"}
    assert commands.worker("a@b")[1:4] == ("-m", "conveyor", "worker")


def test_pool_and_size_come_from_the_settings_alone(worker_commands: list[str]) -> None:
    words = {word for command in worker_commands for word in shlex.split(command)}

    assert not words & {"-P", "--pool", "-c", "--concurrency"}


def test_an_unknown_option_would_be_refused() -> None:
    with pytest.raises(click.UsageError, match="--bogus"):
        parse("celery -A workers.app worker --bogus", "worker")


def test_flower_is_started_behind_its_door(
    procfile: dict[str, str], compose: dict[str, Any]
) -> None:
    assert procfile["flower"] == "conveyor flower"
    assert compose["services"]["flower"]["command"].startswith("conveyor flower ")
    assert commands.flower(5555)[1:4] == ("-m", "conveyor", "flower")


def test_flower_knows_its_options(procfile: dict[str, str], compose: dict[str, Any]) -> None:
    service = compose["services"]["flower"]
    options = [
        word.removeprefix("--").split("=")[0]
        for command in (procfile["flower"], service["command"])
        for word in shlex.split(command)
        if word.startswith("--")
    ]
    variables = [
        name.removeprefix("FLOWER_").lower()
        for name in service["environment"]
        if name.startswith("FLOWER_")
    ]

    assert {*options, *variables} == {"address", "port", "basic_auth"}
    handed_on = read_compose(FILES[0], {**REQUIRED, **dict.fromkeys(FLOWERS_OWN, "1")})
    assert set(FLOWERS_OWN) <= set(handed_on["services"]["flower"]["environment"])
    more = [name.removeprefix("FLOWER_").lower() for name in FLOWERS_OWN]
    assert {*options, *variables, *more} <= set(flower.options.options.as_dict())


def test_worker_health_asks_the_node_in_the_container(compose: dict[str, Any]) -> None:
    kind, command = compose["services"]["worker"]["healthcheck"]["test"]

    assert kind == "CMD-SHELL"
    assert parse(command, "inspect")["command"] == "ping"
    assert command.endswith("-d celery@$HOSTNAME")


def test_sandbox_image_takes_its_command(dockerfile: list[tuple[str, str]]) -> None:
    command, _ = [json.loads(text) for name, text in dockerfile if name == "CMD"]
    assert command[:3] == ["python", "-m", "convertapi_sandbox"]

    params = typer.main.get_command(sandbox_app).make_context("sandbox", command[3:]).params

    assert params["host"] == "0.0.0.0"
    assert params["port"] == 8090


def test_web_is_started_the_same_way_everywhere(
    procfile: dict[str, str], compose: dict[str, Any]
) -> None:
    assert procfile["web"] == compose["services"]["web"]["command"] == "conveyor web"
    assert commands.web()[1:] == ("-m", "conveyor", "web")
