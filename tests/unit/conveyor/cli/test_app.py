from __future__ import annotations

import sys
from pathlib import Path

import pytest
import typer.main

from conveyor import __main__, __version__
from conveyor.cli.app import app
from conveyor.cli.processes import PROCESSES

ROOT = Path(__file__).parents[4]


@pytest.fixture
def conveyor(monkeypatch, capsys):
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["conveyor", *arguments])
        with pytest.raises(SystemExit) as ended:
            __main__.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


def forget(monkeypatch, prefix: str) -> None:
    for name in [name for name in sys.modules if name.startswith(prefix)]:
        monkeypatch.delitem(sys.modules, name)


class Missing:
    """Finds no package of one name, as where it is not installed."""

    def __init__(self, package):
        self.package = package

    def find_spec(self, name, path=None, target=None):
        if name == self.package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_version(conveyor):
    assert conveyor("--version") == (0, f"conveyor {__version__}\n", "")


def test_help_names_every_command(conveyor):
    status, out, _ = conveyor("--help")
    assert status == 0
    for command in (
        "convert",
        "get",
        "wait",
        "list",
        "status",
        "formats",
        "completion",
        "cancel",
        "dead",
        "account",
        "doctor",
        "capacity",
        "sandbox",
        "worker",
        "web",
        "flower",
        "up",
    ):
        assert f"\n  {command} " in out


@pytest.mark.parametrize(
    "arguments",
    [("--nonsense",), ("nonsense",), ("convert",), ("convert", "a.docx"), ("dead", "purge")],
)
def test_wrong_usage_is_status_2(conveyor, arguments):
    status, _, err = conveyor(*arguments)
    assert status == 2
    assert "--help" in err


def _leaves(command, words=()):
    """Every command that is no group, by the words that call it."""
    for name, inner in getattr(command, "commands", {}).items():
        yield from _leaves(inner, (*words, name))
    if not hasattr(command, "commands"):
        yield words, command


LEAVES = dict(_leaves(typer.main.get_command(app)))
# They serve until they are ended, and read options of their own or print what comes in.
SERVERS = {("sandbox",), ("callbacks", "listen"), *((name,) for name in PROCESSES)}


@pytest.mark.parametrize("words", sorted(LEAVES.keys() - SERVERS), ids=" ".join)
def test_every_command_that_prints_a_result_takes_json_and_its_shape_is_documented(words):
    options = {option for parameter in LEAVES[words].params for option in parameter.opts}
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    shapes = page.partition("## For programs")[2].partition("\n## ")[0]

    assert "--json" in options
    assert f"`{' '.join(words)}`" in shapes


@pytest.mark.parametrize("package", ["typer", "rich"])
def test_without_the_extra_cli_one_line_says_how_to_install_it(conveyor, monkeypatch, package):
    forget(monkeypatch, "conveyor.cli")
    forget(monkeypatch, package)
    monkeypatch.setitem(sys.modules, package, None)
    status, _, err = conveyor("--version")
    assert status == 2
    assert err == (
        f"error: the command line needs the package {package}. "
        "Install it from a checkout: pip install -c constraints.txt '.[cli]'\n"
    )


@pytest.mark.parametrize("package", ["convertapi_sandbox", "starlette"])
def test_without_the_sandbox_one_line_says_how_to_install_it(conveyor, monkeypatch, package):
    forget(monkeypatch, "convertapi_sandbox")
    forget(monkeypatch, package)
    monkeypatch.setattr(sys, "meta_path", [Missing(package), *sys.meta_path])
    status, _, err = conveyor("sandbox", "--port", "0")
    assert status == 2
    assert err.startswith(f"error: the sandbox needs the package {package}")
    assert err.endswith(
        "Install it from a checkout: "
        "pip install -c constraints.txt ./convertapi_sandbox '.[sandbox]'\n"
    )


def test_a_module_that_the_sandbox_itself_lacks_is_a_bug_and_no_missing_package(
    conveyor, monkeypatch
):
    forget(monkeypatch, "convertapi_sandbox")
    monkeypatch.setitem(sys.modules, "convertapi_sandbox.server", None)
    status, _, err = conveyor("sandbox", "--port", "0")
    assert status == 1
    assert "unexpected ModuleNotFoundError" in err
    assert "pip install" not in err


def test_the_sandbox_reads_its_own_options(conveyor):
    status, out, _ = conveyor("sandbox", "--help")
    assert status == 0
    assert "--fault" in out
