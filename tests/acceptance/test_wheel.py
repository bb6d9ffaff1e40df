"""The wheels in clean environments, also where `config` and `tasks` are the application's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from contextlib import closing

import pytest

from local_stack.environment import ROOT, child_environment
from local_stack.process import Child
from local_stack.stack import LocalStack, consumes
from tests.acceptance.installed import environment_with

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

# What a distribution holds beside its modules.
DATA = {
    "conveyor": (
        "py.typed",
        "planning/unit_costs.json",
        "ledger/scripts/*.lua",
        "catalogues/*.json",
    ),
    "convertapi_sandbox": ("py.typed",),
    "web": ("static/*",),
}
# The folders beside `conveyor` that its wheel has below it.
RUNTIME = ("config", "tasks", "web", "workers", "local_stack")
METADATA = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}
NODE = "worker@wheel"


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """Both distributions as they are published: the wheel is built from what the source holds."""
    folder = tmp_path_factory.mktemp("distributions")
    projects = {"conveyor": ROOT, "convertapi_sandbox": ROOT / "convertapi_sandbox"}
    for package, project in projects.items():
        command = [sys.executable, "-m", "build", "--outdir", str(folder / package)]
        subprocess.run([*command, str(project)], check=True, capture_output=True)
    return {package: folder / package for package in projects}


@pytest.fixture(scope="module")
def wheels(distributions):
    return {package: next(folder.glob("*.whl")) for package, folder in distributions.items()}


@pytest.fixture(scope="module")
def of_a_producer(wheels, tmp_path_factory):
    """The Python of an environment that holds the library alone."""
    return environment_with(tmp_path_factory.mktemp("producer"), wheels["conveyor"]) / "python"


@pytest.fixture(scope="module")
def of_a_worker(wheels, tmp_path_factory):
    """The programs of an environment that holds what the workers and the web process need."""
    folder = tmp_path_factory.mktemp("worker")
    return environment_with(folder, wheels["conveyor"], ("worker", "web"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """An application's folder, with modules whose names are ours, too."""
    folder = tmp_path_factory.mktemp("shop")
    for package in ("config", "tasks"):
        (folder / package).mkdir()
        (folder / package / "__init__.py").write_text('OWNER = "the web application"\n')
    for module in ("local_stack", "web", "workers"):
        (folder / f"{module}.py").write_text('raise RuntimeError("the application\'s own")\n')
    return folder


@pytest.fixture(scope="module")
def stack(of_a_worker, shop):
    """Its worker comes from the wheel, and was started in the application's folder."""
    with LocalStack(workers=0, pool="prefork", concurrency=2) as running:
        worker = Child(
            "worker",
            [str(of_a_worker / "conveyor"), "worker", "-n", NODE],
            log=running.directory / "worker.log",
            env={**_outside_of_the_checkout(running.settings()), "PYTHONPATH": str(shop)},
            cwd=shop,
        )
        worker.start()
        try:
            with closing(running.conveyor()) as conveyor:
                worker.wait_ready(consumes(conveyor, NODE))
            running.of_the_wheel = worker
            yield running
        finally:
            worker.stop()


@pytest.mark.parametrize("package", ["conveyor", "convertapi_sandbox"])
def test_a_wheel_holds_its_packages_and_no_stray_file(wheels, package):
    with zipfile.ZipFile(wheels[package]) as archive:
        names = set(archive.namelist())

    described = {name for name in names if name.split("/")[0].endswith(".dist-info")}
    below = RUNTIME if package == "conveyor" else ()
    runtime = {f"conveyor/_runtime/{name}" for each in below for name in _files_of(each)}
    assert names - described == _files_of(package) | runtime
    assert {name.split("/", 1)[1] for name in described} == METADATA
    assert not [name for name in names if "test" in name]


def test_the_source_distribution_holds_what_the_wheel_is_built_from(distributions):
    (path,) = distributions["conveyor"].glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}

    described = {"PKG-INFO", ".gitignore", "pyproject.toml"}
    described |= {"README.md", "LICENSE", "CHANGELOG.md"}
    packages = {name for each in ("conveyor", *RUNTIME) for name in _files_of(each)}
    assert names - described == packages


