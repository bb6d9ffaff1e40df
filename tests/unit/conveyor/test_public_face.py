from __future__ import annotations

import ast
import inspect
import pickle
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import conveyor
from conveyor import errors

_NOT_A_PRODUCERS = (
    "conveyor.planning.capacity",
    "conveyor.planning.reckoning",
    "conveyor.cli",
    "conveyor.convertapi",
    "conveyor.diagnosis.doctor",
    "conveyor.live",
    "convertapi_sandbox",
)


def test_promised_names_exist():
    assert [name for name in conveyor.__all__ if not hasattr(conveyor, name)] == []
    assert sorted(conveyor.__all__) == conveyor.__all__


def test_nothing_else_stands_beside_it():
    public = {name for name in dir(conveyor) if not name.startswith("_")}

    assert {name for name in public if not inspect.ismodule(getattr(conveyor, name))} == set(
        conveyor.__all__
    )


def test_type_checkers_see_each_name_where_it_is_loaded_from():
    tree = ast.parse(Path(conveyor.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))

    assert {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    } == conveyor._MODULES


def test_a_misspelt_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'conveyor' has no attribute 'Conveyer'"):
        conveyor.Conveyer  # noqa: B018  # reading it is what raises


def test_star_import_brings_every_public_name():
    names = {}
    exec("from conveyor import *", names)

    assert set(conveyor.__all__) <= set(names)


@pytest.mark.parametrize("name", ["Conversion", "ConversionFailed", "State", "AccountStatus"])
def test_public_class_survives_pickling(name):
    public = getattr(conveyor, name)

    assert pickle.loads(pickle.dumps(public)) is public


def _loaded_by(statement):
    """The modules that a fresh interpreter has after a statement."""
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(ran.stdout.split())


def test_import_conveyor_loads_no_other_package():
    loaded = _loaded_by("import conveyor")

    assert {name for name in loaded if name.startswith("conveyor")} == {"conveyor"}
    assert not loaded & {"celery", "kombu", "redis", "pydantic", "pydantic_settings", "asyncio"}


@pytest.mark.parametrize("name", ["ConversionFailed", "State"])
def test_import_of_an_error_or_a_record_loads_no_client(name):
    loaded = _loaded_by(f"from conveyor import {name}")

    assert not loaded & {"celery", "kombu", "redis", "pydantic", "fsspec", "urllib3", "asyncio"}


def test_import_of_the_producer_loads_nothing_that_only_workers_or_the_command_line_need():
    loaded = _loaded_by("from conveyor import Conveyor")

    assert not loaded & {"requests", "urllib3", "tenacity", "fsspec", "typer", "rich", "structlog"}
    assert not {name for name in loaded if name.startswith(_NOT_A_PRODUCERS)}


def test_help_and_completion_of_the_command_line_load_no_client():
    loaded = _loaded_by("import conveyor.cli.app")

    assert not loaded & {"celery", "kombu", "redis", "requests", "fsspec", "pydantic_settings"}


def test_every_error_that_can_reach_a_caller_is_public():
    assert set(errors.__all__) <= set(conveyor.__all__)


def _own(public):
    """What a class of ours, or one that it is made of, defines."""
    for each in public.__mro__:
        if each.__module__.startswith("conveyor"):
            yield from vars(each).items()


def _methods():
    for name in conveyor.__all__:
        public = getattr(conveyor, name)
        for method, value in _own(public):
            function = getattr(value, "fget", None) or getattr(value, "__func__", value)
            if inspect.isfunction(function) and not method.startswith("_"):
                yield pytest.param(function, id=f"{name}.{method}")


@pytest.mark.parametrize("method", list(_methods()))
def test_every_public_method_says_what_it_does_and_gives(method):
    assert inspect.getdoc(method)
    assert "return" in typing.get_type_hints(method)
