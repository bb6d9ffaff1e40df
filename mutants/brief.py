"""A pytest plugin that has Hypothesis try few examples: a fault is tried on many tests.

Load it with ``-p mutants.brief``. A test that asks for a number of its own keeps it.
"""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import settings

__all__: list[str] = []

_EXAMPLES: Final = 25


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    """Take fewer, once the project has said how it wants its examples."""
    settings.register_profile("mutants", settings(), max_examples=_EXAMPLES)
    settings.load_profile("mutants")
