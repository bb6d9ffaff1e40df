from __future__ import annotations

import inspect
import typing

import pytest

import conveyor
from conveyor import errors


def test_promised_names_exist():
    assert [name for name in conveyor.__all__ if not hasattr(conveyor, name)] == []
    assert sorted(conveyor.__all__) == conveyor.__all__


def test_nothing_else_stands_beside_it():
    public = {
        name
        for name, value in vars(conveyor).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }

    assert public == set(conveyor.__all__)


def test_every_error_that_can_reach_a_caller_is_public():
    assert set(errors.__all__) <= set(conveyor.__all__)


def _methods():
    for name in conveyor.__all__:
        public = getattr(conveyor, name)
        for method, value in vars(public).items():
            function = getattr(value, "fget", None) or getattr(value, "__func__", value)
            if inspect.isfunction(function) and not method.startswith("_"):
                yield pytest.param(function, id=f"{name}.{method}")


@pytest.mark.parametrize("method", list(_methods()))
def test_every_public_method_says_what_it_does_and_gives(method):
    assert inspect.getdoc(method)
    assert "return" in typing.get_type_hints(method)
