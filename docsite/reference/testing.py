"""The test kit's reference: the fixtures of pytest, and a section for each public name."""

from __future__ import annotations

import inspect
from typing import Any, Final

import pytest_conveyor
from conveyor import testing
from conveyor.testing.asserting import Asserting
from conveyor.testing.driving import Driving
from docsite.markdown import code, sentence, table

__all__ = ["page"]

_HEAD: Final = """# Test kit

You import it from `conveyor.testing` in your tests, and it needs the extra `testing`. [Test your
application](../how-to/test-your-application.md) shows how.

## Fixtures of pytest

"""
# Those of `Conveyor` stand on the library's page.
_OWN: Final = (Asserting, Driving)


def page() -> str:
    """The page's Markdown."""
    fixtures = [(code(name), sentence(_summary(name))) for name in pytest_conveyor.__all__]
    names = sorted(testing.__all__, key=lambda name: name != "FakeConveyor")
    entries = "\n".join(map(_entry, names))
    return f"{_HEAD}{table(('fixture', 'what it gives you'), fixtures)}\n\n## Names\n\n{entries}"


def _summary(name: str) -> str:
    fixture: Any = getattr(pytest_conveyor, name)
    text = inspect.getdoc(inspect.unwrap(getattr(fixture, "_fixture_function", fixture))) or ""
    return " ".join(text.split("\n\n")[0].split())


def _entry(name: str) -> str:
    where = f"::: conveyor.testing.{name}\n"
    if name != "FakeConveyor":
        return where
    members = [each for part in _OWN for each in vars(part) if not each.startswith("_")]
    return f"{where}    options:\n      inherited_members: [{', '.join(members)}]\n"
