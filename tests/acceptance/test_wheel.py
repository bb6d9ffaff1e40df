"""The wheels in clean environments, also where `config` and `tasks` are the application's own."""

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


SANDBOXED = """
import sys, urllib.request
from convertapi_sandbox import SandboxConfig, SandboxServer

with SandboxServer(SandboxConfig()) as sandbox:
    url = f"{sandbox.url}/convert/md/to/pdf?Secret={sandbox.secret}"
    request = urllib.request.Request(url, data=b"# Title")
    request.add_header("Content-Disposition", "attachment; filename=a.md")
    request.add_header("Accept", "application/octet-stream")
    with urllib.request.urlopen(request) as answer:
        assert answer.read().startswith(b"%PDF-")
assert "conveyor" not in sys.modules
"""

# What a wheel holds beside its modules.
DATA = {
    "conveyor": (
        "py.typed",
        "planning/unit_costs.json",
        "ledger/scripts/*.lua",
        "catalogues/*.json",
    ),
    "convertapi_sandbox": ("py.typed",),
}
METADATA = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Both distributions' wheels, by their package."""
    folder = tmp_path_factory.mktemp("wheels")
    projects = {"conveyor": ROOT, "convertapi_sandbox": ROOT / "convertapi_sandbox"}
    for package, project in projects.items():
        command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder / package)]
        subprocess.run([*command, str(project)], check=True, capture_output=True)
    return {package: next((folder / package).glob("*.whl")) for package in projects}


@pytest.fixture(scope="module")
def environment_of(wheels, tmp_path_factory):
    """Makes a clean environment that holds the wheels of some packages; returns its Python."""

    def make(*packages):
        folder = tmp_path_factory.mktemp("environment")
        venv.create(folder, with_pip=True)
        python = folder / "bin" / "python"
        command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        chosen = [wheels[package] for package in packages]
        subprocess.run([*command, "-c", ROOT / "constraints.txt", *chosen], check=True)
        return python

    return make


@pytest.fixture(scope="module")
def python(environment_of):
    return environment_of("conveyor")


@pytest.mark.parametrize("package", DATA)
def test_a_wheel_holds_its_package_and_no_stray_file(wheels, package):
    with zipfile.ZipFile(wheels[package]) as archive:
        names = set(archive.namelist())

    described = {name for name in names if name.split("/")[0].endswith(".dist-info")}
    patterns = ("**/*.py", *DATA[package])
    files = {path for pattern in patterns for path in (ROOT / package).glob(pattern)}
    assert names - described == {path.relative_to(ROOT).as_posix() for path in files}
    assert {name.split("/", 1)[1] for name in described} == METADATA
    assert not [name for name in names if "test" in name]


def test_the_sandbox_converts_where_nothing_of_conveyor_is_installed(environment_of, tmp_path):
    result = subprocess.run(
        [environment_of("convertapi_sandbox"), "-W", "error", "-c", SANDBOXED],
        cwd=tmp_path,
        env=_outside_of_the_checkout({}),
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr


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
    assert "'.[cli]'" in result.stderr
    assert "Traceback" not in result.stderr


def _settings(stack):
    """A producer's settings: no API secret among them."""
    names = ("BROKER_URL", "REDIS_URL", "RESULT_BACKEND", "STORAGE_URL")
    every = stack.settings()
    return _outside_of_the_checkout({name: every[name] for name in names})


def _outside_of_the_checkout(settings):
    environment = child_environment(settings, os.environ)
    environment.pop("PYTHONPATH", None)
    return environment
