from __future__ import annotations

import tomllib
from pathlib import Path

Dockerfile = list[tuple[str, str]]


def arguments(dockerfile: Dockerfile, instruction: str) -> list[str]:
    return [text for name, text in dockerfile if name == instruction]


def test_it_needs_no_frontend_from_elsewhere(root: Path) -> None:
    assert "syntax=" not in (root / "Dockerfile").read_text()


def test_it_builds_on_the_slim_image_alone(dockerfile: Dockerfile) -> None:
    froms = [text.split() for text in arguments(dockerfile, "FROM")]
    stages = {words[2] for words in froms}

    assert {words[0] for words in froms} - stages == {"python:3.12-slim"}


def test_both_images_run_without_privileges(dockerfile: Dockerfile) -> None:
    froms = arguments(dockerfile, "FROM")

    assert arguments(dockerfile, "USER") == ["conveyor"]
    assert dockerfile.index(("USER", "conveyor")) > dockerfile.index(
        ("FROM", "python:3.12-slim AS base")
    )
    assert froms[-2:] == ["base AS sandbox", "base AS worker"]


def test_it_stops_warm(dockerfile: Dockerfile) -> None:
    assert arguments(dockerfile, "STOPSIGNAL") == ["SIGTERM"]
    # In exec form: a shell between would keep the signal to itself.
    assert all(text.startswith("[") for text in arguments(dockerfile, "CMD"))


def test_it_installs_what_was_tested(dockerfile: Dockerfile) -> None:
    installs = [text for text in arguments(dockerfile, "RUN") if "pip install" in text]

    assert installs
    assert all("--constraint constraints.txt" in text for text in installs)


def test_its_extras_exist(root: Path, dockerfile: Dockerfile) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    (default,) = arguments(dockerfile, "ARG")

    extras = set(default.removeprefix("EXTRAS=").split(","))

    assert extras <= set(project["optional-dependencies"])
    # pandoc is GPL: it comes with the sandbox, and only there.
    assert "sandbox" not in extras


def test_the_sandbox_image_holds_the_sandbox_alone(dockerfile: Dockerfile) -> None:
    start = dockerfile.index(("FROM", "build AS build-sandbox"))
    stage = dockerfile[start + 1 : start + 3]

    assert stage == [
        ("COPY", "convertapi_sandbox convertapi_sandbox"),
        ("RUN", "pip install --constraint constraints.txt ./convertapi_sandbox"),
    ]


def test_the_context_holds_what_it_copies(root: Path, dockerfile: Dockerfile) -> None:
    sent = {
        line.removeprefix("!")
        for line in (root / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = {
        source
        for text in arguments(dockerfile, "COPY")
        if not text.startswith("--from")
        for source in text.split()[:-1]
    }

    assert copied == sent
