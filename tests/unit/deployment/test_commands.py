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
from workers.local import commands


def parse(command: str, name: str) -> dict[str, Any]:
    """Have Celery's own parser read a command line; it refuses an unknown option."""
    words = shlex.split(command)
    assert words[:4] == ["celery", "-A", "workers.app", name]
    context = SimpleNamespace(app=Celery(set_as_current=False))
    return celery_command.commands[name].make_context(name, words[4:], obj=context).params


@pytest.fixture
def worker_commands(
    procfile: dict[str, str], compose: dict[str, Any], dockerfile: list[tuple[str, str]]
) -> list[str]:
    image = [shlex.join(json.loads(text)) for name, text in dockerfile if name == "CMD"]
    return [procfile["worker"], compose["services"]["worker"]["command"], image[-1]]


def test_workers_consume_what_their_namespace_says(worker_commands: list[str]) -> None:
    """Queues on the command line would be those of one namespace."""
    assert not any(parse(command, "worker")["queues"] for command in worker_commands)


def test_workers_send_the_events_that_flower_shows(worker_commands: list[str]) -> None:
    assert all(parse(command, "worker")["task_events"] for command in worker_commands)


def test_pool_and_size_come_from_the_settings_alone(worker_commands: list[str]) -> None:
    words = {word for command in worker_commands for word in shlex.split(command)}

    assert not words & {"-P", "--pool", "-c", "--concurrency"}


def test_an_unknown_option_would_be_refused() -> None:
    with pytest.raises(click.UsageError, match="--bogus"):
        parse("celery -A workers.app worker --bogus", "worker")


def test_flower_is_started_behind_its_door(
    procfile: dict[str, str], compose: dict[str, Any]
) -> None:
    for command in (procfile["flower"], compose["services"]["flower"]["command"]):
        assert command.startswith("python -m workers.flower ")
    assert commands.flower(5555)[1:3] == ("-m", "workers.flower")


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
    assert {*options, *variables} <= set(flower.options.options.as_dict())


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
    assert procfile["web"] == compose["services"]["web"]["command"] == "python -m web"
    assert commands.web()[1:] == ("-m", "web")
