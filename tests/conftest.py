from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes, and how many are made in a second, are the machine's matter; a hang is
# pytest-timeout's.
settings.register_profile("any_speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any_speed")

# Begun first: xdist hands out whole files in this order, and a long one that begins last would keep
# the other processes waiting.
_LONGEST = (
    "tests/acceptance/crash/",
    "tests/acceptance/neighbour/",
    "tests/acceptance/processes/",
    "tests/integration/processes/",
    "tests/acceptance/web/test_large_files.py",
)


def pytest_collection_modifyitems(items):
    items.sort(key=_place)


def _place(item):
    """Where a test stands; those of a file stay together, as they were."""
    known = (n for n, start in enumerate(_LONGEST) if item.nodeid.startswith(start))
    return next(known, len(_LONGEST))


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch):
    """A test sees the settings that it makes, and no others."""
    for name in [name for name in os.environ if name.upper().startswith("CONVEYOR_")]:
        monkeypatch.delenv(name)
