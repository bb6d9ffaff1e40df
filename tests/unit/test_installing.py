"""Nothing of ours is in an index: every message and page says how to install it from a checkout."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from conveyor.installing import how_to_install

ROOT = Path(__file__).parents[2]
FOLDERS = ("benchmarks", "chaos", "config", "conveyor", "convertapi_sandbox", "docs", "examples")
FOLDERS += ("tasks", "web", "workers")
KINDS = {".html", ".js", ".md", ".py", ".toml"}
BESIDE = ("*.md", "*.yml", "*.toml", "constraints.txt", "Dockerfile", "Makefile", ".ci/run")
FILES = sorted(
    [path for pattern in BESIDE for path in ROOT.glob(pattern)]
    + [path for name in FOLDERS for path in (ROOT / name).rglob("*") if path.suffix in KINDS]
)

_OURS = r"(?:conveyor|conveyor[-_]convertapi|convertapi[-_]sandbox)"
_FROM_AN_INDEX = re.compile(rf"""\bpip\b.*\binstall\b[^`]*?[\s"']{_OURS}(?![\w./-])""")
_OF_AN_EXTRA = re.compile(r"\bpip\b.*\binstall\b.*[\"']\.\[[^\]]+\]")
_OF_THE_SANDBOX = re.compile(r"\bpip\b.*\binstall\b.*[\"']\.\[[^\]]*\bsandbox\b")


def _faults(text):
    """Commands that install what is in no index, or other releases than those that were tested."""
    for line in text.splitlines():
        if _FROM_AN_INDEX.search(line):
            yield f"from an index: {line}"
        if _OF_AN_EXTRA.search(line) and "constraints" not in line:
            yield f"without constraints: {line}"
        if _OF_THE_SANDBOX.search(line) and "./convertapi_sandbox" not in line:
            yield f"the sandbox is missing: {line}"


def test_nobody_is_told_to_install_what_is_not_published():
    found = {str(path.relative_to(ROOT)): list(_faults(path.read_text())) for path in FILES}

    assert {name: faults for name, faults in found.items() if faults} == {}


@pytest.mark.parametrize(
    "line",
    [
        "pip install conveyor",
        "pip install 'conveyor[jwt]'",
        'python -m pip install -q "conveyor-convertapi[cli]"',
        "uv pip install convertapi-sandbox",
        "pip install -c constraints.txt conveyor_convertapi",
        "pip install '.[cli]'",
        "pip install -c constraints.txt '.[cli,sandbox]'",
    ],
)
def test_a_command_that_would_fail_is_seen(line):
    assert list(_faults(line))


@pytest.mark.parametrize(
    "line",
    [
        "pip install .",
        "With `pip install .` your application imports `conveyor`",
        "pip install -c constraints.txt ./convertapi_sandbox",
        "pip install -c constraints.txt ./convertapi_sandbox '.[cli,sandbox]'",
        "pip install django",
        "the wheel installs conveyor/__init__.py",
    ],
)
def test_a_command_that_works_is_left_alone(line):
    assert not list(_faults(line))


def test_every_extra_has_a_command_that_works():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert [list(_faults(how_to_install(name))) for name in project["optional-dependencies"]] == [
        [] for _ in project["optional-dependencies"]
    ]
