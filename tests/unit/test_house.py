"""Rules of the house that no tool checks."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("conveyor", "config", "workers", "tasks", "web")
MODULES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

# Children of the local stack get the machine's environment; the sandbox's programs are others'.
MAY_PASS_ON_THE_ENVIRONMENT = ("workers/local/", "conveyor/sandbox/")


def _name(path):
    return path.relative_to(ROOT).as_posix()


def _tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_says_what_it_is(path):
    docstring = ast.get_docstring(_tree(path))

    assert docstring
    assert docstring.splitlines()[0].endswith((".", ":"))


def _reads_environment(tree):
    """The lines that touch the process's environment, however `os` is imported."""
    named = {"environ", "environb", "getenv", "getenvb", "putenv"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in named:
            yield node.lineno
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (node.lineno for alias in node.names if alias.name in named)


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if not _name(path).startswith(MAY_PASS_ON_THE_ENVIRONMENT)],
    ids=_name,
)
def test_the_environment_is_read_by_the_settings_alone(path):
    """Pydantic reads it for them; nobody else asks."""
    assert list(_reads_environment(_tree(path))) == []


@pytest.mark.parametrize(
    "text",
    ["import os\nos.environ['A']", "from os import environ", "import os as o\no.getenv('A')"],
)
def test_a_look_at_the_environment_is_seen(text):
    assert list(_reads_environment(ast.parse(text)))


def _settings_classes(tree):
    for node in ast.walk(tree):
        bases = node.bases if isinstance(node, ast.ClassDef) else ()
        if any(isinstance(base, ast.Name) and "Settings" in base.id for base in bases):
            yield node.name


def test_settings_stand_in_three_modules():
    assert {_name(path) for path in MODULES if list(_settings_classes(_tree(path)))} == {
        "config/settings.py",
        "config/web.py",
        "conveyor/settings.py",
    }


def test_the_wheel_holds_the_library_alone():
    assert PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["conveyor"]


def test_the_version_is_said_once_more_and_the_same():
    import conveyor  # noqa: PLC0415 - the only test here that imports

    assert conveyor.__version__ == PROJECT["project"]["version"]


def test_every_package_is_checked_by_types_and_imports():
    assert set(PROJECT["tool"]["mypy"]["packages"]) == {*PACKAGES, "chaos"}
    assert set(PROJECT["tool"]["importlinter"]["root_packages"]) == set(PACKAGES)


def test_every_script_for_redis_tells_its_keys():
    scripts = list((ROOT / "conveyor" / "ledger" / "scripts").glob("*.lua"))

    assert scripts
    for script in scripts:
        assert "-- KEYS[1]" in script.read_text(encoding="utf-8"), script.name