def test_the_sandbox_converts_where_nothing_of_conveyor_is_installed(wheels, tmp_path):
    programs = environment_with(tmp_path / "environment", wheels["convertapi_sandbox"])
    result = subprocess.run(
        [programs / "python", "-W", "error", "-c", SANDBOXED],
        cwd=tmp_path,
        env=_outside_of_the_checkout({}),
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr


def test_application_and_worker_keep_their_own_config_and_tasks(
    of_a_producer, stack, shop, document
):
    (shop / "convert.py").write_text(APPLICATION)

    result = subprocess.run(
        [of_a_producer, "-W", "error", "convert.py", str(document)],
        cwd=shop,
        env=_settings(stack),
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"state": "succeeded", "name": "a.html", "clashing": []}


def test_the_wheels_web_process_serves_its_page(of_a_worker, stack, shop):
    settings = {**_settings(stack), "CONVEYOR_WEB_PORT": "0", "PYTHONPATH": str(shop)}
    web = Child(
        "web",
        [str(of_a_worker / "conveyor"), "web"],
        log=stack.directory / "web.log",
        env=settings,
        cwd=shop,
    )
    web.start()
    try:
        web.wait_ready(lambda: "web ready on" in web.printed())
        (line,) = (line for line in web.printed().splitlines() if line.startswith("web ready on"))
        with urllib.request.urlopen(line.split()[-1], timeout=60) as answer:
            assert b"<html" in answer.read()
    finally:
        web.stop()
    assert web.exit_status == 0


def test_a_worker_of_the_wheel_answers_celerys_own_commands(of_a_worker, stack, shop):
    command = [of_a_worker / "python", "-m", "celery", "-A", "conveyor.worker"]
    asked = subprocess.run(
        [*command, "inspect", "ping", "-d", NODE],
        cwd=shop,
        env=_outside_of_the_checkout(stack.settings()),
        capture_output=True,
        text=True,
        check=False,
    )

    assert asked.returncode == 0, asked.stderr
    assert "pong" in asked.stdout


def test_sigterm_ends_a_worker_of_the_wheel_warm(stack):
    """It runs in the process that was started, and not in one below it."""
    worker = stack.of_the_wheel
    worker.stop()

    assert worker.exit_status == 0
    assert "Warm shutdown" in worker.printed()


@pytest.mark.parametrize(
    ("arguments", "extras"),
    [
        (("--version",), "'.[cli]'"),
        (("worker",), "'.[worker]'"),
        (("web",), "'.[worker,web]'"),
        (("up",), "./convertapi_sandbox '.[worker,web,sandbox,local]'"),
    ],
    ids=lambda it: it[0] if isinstance(it, tuple) else None,
)
def test_a_command_without_its_extra_says_what_to_install(
    of_a_producer, tmp_path, arguments, extras
):
    result = subprocess.run(
        [of_a_producer.parent / "conveyor", *arguments],
        cwd=tmp_path,
        env=_outside_of_the_checkout({}),
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert result.stderr.endswith(f"pip install -c constraints.txt {extras}\n")
    assert len(result.stderr.splitlines()) == 1


def _files_of(package):
    """What of a package is distributed."""
    patterns = ("**/*.py", *DATA.get(package, ()))
    files = {path for pattern in patterns for path in (ROOT / package).glob(pattern)}
    return {path.relative_to(ROOT).as_posix() for path in files}


def _settings(stack):
    """A producer's settings: no API secret among them."""
    names = ("BROKER_URL", "REDIS_URL", "RESULT_BACKEND", "STORAGE_URL")
    every = stack.settings()
    return _outside_of_the_checkout({name: every[name] for name in names})


def _outside_of_the_checkout(settings):
    environment = child_environment(settings, os.environ)
    environment.pop("PYTHONPATH", None)
    return environment
