from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
FILES = ("docker-compose.yml", "docker-compose.sandbox.yml")
# What an operator must set, and nothing has a default for.
REQUIRED = {
    "CONVEYOR_API_URL": "https://eu-v2.convertapi.com",
    "CONVEYOR_API_SECRET": "real-secret",
    "VALKEY_PASSWORD": "real-password",
    "FLOWER_PASSWORD": "another-password",
}

_VARIABLE = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)(?:(:?[-?+])([^}]*))?\})")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def procfile() -> dict[str, str]:
    lines = (ROOT / "Procfile").read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines)


@pytest.fixture(scope="session", params=FILES)
def compose(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each file as `docker compose` reads it where nothing is set but what must be."""
    return read_compose(request.param, REQUIRED)


@pytest.fixture(scope="session")
def production() -> dict[str, Any]:
    """The one against ConvertAPI."""
    return read_compose(FILES[0], REQUIRED)


@pytest.fixture(scope="session")
def sandbox() -> dict[str, Any]:
    """The one against the sandbox."""
    return read_compose(FILES[1], {})


@pytest.fixture(scope="session")
def dockerfile() -> list[tuple[str, str]]:
    """Instructions with their arguments, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]


def read_compose(name: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """A file as `docker compose` reads it in this environment.

    Raises:
        LookupError: It would not start: a variable is required, and not set.
    """
    read = _filled(yaml.safe_load((ROOT / name).read_text()), environment)
    for service in read["services"].values():
        if "environment" in service:
            service["environment"] = {
                **_of_files(service.get("env_file", ()), environment),
                **_handed_on(service["environment"], environment),
            }
    return read


def _handed_on(variables: Mapping[str, str | None], environment: Mapping[str, str]) -> Any:
    """A name without a value takes the environment's, and is not set where that has none."""
    known = {name: environment.get(name) if it is None else it for name, it in variables.items()}
    return {name: value for name, value in known.items() if value is not None}


def _of_files(files: Iterable[Mapping[str, Any]], environment: Mapping[str, str]) -> Any:
    """The same holds in a file of variables, of which the reader's own are not here."""
    texts = [(ROOT / file["path"]).read_text() for file in files if file.get("required", True)]
    lines = [line for text in texts for line in text.splitlines() if not line.startswith("#")]
    return _handed_on(dict.fromkeys(lines), environment)


def _filled(value: Any, environment: Mapping[str, str]) -> Any:
    """Values are filled in once the file is parsed; keys are not."""
    if isinstance(value, dict):
        return {key: _filled(each, environment) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, environment) for each in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: _value_of(match, environment), value)
    return value


def _value_of(match: re.Match[str], environment: Mapping[str, str]) -> str:
    """By compose's rules: a colon takes an empty value for none."""
    dollar, plain, braced, operator, argument = match.groups()
    if dollar:
        return dollar
    value = environment.get(plain or braced)
    is_set = bool(value) if (operator or "").startswith(":") else value is not None
    kind = (operator or "-")[-1]
    if kind == "+":
        return argument if is_set else ""
    if not is_set and kind == "?":
        raise LookupError(f"required variable {braced} is missing a value: {argument}")
    return (value or "") if is_set else (argument or "")
