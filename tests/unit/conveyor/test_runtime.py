"""Which `config`, `tasks`, `web` and `workers` a process of ours imports."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from conveyor import SettingsError, runtime

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _path_and_modules_are_restored(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = dict(sys.modules)
    yield
    for name in [name for name in sys.modules if name not in before]:
        del sys.modules[name]
    sys.modules.update(before)


@pytest.fixture
def wheel(tmp_path):
    """The folder of a wheel, with packages that say where they are from."""
    return folder_of(tmp_path / "conveyor" / "_runtime", "the wheel")


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """An application's folder, in which the process was started."""
    shop = folder_of(tmp_path / "shop", "the shop")
    (shop / "workers" / "missing.py").write_text("")
    monkeypatch.chdir(shop)
    monkeypatch.syspath_prepend(str(shop))
    return shop


def folder_of(folder, owner):
    for name in runtime.PACKAGES:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f"OWNER = {owner!r}\n")
        (folder / name / "part.py").write_text(f"OWNER = {owner!r}\n")
    return folder


def owners():
    every = [*runtime.PACKAGES, *(f"{name}.part" for name in runtime.PACKAGES)]
    return {importlib.import_module(name).OWNER for name in every}


def test_a_checkout_runs_its_own_folders():
    assert runtime.find() == ROOT


def test_a_wheel_runs_what_it_holds_and_not_what_lies_beside_it(wheel, tmp_path):
    folder_of(tmp_path / "beside", "somebody")

    assert runtime.find((wheel, tmp_path / "beside")) == wheel


def test_an_installation_without_them_says_what_to_do(tmp_path):
    (tmp_path / "workers").mkdir()

    with pytest.raises(SettingsError, match="Install conveyor-convertapi again"):
        runtime.find((tmp_path,))


def test_ours_are_imported_where_an_application_comes_first_on_the_path(wheel, shop):
    runtime.enter(wheel)

    assert owners() == {"the wheel"}
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("workers.missing")


def test_ours_are_imported_where_an_applications_were_imported_before(wheel, shop):
    for name in [name for name in sys.modules if name.split(".")[0] in runtime.PACKAGES]:
        del sys.modules[name]
    assert owners() == {"the shop"}

    runtime.enter(wheel)

    assert owners() == {"the wheel"}


def test_ours_are_imported_while_celery_puts_the_working_directory_first(wheel, shop):
    runtime.enter(wheel)
    sys.path.insert(0, str(shop))

    assert owners() == {"the wheel"}


def test_ours_come_first_on_the_path_of_what_is_spawned_and_the_working_directory_last(wheel, shop):
    before = [each for each in sys.path if each not in ("", str(shop))]

    runtime.enter(wheel)

    assert sys.path == [str(wheel), *before, str(shop)]


def test_entering_twice_changes_nothing(wheel, shop):
    runtime.enter(wheel)
    path, modules = list(sys.path), {name: sys.modules[name] for name in runtime.PACKAGES}

    runtime.enter(wheel)

    assert sys.path == path
    assert {name: sys.modules[name] for name in runtime.PACKAGES} == modules


def test_a_checkout_that_is_the_working_directory_comes_first(wheel, monkeypatch):
    monkeypatch.chdir(wheel)

    runtime.enter(wheel)

    assert sys.path[0] == str(wheel)
    assert str(wheel) not in sys.path[1:]


def test_a_working_directory_that_is_gone_is_no_obstacle(wheel, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    runtime.enter(wheel)

    assert owners() == {"the wheel"}


def test_one_package_is_taken_without_the_others(wheel, shop):
    for name in [name for name in sys.modules if name.split(".")[0] in runtime.PACKAGES]:
        del sys.modules[name]
    before = list(sys.path)

    runtime.take(wheel / "tasks")

    assert importlib.import_module("tasks.part").OWNER == "the wheel"
    assert sys.path == before
    assert importlib.import_module("config").OWNER == "the shop"
