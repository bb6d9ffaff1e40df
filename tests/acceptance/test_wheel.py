"""The wheels in clean environments, also where `config` and `tasks` are the application's own."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from contextlib import closing
from types import SimpleNamespace

import pytest

from conveyor import Conveyor
from local_stack.environment import ROOT, child_environment
from local_stack.process import Child
from local_stack.stack import consumes
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

CONVERT = """
import sys
from conveyor import Conveyor

print(Conveyor.from_env().convert(sys.argv[1], to="html").wait(timeout=90).state)
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
# What stands at the top of a wheel.
PACKAGES = {
    "conveyor": ("conveyor", "pytest_conveyor"),
    "convertapi_sandbox": ("convertapi_sandbox",),
}
# The folders beside `conveyor` that its wheel has below it.
RUNTIME = ("config", "tasks", "web", "workers", "local_stack")
METADATA = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}
NODE = "worker@wheel"
NAMESPACE = {"CONVEYOR_NAMESPACE": "wheel"}


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
def installed(wheels, tmp_path_factory):
    """The programs of an environment that holds all that the package can start."""
    extras = ("worker", "web", "sandbox", "local")
    return environment_with(tmp_path_factory.mktemp("installed"), *wheels.values(), extras=extras)


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
def up(installed, shop, tmp_path_factory):
    """`conveyor up`, started in the application's folder."""
    home = tmp_path_factory.mktemp("home")
    env = {**_outside_of_the_checkout({}), "HOME": str(home), "PYTHONPATH": str(shop)}
    command = [str(installed / "conveyor"), "up"]
    running = Child("up", command, log=home / "up.log", env=env, cwd=shop)
    running.start()
    try:
        running.wait_ready(lambda: "Ctrl-C stops everything" in running.printed())
        words = (line.split() for line in running.printed().splitlines())
        addresses = {line[0]: line[1] for line in words if len(line) == 2}
        yield SimpleNamespace(process=running, addresses=addresses, kept=home / ".conveyor" / "up")
    finally:
        running.stop()


@pytest.fixture(scope="module")
def worker(installed, up, shop):
    """A worker of its own namespace, started in the application's folder.

    The process that runs its tasks is spawned: it finds the modules by its path alone.
    """
    settings = {**_settings(up, "worker"), **NAMESPACE, "CONVEYOR_POOL": "prefork"}
    # The web process serves another namespace.
    del settings["CONVEYOR_WEBHOOK_URL"]
    spawned = ["--pool-start-method", "spawn", "--concurrency", "1"]
    running = Child(
        "worker",
        [str(installed / "conveyor"), "worker", "-n", NODE, *spawned],
        log=shop.parent / "worker.log",
        env={**settings, "PYTHONPATH": str(shop)},
        cwd=shop,
    )
    running.start()
    try:
        with closing(Conveyor(broker_url=settings["CONVEYOR_BROKER_URL"])) as conveyor:
            running.wait_ready(consumes(conveyor, NODE))
        yield running
    finally:
        running.stop()


@pytest.mark.parametrize("package", PACKAGES)
def test_a_wheel_holds_its_packages_and_no_stray_file(wheels, package):
    with zipfile.ZipFile(wheels[package]) as archive:
        names = set(archive.namelist())

    described = {name for name in names if name.split("/")[0].endswith(".dist-info")}
    below = RUNTIME if package == "conveyor" else ()
    runtime = {f"conveyor/_runtime/{name}" for each in below for name in _files_of(each)}
    top = {name for each in PACKAGES[package] for name in _files_of(each)}
    assert names - described == top | runtime
    assert {name.split("/", 1)[1] for name in described} == METADATA
    assert not [name for name in names if name.startswith("tests/") or "/test_" in name]


def test_the_source_distribution_holds_what_the_wheel_is_built_from(distributions):
    (path,) = distributions["conveyor"].glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}

    described = {"PKG-INFO", ".gitignore", "pyproject.toml"}
    described |= {"README.md", "LICENSE", "CHANGELOG.md"}
    packages = {name for each in (*PACKAGES["conveyor"], *RUNTIME) for name in _files_of(each)}
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
    of_a_producer, up, worker, shop, document
):
    (shop / "convert.py").write_text(APPLICATION)

    result = subprocess.run(
        [of_a_producer, "-W", "error", "convert.py", str(document)],
        cwd=shop,
        env={**_settings(up, "producer"), **NAMESPACE},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"state": "succeeded", "name": "a.html", "clashing": []}


def test_the_test_kit_finds_the_wheels_own_stack(installed, shop):
    code = "from conveyor.testing import stack; print(stack._local_stack().__module__)"
    found = subprocess.run(
        [installed / "python", "-c", code],
        cwd=shop,
        env=_outside_of_the_checkout({}),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (found.stdout, found.stderr) == ("local_stack.stack\n", "")


def test_a_worker_of_the_wheel_answers_celerys_own_commands(installed, up, worker, shop):
    command = [installed / "python", "-m", "celery", "-A", "conveyor.worker"]
    asked = subprocess.run(
        [*command, "inspect", "ping", "-d", NODE],
        cwd=shop,
        env=_settings(up, "worker"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert asked.returncode == 0, asked.stderr
    assert "pong" in asked.stdout


def test_sigterm_ends_a_worker_of_the_wheel_warm(worker):
    """It runs in the process that was started, and not in one below it."""
    worker.stop()

    assert worker.exit_status == 0
    assert "Warm shutdown" in worker.printed()


def test_up_converts_serves_its_page_and_shows_its_tasks(of_a_producer, up, tmp_path, document):
    result = subprocess.run(
        [of_a_producer, "-c", CONVERT, str(document)],
        cwd=tmp_path,
        env=_settings(up, "producer"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (result.stdout, result.stderr) == ("succeeded\n", "")
    for name, words in (("page", b"<title>"), ("API", b"<title>"), ("Flower", b"Flower")):
        with urllib.request.urlopen(up.addresses[name], timeout=60) as answer:
            assert words in answer.read()


def test_up_ends_with_all_that_it_has_started(up):
    up.process.stop()

    assert up.process.exit_status == 0
    assert up.process.printed().endswith("\nstopped; nothing is left running\n")


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


def _settings(up, whose):
    """What a reader has who sources the file; no API secret is among a producer's."""
    lines = shlex.split((up.kept / f"{whose}.env").read_text())
    named = dict(word.split("=", 1) for word in lines if word != "export")
    return {**_outside_of_the_checkout({}), **named}


def _outside_of_the_checkout(settings):
    environment = child_environment(settings, os.environ)
    environment.pop("PYTHONPATH", None)
    return environment
