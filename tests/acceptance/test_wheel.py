"""The wheel alone, in a clean environment whose `config` and `tasks` are the application's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile

import pytest

from local_stack.environment import ROOT, child_environment

pytestmark = pytest.mark.timeout(900)  # it installs from the registry

APPLICATION = """
import json, sys
import config, tasks
from conveyor import Conveyor

assert config.OWNER == tasks.OWNER == "the web application"
done = Conveyor.from_env().convert(sys.argv[1], to="html").wait(timeout=90)
clashing = {"workers", "conveyor.cli", "typer", "rich", "starlette", "structlog"} & set(sys.modules)
print(json.dumps({"state": done.state, "name": done.files[0].name, "clashing": sorted(clashing)}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*command, "-c", ROOT / "constraints.txt", wheel], check=True)
    return python


def test_wheel_holds_the_library_alone(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    assert {name.split("/")[0].split("-")[0] for name in names} == {"conveyor"}
    assert "conveyor/py.typed" in names
    assert "conveyor/ledger/scripts/transition.lua" in names


def test_converts_beside_an_application_with_config_and_tasks(python, stack, document, tmp_path):
    web = tmp_path / "web"
    for package in ("config", "tasks"):
        (web / package).mkdir(parents=True)
        (web / package / "__init__.py").write_text('OWNER = "the web application"\n')
    (web / "convert.py").write_text(APPLICATION)

    result = subprocess.run(
        [python, "-W", "error", "convert.py", str(document)],
        cwd=web,
        env=_settings(stack),
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"state": "succeeded", "name": "a.html", "clashing": []}


def test_command_line_without_its_extra_says_what_to_install(python, tmp_path):

    result = subprocess.run(
        [python, "-m", "conveyor", "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 2
    assert "conveyor[cli]" in result.stderr
    assert "Traceback" not in result.stderr


def _settings(stack):
    """A producer's settings: no API secret among them."""
    names = ("BROKER_URL", "REDIS_URL", "RESULT_BACKEND", "STORAGE_URL")
    every = stack.settings()
    environment = child_environment({name: every[name] for name in names}, os.environ)
    environment.pop("PYTHONPATH", None)
    return environment
