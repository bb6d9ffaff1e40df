from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

PROJECTS = ("pyproject.toml", "convertapi_sandbox/pyproject.toml")
PIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[^ ;@/]+")


@pytest.fixture
def lines(root: Path) -> list[str]:
    text = (root / "constraints.txt").read_text()
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_every_line_is_an_exact_pin(lines: list[str]) -> None:
    assert [line for line in lines if not PIN.fullmatch(line)] == []


def test_pins_are_sorted_and_single(lines: list[str]) -> None:
    names = [line.split("==")[0].lower() for line in lines]

    assert sorted(lines, key=str.upper) == lines
    assert len(set(names)) == len(names)


def test_every_direct_dependency_is_pinned(root: Path, lines: list[str]) -> None:
    ours = [tomllib.loads((root / name).read_text()) for name in PROJECTS]
    wanted = [item for document in ours for item in requirements(document)]
    pinned = {normalized(line.split("==")[0]) for line in lines}

    # A group may name another, whose items are here, too.
    named = [item for item in wanted if isinstance(item, str)]
    names = {normalized(re.split(r"[\[<>=~!; ]", item)[0]) for item in named}

    assert names - pinned == {document["project"]["name"] for document in ours}


def requirements(document: dict[str, Any]) -> list[str]:
    project = document["project"]
    return [
        *project["dependencies"],
        *(item for extra in project.get("optional-dependencies", {}).values() for item in extra),
        *(item for group in document.get("dependency-groups", {}).values() for item in group),
        *document["build-system"]["requires"],
    ]


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
